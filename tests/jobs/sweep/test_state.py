"""What a state means, and that the commands and the README name exit codes alike."""

import re
from pathlib import Path

from aevae.errors import ExitCode
from jobs.sweep.state import State

README = Path(__file__).parents[3] / "README.md"


def test_every_state_says_who_moves_it_on():
    # Another launch, a job or process that is at it, or nobody: never two of them.
    for state in State:
        assert not (state.active and (state.terminal or state.resumable)), state
    assert [s for s in State if not (s.active or s.resumable)] == [State.DONE, State.UNKNOWN]


def test_the_readme_names_every_exit_code():
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", README.read_text(), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(c.value, c.name) for c in ExitCode]
