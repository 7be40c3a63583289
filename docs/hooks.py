"""Hooks of the documentation site: pages from outside docs/, commands, and links between pages.

README.md and others stand where a reader of the repository expects them, so they are taken into the
site from there. The page of the commands ends with what they print for ``--help``, the page of the
Python interface has its docstrings, and the page of the settings lists them from their classes.
"""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import aevae
import analysis
from aevae.config import DataConfig, EvaluationConfig, Frozen, ModelConfig, TrainConfig
from aevae.execution import ExecutionConfig

ROOT = Path(__file__).parents[1]
# Pages of the site that stand elsewhere in the repository.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "slurm/README.md": "clusters.md",
    "slurm/onehost/README.md": "onehost.md",
}
# The classes that hold the settings of a sweep, by the table of its file.
SETTINGS: dict[str, type[Frozen]] = {
    "model": ModelConfig,
    "train": TrainConfig,
    "data": DataConfig,
    "evaluation": EvaluationConfig,
    "execution": ExecutionConfig,
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
COMMAND = re.compile(r"^│ ([a-z]+) ", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?:|#|mailto:)([^)\s]+)\)")
IMAGE = re.compile(r"(src=\"|!\[[^\]]*\]\()(?!https?:)([^)\"\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not stand in docs/."""
    for source, target in OUTSIDE.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "python.md", content=python()))
    files.append(File.generated(config, "settings.md", content=settings()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of a page, which are right in the repository, to the pages of the site.

    A link to what is not on the site, such as a program, becomes plain text.
    """
    here = page.file.src_uri
    at = {target: source for source, target in OUTSIDE.items()}.get(here, f"docs/{here}")

    def found(link: str) -> str | None:
        path, _, anchor = link.partition("#")
        place = os.path.normpath(PurePosixPath(at).parent / path)
        target = OUTSIDE.get(place, place.removeprefix("docs/"))
        if files.get_file_from_path(target) is None:
            return None
        moved = os.path.relpath(target, PurePosixPath(here).parent)
        return f"{moved}#{anchor}" if anchor else moved

    def image(match: re.Match[str]) -> str:
        return match[1] + (found(match[2]) or match[2])

    def link(match: re.Match[str]) -> str:
        target = found(match[2])
        return match[1] if target is None else f"[{match[1]}]({target})"

    text = LINK.sub(link, IMAGE.sub(image, markdown))
    return text + commands() if here == "commands.md" else text


def python() -> str:
    """List what both packages offer to programs; the text is that of the docstrings."""
    heading = "heading_level: 3\n      show_root_full_path: false"
    parts = ["# Python", "What programs may import; see [using a trained model](using-a-model.md)."]
    for package in (aevae, analysis):
        parts.append(f"## {package.__name__}")
        for name in package.__all__:
            module = getattr(package, name).__module__
            parts.append(f"::: {module}.{name}\n    options:\n      {heading}")
    return "\n\n".join(parts) + "\n"


def settings() -> str:
    """List all settings of a sweep's file: defaults, valid values, and what their class says."""
    parts = [
        "# Settings",
        "The settings of the tables of a sweep's file; see [designing a sweep]"
        "(designing-a-sweep.md). On the command line, `--set train.epochs=2` replaces `epochs` of "
        "the table `[train]`. A table such as `[vae]` has the keys of `[model]` for one kind of "
        "model.",
    ]
    for table, owner in SETTINGS.items():
        rows = ["| key | default | valid | meaning |", "| --- | --- | --- | --- |"]
        schemas, meanings = owner.model_json_schema()["properties"], _meanings(owner)
        for name, schema in schemas.items():
            if name not in ("kind", "latent_size"):  # their lists stand outside the tables
                default = json.dumps(schema["default"], ensure_ascii=False)
                cells = f"`{name}`", f"`{default}`", _valid(schema), meanings.get(name, "")
                rows.append(f"| {' | '.join(cells)} |")
        parts += [f"## [{table}]", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _valid(schema: dict[str, Any]) -> str:
    """Write which values a setting takes, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(_valid(choice) for choice in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        return f"list of: {_valid(schema['items'])}"
    words = {"integer": "whole number", "boolean": "`true`, `false`", "string": "text"}
    bounds = [f"{sign} {schema[key]:,}" for key, sign in BOUNDS.items() if key in schema]
    return " ".join([words.get(schema["type"], schema["type"]), " and ".join(bounds)]).strip()


def _meanings(owner: type[Frozen]) -> dict[str, str]:
    """Return the strings below the fields of a class, in one line, by the field's name."""
    (body,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(text.value, ast.Constant)
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def commands() -> str:
    """Write what every command prints for ``--help``."""
    parts = [part for program in ("aevae", "aevae-analysis") for part in _sections([program])]
    return "\n\n".join(["", *parts, ""])


def _sections(command: list[str]) -> list[str]:
    """Write a section for a command, and for each command below it."""
    text = _help(command)
    parts = [f"{'#' * (1 + len(command))} {' '.join(command)}", f"```text\n{text.strip()}\n```"]
    listed = text.partition("─ Commands ─")[2]  # and the boxes below, which have other titles
    for name in COMMAND.findall(listed):
        parts += _sections([*command, name])
    return parts


def _help(command: list[str]) -> str:
    program = Path(sys.executable).parent / command[0]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [program, *command[1:], "--help"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return done.stdout
