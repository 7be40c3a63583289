"""Who commits with pre-commit must not be told by `make lint` that something is wrong."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_pre_commit_and_make_lint_run_the_same_checks():
    recipe = re.search(r"^lint: .*\n((?:\t.*\n)+)", (REPOSITORY / "Makefile").read_text(), re.M)[1]
    hooks = (REPOSITORY / ".pre-commit-config.yaml").read_text()
    by_make = [_check(line) for line in re.findall(r"\$\(BIN\)/(.*)", recipe)]
    assert [_check(line) for line in re.findall(r"entry: \.venv/bin/(.*)", hooks)] == by_make


def _check(command):
    """Return a program with its options, without the files to which it is applied."""
    # Without --force-exclude, ruff would also check files that it is given by name, but excludes.
    return re.sub(r" (\.|--force-exclude|\$\(wildcard.*)$", "", command)
