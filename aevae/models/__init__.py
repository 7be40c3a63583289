"""The networks and their losses, in torch.

May import `aevae.files` and the modules below it. The loop that trains the networks belongs to
`aevae.training`.
"""
