"""Every command of the pages exists, with its options, and what takes no time is also run.

A block of commands has the language ``sh``. A mark behind it, such as ``sh { .cluster }``, says why
no test runs the block.
"""

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
from PIL import Image

import analysis.cli
import jobs.cli.main
from aevae.config import DataConfig
from aevae.errors import ExitCode

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "slurm/README.md", "slurm/onehost/README.md"]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
# These have tests of their own, which run every command and look at what it made.
TESTED_ELSEWHERE = {
    "docs/using-a-model.md": "tests/use/test_page.py",
    "docs/designing-a-sweep.md": "tests/jobs/cli/test_designing_page.py",
}
MARKS = {"cluster", "network", "hours"}
# Too slow for a run here; tests/analysis and tests/jobs run them on other sweeps.
SLOW = {"report", "tables", "figures", "findings", "embed", "compare", "evaluate"}
PROGRAMS = {"aevae": jobs.cli.main, "aevae-analysis": analysis.cli}
TARGETS = re.findall(r"^([a-z-]+%?):", (ROOT / "Makefile").read_text(), re.MULTILINE)
CALL = re.compile(rf"(make|{'|'.join(PROGRAMS)})\s")
SPEC = """
name = "paper"
models = ["ae", "vae", "cvae"]
latent_sizes = [20]
model.hidden_sizes = [16, 12]
train.epochs = 1
evaluation = { samples_per_sampler = 10, grid_size = 2, outliers = [] }
"""


class Block(NamedTuple):
    """A block of code on a page."""

    language: str
    marks: set[str]
    code: str

    @property
    def commands(self) -> list[list[str]]:
        """The lines that call a command of the project, as words."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [shlex.split(line, comments=True) for line in lines if CALL.match(line)]


def blocks(page: str) -> list[Block]:
    found = re.findall(r"^```(\S*)(.*)\n((?s:.*?))^```", (ROOT / page).read_text(), re.MULTILINE)
    return [Block(lang, set(re.findall(r"\.(\w+)", marks)), code) for lang, marks, code in found]


def inline(page: str) -> list[list[str]]:
    """List the commands within sentences, which often lack arguments, as words."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return [code.split() for code in re.findall(r"`([^`]+)`", text) if CALL.match(code)]


def find(words: list[str]) -> tuple[typer.core.TyperCommand, list[str]]:
    """Find the command that is called; return it and the rest of the words."""
    command, rest = typer.main.get_command(PROGRAMS[words[0]].app), words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def check_make(words: list[str]) -> None:
    targets = [word for word in words[1:] if "=" not in word]
    assert targets
    for target in targets:
        assert target in TARGETS or re.sub("-.*", "-%", target) in TARGETS, target


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_and_takes_what_the_page_gives_it(page):
    for block in blocks(page):
        assert block.language == "sh" or not block.commands, "a block of commands is no sh"
        assert block.marks <= MARKS
        for words in block.commands:
            if words[0] == "make":
                check_make(words)
                continue
            command, rest = find(words)
            command.make_context(words[0], rest)  # raises what is wrong with the arguments


@pytest.mark.parametrize("page", PAGES)
def test_every_command_within_a_sentence_exists_with_its_options(page):
    for words in inline(page):
        if words[0] == "make":
            check_make(words)
        elif not words[1].isupper():
            command, rest = find(words)
            known = {name for option in command.params for name in option.opts} | {"--help"}
            assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known


@pytest.fixture
def folder(add_run, add_dataset, weird, images, monkeypatch, tmp_path):
    """A working folder with what the pages name: a sweep (untrained), pictures, a profile."""
    data = DataConfig()
    for kind in ("ae", "vae", "cvae"):
        add_run(kind, latent_size=20, data=data).attempt(1).root.mkdir(parents=True)
    add_dataset(data)
    (weird / "sweep.toml").write_text(SPEC)
    for name in ("paper", "quickstart"):
        link = tmp_path / "runs" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(weird)
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.zeros((28, 28), "u1")).save(tmp_path / "pictures" / "a.png")
    np.savez(tmp_path / "cells.npz", images=images, labels=np.arange(len(images)) % 2)
    (tmp_path / "my-cluster.toml").write_bytes((ROOT / "slurm/clusters/v100.toml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN_HERE = {
    page: [words for block in blocks(page) if not block.marks for words in block.commands]
    for page in PAGES
    if page not in TESTED_ELSEWHERE
}


@pytest.mark.parametrize("page", [page for page, commands in RUN_HERE.items() if commands])
def test_every_command_without_a_mark_runs(page, folder, monkeypatch, capsys):
    """Sweeps are only planned, and what `make` builds is built by .ci/run."""
    for words in RUN_HERE[page]:
        if words[0] == "make":
            assert " ".join(words[:2]) in (ROOT / ".ci" / "run").read_text()
        elif words[1] not in SLOW:
            plan = ["--dry-run"] * (words[1] == "sweep" and "--dry-run" not in words)
            monkeypatch.setattr(sys, "argv", [*words, *plan])
            with pytest.raises(SystemExit) as ended:
                PROGRAMS[words[0]].main()
            assert not ended.value.code, (words, capsys.readouterr().err)


def test_a_page_with_a_test_of_its_own_has_it():
    for page, test in TESTED_ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text()


def test_the_page_of_the_commands_has_every_exit_code():
    page = (ROOT / "docs" / "commands.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", page, re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(c.value, c.name) for c in ExitCode]
