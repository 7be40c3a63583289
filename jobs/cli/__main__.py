"""`python -m jobs.cli` is the `aevae` command."""

from jobs.cli.main import main

main()
