"""What a trained model makes of the images, as arrays for the results file; a module per subject.

`evaluate` puts the parts together. The modules of the parts do not import each other.
"""
