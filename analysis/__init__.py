"""Offline analysis: stored results in; tables and figures out. Needs no torch."""
