"""The page of the measured speed is filled from what the benchmarks write."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
BENCHMARKS = ROOT / "tests" / "benchmarks"
MARKERS = re.findall(r"<!-- benchmark: (.*?) -->", PAGE.read_text())


@pytest.fixture
def scripts(monkeypatch):
    """`bench_all` and `measure`, which are imported as the scripts import each other."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield import_module("bench_all"), import_module("measure")
    for name in ("bench_all", "measure"):
        del sys.modules[name]


@pytest.fixture
def results(scripts, tmp_path):
    """A folder with what each benchmark of the page would write."""
    _, measure = scripts
    for number, name in enumerate(MARKERS):
        rows = [{"what": f"row of {name}", "a, s": 1234.5 + number, "loss": 27.0472, "no": None}]
        goals = [measure.Goal(f"goal of {name}", number, most=3, unit="MB")]
        measure.report(f"title of {name}", rows, tmp_path / f"{name}.json", goals)
    (tmp_path / "goals.json").unlink()
    return tmp_path


def test_every_marker_names_a_benchmark_once(scripts):
    bench_all, _ = scripts
    names = [name for _, name, _ in bench_all.BLOCK.findall(PAGE.read_text())]
    assert names == MARKERS
    assert len(set(names)) == len(names)
    for name in set(names) - {"goals"}:
        assert (BENCHMARKS / f"bench_{name}.py").exists(), name


def test_the_benchmarks_that_run_together_exist_and_are_on_the_page(scripts):
    bench_all, _ = scripts
    assert set(bench_all.ALONE) < set(MARKERS)


def test_every_block_is_filled(scripts, results, monkeypatch, tmp_path):
    bench_all, _ = scripts
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    arguments = ["bench_all.py", "--page", str(page), "--results", str(results)]
    monkeypatch.setattr(sys, "argv", arguments)
    bench_all.main()
    text = page.read_text()
    blocks = dict(re.findall(r"<!-- benchmark: (\w+) -->(.*?)<!--", text, re.DOTALL))
    goals = blocks.pop("goals")
    for name, block in blocks.items():
        found = json.loads((results / f"{name}.json").read_text())
        assert f"{found['date']}, {found['machine']}, torch {found['torch']}: title of" in block
        assert f"| row of {name} | 1,2" in block
        assert "| 27.05 |  |" in block
        assert f"| {name} | goal of {name} | ≤ 3 MB |" in goals
        assert block.count("\n| --- ") == 1, "the former table is still there"
    outside = re.compile(r"(<!-- benchmark: \w+ -->).*?<!--", re.DOTALL)
    assert outside.sub(r"\1", text) == outside.sub(r"\1", PAGE.read_text())


def test_a_block_without_results_stays(scripts):
    bench_all, _ = scripts
    page = PAGE.read_text()
    assert bench_all.fill(page, {}) == page
    without_goals = {"date": "", "machine": "", "torch": "", "title": "", "rows": [], "goals": []}
    assert bench_all.fill(page, {"gpu": without_goals}) == page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.6, "4.60"),
        (9.996, "10.0"),
        (999.6, "1,000"),
        (13_449.0, "13,400"),
        (0.01234, "0.0123"),
        (100.2, "100"),
        (10_000, "10,000"),
        (True, "yes"),
        (None, ""),
        ("vae", "vae"),
    ],
)
def test_a_cell_has_three_significant_digits(scripts, value, text):
    assert scripts[1].cell(value) == text


def test_a_goal_is_missed_on_the_wrong_side_of_its_bound(scripts):
    goal = scripts[1].Goal
    rows = [goal("a", 1.2, most=1.1).row, goal("b", 1.2, least=1.1).row, goal("c", 0, most=0).row]
    assert [row["reached"] for row in rows] == ["no", "yes", "yes"]
    assert [row["wanted"] for row in rows] == ["≤ 1.10", "≥ 1.10", "≤ 0"]


def test_every_seed_of_the_fast_recipe_reaches_the_published_loss_of_the_faithful_one(scripts):
    paper, seeds = scripts[1].faithful_losses(), scripts[1].fast_losses()
    assert len(paper) == 18
    assert paper.keys() == seeds.keys()
    assert {len(losses) for losses in seeds.values()} == {5}
    for cell, losses in seeds.items():
        assert max(losses) <= paper[cell], cell
