"""The pages say what the commands do."""

import re
from pathlib import Path

from aevae.errors import ExitCode

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_commands_has_every_exit_code():
    page = (ROOT / "docs" / "commands.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", page, re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(c.value, c.name) for c in ExitCode]
