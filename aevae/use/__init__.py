"""Use of trained models: encode, decode, generate, score, and export, on NumPy arrays.

`aevae.load` returns a `model.Model`. The other modules read images of the user and write what a
model makes of them, for the commands. torch is imported only where it computes. This package may
import all other packages of `aevae`.
"""
