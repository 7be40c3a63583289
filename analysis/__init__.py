"""Offline analysis: stored results in; tables and figures out. Needs no torch.

The command line uses `report`; that uses `findings`, `figures`, `tables` and `measures`; these use
`write`, `maths` and `sweep`. The HDF5 files of a sweep are all that this package knows of training.
"""
