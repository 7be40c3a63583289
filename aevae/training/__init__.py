"""One run from its configuration to its published results: train, save, resume, evaluate.

This package may import all other packages of `aevae`. Most of its modules import torch, so
launching and analysis must not import them.
"""
