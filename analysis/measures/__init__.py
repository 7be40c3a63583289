"""What takes a sweep and measures it, where several tables, figures or findings share the result.

May import `analysis.sweep`, `analysis.maths` and `analysis.write`. A formula belongs to `maths`.
"""
