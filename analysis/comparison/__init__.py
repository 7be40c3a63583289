"""Several sweeps side by side: which cells belong together, and how much their errors differ.

May import `analysis.figures` and what lies below it.
"""
