"""A sweep as the analysis sees it: which runs have valid results, and which belong together.

The only room that opens the HDF5 files of a sweep. May import `aevae.files` and the modules below
it, and nothing else of `analysis`.
"""
