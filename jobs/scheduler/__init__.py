"""SLURM: what it is asked, what it is told, and what was recorded of both.

May import `aevae`, but nothing else of `jobs`. Which runs a sweep needs is decided in `jobs.sweep`.
"""
