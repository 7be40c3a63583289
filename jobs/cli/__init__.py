"""The `aevae` command: one module per group of subcommands, and the display of states.

May import all other packages of `jobs`. Most imports stand inside the functions, so that `--help`
is quick.
"""
