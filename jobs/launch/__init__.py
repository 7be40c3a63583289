"""Starting and stopping runs: on this machine, in SLURM jobs, and inside such a job.

May import `jobs.sweep` and `jobs.scheduler`. Output for the user belongs to `jobs.cli`.
"""
