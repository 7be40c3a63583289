"""Import of a user's own images into one staged file.

For each kind of source, a module returns a `source.Source`. The next steps are the same for all
sources: `shapes`, `values` and `labels` turn it into uint8 images and classes, and `stage` writes
them. Images are processed in blocks, so the use of memory does not grow with their number.
"""
