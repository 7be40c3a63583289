"""The folder of a sweep: its specification, its runs, their states, and which to launch.

May import `jobs.scheduler`. Nothing here starts or stops a run.
"""
