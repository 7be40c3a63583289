"""What takes a sweep and measures it, where several tables, figures or findings share the result.

A `Study` remembers the results of a command, so that none is computed twice. May import
`analysis.sweep`, `analysis.maths` and `analysis.write`. A formula belongs to `maths`.
"""
