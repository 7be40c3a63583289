"""What the page about the design of sweeps says is what the commands do."""

import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.sweep.folder import Sweep, lay_out
from jobs.sweep.selection import select_runs
from jobs.sweep.spec import SHIPPED_SPECS, load_spec

PAGE = Path(__file__).parents[3] / "docs" / "designing-a-sweep.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text(), re.DOTALL)
COMMANDS = [
    shlex.split(line)
    for kind, block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if kind == "sh" and line.startswith("aevae ")
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the specifications of the page under the names that they give."""
    for kind, block in BLOCKS:
        if kind == "toml":
            name = re.match(r"# (\S+\.toml)", block)
            (tmp_path / (name[1] if name else "my-sweep.toml")).write_text(block)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_lists_every_shipped_sweep():
    listed = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in SHIPPED_SPECS.glob("*.toml"))


def sweeps():
    return [command for command in COMMANDS if command[1] == "sweep"]


def test_every_sweep_of_the_page_can_be_launched_and_is_what_it_shows(folder, monkeypatch, capsys):
    lay_out_rates(folder)
    shown = [block for kind, block in BLOCKS if not kind]
    for command in [*sweeps(), ["aevae", "sweep", "my-sweep.toml"]]:
        monkeypatch.setattr(sys, "argv", [*command, *({"--dry-run"} - set(command))])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code is None, command
        printed = capsys.readouterr()
        assert printed.out
        if "--dry-run" in command:
            # MNIST is not there.
            said = [line for line in printed.err.splitlines() if "refused: MNIST: " not in line]
            assert [line.replace(f"{folder}/", "") for line in said] == shown.pop(0).splitlines()
    assert not shown


def lay_out_rates(folder):
    """Lay out the sweep that the page extends; it needs no training."""
    spec, settings, grids = Path(sweeps()[1][2]), ["seeds=[0,1,2]"], [sweeps()[1][4]]
    loaded = load_spec(spec, settings, grids)
    return lay_out(loaded, loaded.runs("it"), folder / "runs" / "rates")


def test_the_choices_of_the_page_name_runs_of_its_sweep(folder):
    opened = lay_out_rates(folder)
    chosen = {}
    for command in COMMANDS:
        terms = [term for option, term in pairwise(command) if option == "--only"]
        if terms:
            chosen[command[1]] = len(select_runs(Sweep.open(opened.paths.root), terms).run_ids)
    assert chosen == {"sweep": 18 + 9, "status": 36, "cancel": 24}
