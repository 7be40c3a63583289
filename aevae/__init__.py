"""The science: what a run is, its data, its models, its training, and the files it leaves.

`training` uses `models` and `data`; these use `files`; all use the modules of this folder. Nothing
here knows a cluster, a sweep of many runs, or a figure.
"""
