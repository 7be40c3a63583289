"""What the repository publishes of its own runs is whole, small, and the same in every place."""

import json
import re
import runpy
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results"
STORY = (RESULTS / "README.md").read_text()
SIZES = (2, 5, 10, 20, 50, 100)
LINEAR = set(product([("ae", "linear"), ("vae", "gaussian"), ("cvae", "gaussian")], SIZES))
RELU = set(product([("ae", "relu")], SIZES))
AS_PUBLISHED = RELU | {cell for cell in LINEAR if cell[0][0] != "ae"}
WEIGHTS = 8  # number of KL weights; the AE has no KL term
COLLECT = runpy.run_path(str(RESULTS / "collect.py"))
table, trained = COLLECT["table"], COLLECT["trained"]


def found(sweep: str) -> dict:
    stored = json.loads((RESULTS / "tables" / sweep / "findings.json").read_text())
    assert (stored["schema_version"], stored["missing"]) == (2, [])
    return {finding["name"]: finding for finding in stored["findings"]}


SWEEPS = {
    "seeds": (LINEAR, {10, 11, 12, 13, 14}),
    "seeds-relu": (RELU, {10, 11, 12, 13, 14}),
    "paper": (LINEAR, {0}),
    "paper-as-published": (AS_PUBLISHED, {0}),
    "fashion-mnist": (LINEAR, {0}),
}
PUBLISHED = [path.parent.name for path in RESULTS.glob("tables/*/summary.csv")]


def test_the_story_says_which_sweeps_are_missing():
    assert "seeds" in PUBLISHED
    places = {name: name for name in ("fashion-mnist", "rate-distortion", "literature")}
    for name, sweep in (places | {"relu": "seeds-relu"}).items():
        place = f"<!-- {name} -->\n\n{COLLECT['LATER']}"
        assert (place in STORY) == (sweep not in PUBLISHED), name


@pytest.mark.parametrize("sweep", sorted(SWEEPS.keys() & set(PUBLISHED)))
def test_every_cell_of_a_sweep_has_all_its_seeds(sweep):
    cells, seeds = SWEEPS[sweep]
    runs = trained(sweep)
    rows = runs[["model", "variant", "latent_size", "seed"]].itertuples(index=False, name=None)
    expected = [(*cell, size, seed) for (cell, size), seed in product(cells, seeds)]
    assert sorted(rows) == sorted(expected)
    assert runs[["test_sse_mean", "test_loss"]].notna().all(axis=None)


@pytest.mark.skipif("rate-distortion" not in PUBLISHED, reason="not trained yet")
def test_every_weight_of_the_kl_has_three_seeds_at_20_latents():
    runs = trained("rate-distortion")
    counts = runs.groupby("model").size().to_dict()
    assert counts == {"ae": 3, "vae": 3 * WEIGHTS, "cvae": 3 * WEIGHTS}
    assert (runs.groupby(["model", "kl_weight"], dropna=False)["seed"].nunique() == 3).all()
    assert set(runs["latent_size"]) == {20}


@pytest.mark.skipif("literature" not in PUBLISHED, reason="not trained yet")
def test_the_literature_lacks_one_row_at_most_and_the_story_says_so():
    sizes = sorted(trained("literature")["latent_size"])
    assert sizes in ([2, 5, 10, 12, 16, 16, 20, 40], [2, 5, 10, 12, 16, 16, 20, 40, 50])
    assert ("was not trained" in STORY) == (50 not in sizes)


def test_the_loss_is_what_its_terms_say():
    runs = trained("seeds")
    sampled, codes = runs[runs["model"] != "ae"], runs[runs["model"] == "ae"]
    terms = sampled["test_sse_sample"] + sampled["test_kl"]
    assert terms.to_numpy() == pytest.approx(sampled["test_loss"])
    assert codes["test_sse_mean"].to_numpy() == pytest.approx(codes["test_loss"])


def test_the_comparison_has_every_cell_of_the_article():
    compared = pd.read_csv(RESULTS / "comparison.csv")
    loss = compared[compared["quantity"] == "test_loss"]
    assert loss["published"].notna().all()
    cells = set(product(["ae", "vae", "cvae"], SIZES))
    for sweep, seeds in (("paper", 1), ("paper-as-published", 1), ("seeds", 5)):
        rows = loss[loss["sweep"] == sweep]
        assert set(rows[["model", "latent_size"]].itertuples(index=False, name=None)) == cells
        assert set(rows["seeds"]) == {seeds}


def test_the_claims_are_tested_on_fresh_seeds():
    confirmed, explored = found("seeds"), found("paper")
    assert list(confirmed) == list(explored)
    tested = [finding for finding in confirmed.values() if finding["estimate"] is not None]
    assert {finding["kind"] for finding in tested} == {"confirmatory"}
    assert {finding["kind"] for finding in explored.values()} <= {"exploratory", None}


def test_the_story_holds_what_its_script_makes():
    made = COLLECT["parts"]()
    places = {
        name: re.search(f"<!-- {name} -->\n\n(.*)\n<!-- end of {name} -->", STORY, re.DOTALL)
        for name in made
    }
    assert {name for name, place in places.items() if not place or place[1] != made[name]} == set()


def test_the_story_leads_to_every_figure_and_to_nothing_missing():
    links = {link for link in re.findall(r"\]\(([^)]+)\)", STORY) if not link.startswith("#")}
    assert {link for link in links if not (RESULTS / link).exists()} == set()
    assert {f"figures/{figure.name}" for figure in RESULTS.glob("figures/*")} <= links


@pytest.mark.parametrize("page", [RESULTS / "README.md", ROOT / "README.md"])
def test_the_shares_in_front_are_those_measured(page):
    text, findings = page.read_text(), found("seeds")
    for name in ("ae-noise-fails", "vae-recognisable", "cvae-recognisable", "cvae-obeys-label"):
        share, bounds = findings[name]["estimate"], findings[name]["raw"]
        low, high = (100 * bounds[end] for end in ("low", "high"))
        assert f"{100 * share:.1f} % ({low:.1f} to {high:.1f})" in text
    quality = table("seeds", "sample_quality")
    drawn = quality[(quality["latent_size"] == 20) & (quality["sampler"] == "prior")]
    shares = drawn.groupby("model")["recognisable"].mean()
    for model in ("ae", "vae", "cvae"):
        assert f"| {model.upper()} | {100 * shares[model]:.1f} % (" in text


def test_figures_are_made_smaller_but_no_colour_that_means_a_number_changes(tmp_path):
    few = np.zeros((64, 64, 3), np.uint8)
    few[::2, :, 0], few[:, ::3, 1] = 200, np.arange(22)
    many = few.copy()
    many[..., 0], many[..., 1] = np.meshgrid(*[np.arange(0, 256, 4)] * 2)
    for name, pixels, mode in (("few", few, "P"), ("many", many, "RGB")):
        figure = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(figure)
        COLLECT["shrink"](figure)
        with Image.open(figure) as image:
            assert image.mode == mode
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pixels)


def test_it_is_small():
    assert sum(f.stat().st_size for f in RESULTS.rglob("*") if f.is_file()) < 15e6
