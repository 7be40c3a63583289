"""The networks and their losses, in torch.

This package may import `aevae.files` and the modules below it. The loop that trains the networks is
in `aevae.training`.
"""
