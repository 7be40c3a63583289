"""Launching: sweeps of many runs, here or on a cluster, and the `aevae` command.

`cli` uses `launch`, which uses `sweep`, which uses `scheduler`. Importing these packages does not
import torch: only a function that trains or looks for a GPU does so.
"""
