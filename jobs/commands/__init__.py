"""The commands of `aevae`, by subject. Each imports what it needs, so that `--help` is quick."""
