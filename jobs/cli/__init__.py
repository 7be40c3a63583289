"""The `aevae` command: one module per group of subcommands, and how states are shown.

May import all other rooms of `jobs`. Modules import what they need inside their functions, so that
`--help` is quick.
"""
