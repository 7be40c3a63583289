"""The files on disk: their paths, their content, and how they are written and read.

This package may import the modules of `aevae` itself. It does not import torch, because launching
and analysis read these files too. Computations on their content belong to other packages.
"""
