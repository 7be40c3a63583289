"""Datasets: where they come from, how they are verified and split, and sets of outliers.

May import `aevae.files` and the modules below it. Needs no torch: images are NumPy arrays here.
"""
