"""The science: runs, their data, models and training, and the files that runs write.

`training` uses `models` and `data`; these use `files`; all use the modules of this folder. No
module here depends on a cluster, on the launching of sweeps, or on figures.
"""
