"""One run from its configuration to its published results: train, save, resume, evaluate.

May import all other rooms of `aevae`. Importing most modules of this room imports torch, so that
launching and analysis must not.
"""
