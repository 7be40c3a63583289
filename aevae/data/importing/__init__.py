"""Import of a user's own images into one staged file.

A module per kind of source gives a `source.Source`. What follows
is the same for all: `shapes`, `values` and `labels` turn it into uint8 images and classes, and
`stage` writes them. Images pass through in blocks, so memory does not grow with their number.
"""
