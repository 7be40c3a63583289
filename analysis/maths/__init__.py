"""Formulas in NumPy and SciPy: arrays in, arrays out.

Nothing here opens a file or knows a sweep. May import `aevae.files` for its types only.
"""
