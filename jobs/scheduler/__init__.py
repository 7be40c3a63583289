"""SLURM: questions to it, requests for jobs, and the records of what was submitted.

May import `aevae`, but nothing else of `jobs`. Which runs a sweep needs is decided in `jobs.sweep`.
"""
