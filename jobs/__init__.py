"""Launching: sweeps of many runs, here or on a cluster, and the `aevae` command.

`cli` uses `launch`, which uses `sweep`, which uses `scheduler`. Of `aevae` these rooms import only
what needs no torch; a running job calls `aevae.training.run`, which imports it to train.
"""
