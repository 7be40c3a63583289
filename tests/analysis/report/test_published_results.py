"""What the repository publishes of its own runs is whole, small, and the same in every place."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results"
STORY = (RESULTS / "README.md").read_text()
SIZES = (2, 5, 10, 20, 50, 100)
VARIANTS = {"ae": "linear", "vae": "gaussian", "cvae": "gaussian"}
CELLS = {(model, variant, d) for model, variant in VARIANTS.items() for d in SIZES}
RELU = {("ae", "relu", d) for d in SIZES}
COLUMNS = "recipe model variant latent_size seed sse_mean sse_sample kl loss published_sse"


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "summary.csv")


@pytest.mark.parametrize(
    ("recipe", "cells", "seeds"),
    [
        ("faithful", CELLS, 1),
        ("fast", CELLS | RELU, 5),
        ("as-published", RELU, 1),
    ],
)
def test_every_cell_of_a_recipe_is_there(summary, recipe, cells, seeds):
    runs = summary[summary["recipe"] == recipe]
    assert list(runs) == COLUMNS.split()
    identity = ["model", "variant", "latent_size"]
    assert set(runs[identity].itertuples(index=False, name=None)) == cells
    assert (runs.groupby(identity)["seed"].nunique() == seeds).all()
    assert len(runs) == len(cells) * seeds
    assert runs[["sse_mean", "loss", "published_sse"]].notna().all(axis=None)


def test_the_loss_is_what_its_terms_say(summary):
    sampled = summary[summary["model"] != "ae"]
    assert (sampled["sse_sample"] + sampled["kl"]).to_numpy() == pytest.approx(sampled["loss"])
    codes = summary[summary["model"] == "ae"]
    assert codes["sse_mean"].to_numpy() == pytest.approx(codes["loss"])


def test_the_story_holds_what_its_script_makes():
    parts = runpy.run_path(str(RESULTS / "collect.py"))["parts"]
    made = parts(pd.read_csv(RESULTS / "comparison.csv"))
    assert {name for name, text in made.items() if text not in STORY} == set()


def test_the_story_leads_to_every_figure_and_to_nothing_missing():
    links = {link for link in re.findall(r"\]\(([^)]+)\)", STORY) if not link.startswith("#")}
    assert {link for link in links if not (RESULTS / link).exists()} == set()
    assert {f"figures/{figure.name}" for figure in RESULTS.glob("figures/*")} <= links


@pytest.mark.parametrize("page", [RESULTS / "README.md", ROOT / "README.md"])
def test_the_shares_in_front_are_those_measured(page):
    quality = pd.read_csv(RESULTS / "tables" / "paper" / "sample_quality.csv")
    chosen = quality[(quality["latent_size"] == 20) & (quality["sampler"] == "prior")]
    shares = chosen.set_index("model")["recognisable"]
    for model in ("ae", "vae", "cvae"):
        assert f"| {model.upper()} | {shares[model]:.1%}".replace("%", " %") in page.read_text()


def test_the_intervals_in_front_are_those_found():
    stored = json.loads((RESULTS / "tables" / "seeds" / "findings.json").read_text())
    found = {finding["name"]: finding for finding in stored["findings"]}
    for name in ("ae-noise-fails", "vae-recognisable", "cvae-recognisable", "cvae-obeys-label"):
        share, low, high = (100 * found[name][part] for part in ("estimate", "low", "high"))
        assert f"{share:.1f} % ({low:.1f} to {high:.1f})" in STORY


def test_figures_are_made_smaller_but_no_colour_that_means_a_number_changes(tmp_path):
    shrink = runpy.run_path(str(RESULTS / "collect.py"))["shrink"]
    few = np.zeros((64, 64, 3), np.uint8)
    few[::2, :, 0], few[:, ::3, 1] = 200, np.arange(22)
    many = few.copy()
    many[..., 0], many[..., 1] = np.meshgrid(*[np.arange(0, 256, 4)] * 2)
    for name, pixels, mode in (("few", few, "P"), ("many", many, "RGB")):
        figure = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(figure)
        shrink(figure)
        with Image.open(figure) as image:
            assert image.mode == mode
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pixels)


def test_it_is_small():
    assert sum(f.stat().st_size for f in RESULTS.rglob("*") if f.is_file()) < 15e6
