"""Datasets: download, verification, split into training, validation and test, and outliers.

This package may import `aevae.files` and the modules below it. It does not import torch; its images
are NumPy arrays.
"""
