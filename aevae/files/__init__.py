"""What stands on disk: where each file lies, what is in it, and how it is written and read.

May import `aevae.config`, `aevae.errors` and `aevae.execution`. Needs no torch, since launching and
analysis read these files too. What is computed from a file's content belongs elsewhere.
"""
