"""Launching: sweep specifications, executors, run states and the `aevae` command."""
