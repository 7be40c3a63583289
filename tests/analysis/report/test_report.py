"""The report page of a sweep that lacks runs and has hostile names, as text."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

from aevae.files.layout import SweepPaths
from analysis.cli import app
from analysis.findings import CLAIMS, ClaimResult
from analysis.findings.claim import Verdict
from analysis.findings.result import ControlResult
from analysis.report import explorer, story
from analysis.report.page import FIGURES, TABLES, Content, render

HOSTILE = "<img src=x onerror=alert(1)> ünï & 100 % 'quoted'"


class Page(HTMLParser):
    """Start tags with their attributes, and all text outside of styles and scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._within = [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data):
        if self._within not in ("script", "style"):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def worded(what):
    """What a figure is about, of digits."""
    return what.format(noun="digit", plural="digits")


@pytest.fixture(scope="module")
def sweep_folder(build_sweep, make_config, tmp_path_factory):
    """A VAE with five latents is there, a CVAE is not; no attempt has a record that can be read."""
    root = tmp_path_factory.mktemp("report") / HOSTILE
    configs = [make_config(kind, 5) for kind in ("vae", "cvae")]
    build_sweep(root, configs)
    vae, cvae = (SweepPaths(root).run(config.run_id) for config in configs)
    cvae.trained.unlink()
    attempts = [vae.attempt(number) for number in (1, 2)]
    for attempt in attempts:
        attempt.root.mkdir(parents=True)
    record = {"number": 1, "host": "h", "pid": 1, "process_started": 0.0, "slurm_job_id": None}
    outcome = {"started_at": "2026-01-01T00:00:00+00:00", "outcome": "</td><script>"}
    attempts[0].record.write_text(json.dumps(record | outcome))
    return root


@pytest.fixture(scope="module")
def report(sweep_folder, tmp_path_factory):
    """The page, and what the command said."""
    target = tmp_path_factory.mktemp("page")
    result = CliRunner().invoke(app, ["report", str(sweep_folder), "--to", str(target)])
    return Page((target / "report.html").read_text("utf-8")), result


def test_gaps_are_reported_and_said_on_the_page(report, sweep_folder):
    page, result = report
    assert result.exit_code == 1
    assert result.stdout.strip().endswith("report.html")
    (missing,) = (path.name for path in sweep_folder.glob("runs/cvae*"))
    assert "Partial: 1 of 2 runs." in page.text
    assert f"{missing} missing: no trained.h5" in " ".join(page.text.split())
    assert "No latent explorer: no finished run with latent size 2." in page.text
    assert f"Not shown: {FIGURES['latent_grid']} (no finished run" in page.text
    assert page.text.count("missing: no trained.h5") == 2  # among the gaps, and in the provenance


def test_names_out_of_files_stay_text(report):
    page, _ = report
    assert HOSTILE in page.text
    assert "</td><script>" in page.text  # the name of the host, see `build_sweep`
    assert "1 unfinished, 2 unfinished" in page.text
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert len(page.all("script")) == 2


def test_page_needs_nothing_from_elsewhere(report):
    page, _ = report
    links = [a[k] for _, a in page.tags for k in ("src", "href", "action", "data") if k in a]
    assert all(re.match(r"#|data:", link) for link in links)
    ids = {a["id"] for _, a in page.tags if "id" in a}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_every_picture_is_described_and_every_figure_accounted_for(report):
    page, _ = report
    assert all(len(image["alt"]) > 20 for image in page.all("img"))
    shown = {a["id"].removeprefix("figure-") for a in page.all("figure")}
    absent = {name for name, what in FIGURES.items() if f"Not shown: {worded(what)} (" in page.text}
    # In this sweep no setting varies.
    (settings,) = (section for section in story.SECTIONS if section.name == "settings")
    assert shown | absent == set(FIGURES) - set(settings.figures)
    assert not shown & absent


def test_runs_are_listed_below_a_figure_and_not_in_its_caption(report, sweep_folder):
    page, _ = report
    (vae,) = (path.name for path in sweep_folder.glob("runs/vae*"))
    assert "Made from 1 run" in page.text
    assert f"Made from 1 run{vae}" in "".join(page.text.split("\n"))
    assert "Runs: " not in page.text


def test_each_verdict_has_its_own_sign(complete):
    claim = CLAIMS[0]
    control = ControlResult(claim.control.name, claim.control.what, missing="no control")
    words = claim.name, claim.group, claim.claim, claim.test, claim.effect
    found = [ClaimResult(*words, claim.rule, control, verdict) for verdict in get_args(Verdict)]
    missing = dict.fromkeys([*FIGURES, *TABLES, story.EXPLORER], "not made")
    text = render(Content(complete, complete, found, {}, {}, [], missing))
    spans = [span["class"].split() for span in Page(text).all("span") if "class" in span]
    shown = [classes[1:] for classes in spans if classes[0] == "verdict"]
    signs = dict(re.findall(r"\.([\w-]+)::before { content: \"(.)\"; }", text))
    assert len({signs[name] for (name,) in shown}) == len(found)


def test_headings_are_in_order(report):
    page, _ = report
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_story_names_figures_and_tables_that_exist_and_loses_none(complete):
    assert {f for section in story.SECTIONS for f in section.figures} <= set(FIGURES)
    assert {t for section in story.SECTIONS for t in section.tables} <= set(TABLES)
    *_, last = story.complete(["digits", "brand_new"], ["summary"], complete)
    assert (last.figures, last.tables) == (("brand_new",), ())
    sections = story.complete(["digits"], [], complete)
    assert "further" not in [section.name for section in sections]


@pytest.mark.parametrize(("largest", "step"), [(1.0, 2.0**-12), (1e4, 1e4 / 32767)])
def test_packed_weights_are_off_by_half_a_step_at_most(largest, step):
    values = np.random.default_rng(0).normal(size=(30, 20)).astype("f4")
    values *= largest / np.abs(values).max()
    packed = explorer.pack(values)
    assert packed.step == pytest.approx(step)
    low, high = np.frombuffer(gzip.decompress(base64.b64decode(packed.data)), "u1").reshape(2, -1)
    whole = (low.astype(int) | high.astype(int) << 8).astype("u2").view("i2")
    assert np.abs(whole.reshape(30, 20) * packed.step - values).max() <= step * 0.5001
