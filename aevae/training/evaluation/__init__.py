"""The evaluation of a trained model, as arrays for ``evaluation.h5``; a module for each subject.

The module `evaluate` calls the others, which do not import each other.
"""
