"""Starting and stopping runs: on this machine, in SLURM jobs, and inside such a job.

May import `jobs.sweep` and `jobs.scheduler`. What is printed for a person belongs to `jobs.cli`.
"""
