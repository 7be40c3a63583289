"""The table of a comparison for readers, and its caption."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from aevae.axes import short
from aevae.kinds import KINDS
from analysis.comparison import quantities as q
from analysis.comparison.comparison import Comparison
from analysis.sweep.axes import written
from analysis.tables.recipe import Table
from analysis.write import prose
from analysis.write.formats import format_cell

Row = dict[str, object]

NAME = "comparison"
ARTICLE = "article"
# What readers see; the CSV file has every quantity.
WITH_DIFFERENCE = {q.SSE: "SSE", q.MSE: "SSE by value", q.KL: "KL", q.LOSS: "loss"}
ALONE = {q.ACTIVE: "active units", q.SECONDS: "training s"}
DIFFERENCE = ["difference", "difference_low", "difference_high"]
METHODS = {
    "welch": "where both sweeps have several seeds, Welch's t over the seeds",
    "paired bootstrap": (
        "where one has a single seed, a bootstrap over the images, which both sweeps share: it "
        "leaves out how trainings differ"
    ),
    "bootstrap of both": (
        "where one has a single seed and the images are not the same, a bootstrap over the images "
        "of each: it leaves out how trainings differ"
    ),
}


def captioned(comparison: Comparison, data: pd.DataFrame) -> Table:
    """Make the table that is written."""
    shown = for_readers(comparison, data)
    return Table(NAME, NAME, data, shown, caption(comparison, data), comparison.notes())


def for_readers(comparison: Comparison, table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell and sweep; below the first sweep, one of the article if it has it.

    A ratio is shown where the sweeps have different images, so that a difference says little.
    """
    axes = [short(key) for key in comparison.axes]
    rows: list[Row] = []
    keys = ["model", "latent_size", *axes, "sweep"]
    for _, part in table.groupby(keys, sort=False, dropna=False):
        key = part.iloc[0]
        settings = {name: "" if pd.isna(key[name]) else written(key[name]) for name in axes}
        cell = {"model": KINDS[key["model"]].title, "d": key["latent_size"], **settings}
        found = part.set_index("quantity")
        first = key["sweep"] == comparison.first.label
        rows.append(cell | {"sweep": key["sweep"], "seeds": key["seeds"]})
        rows[-1] |= _numbers(found, first=first, ratio=not all(comparison.same_images.values()))
        if first and "published" in found and found["published"].notna().any():
            rows.append(cell | {"sweep": ARTICLE, "seeds": 1} | _article(found))
    columns = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame(rows, columns=_ordered(columns))


def _numbers(found: pd.DataFrame, *, first: bool, ratio: bool) -> Row:
    """Return the numbers of a cell of one sweep, `found` by quantity."""
    row: Row = {}
    for name, title in WITH_DIFFERENCE.items():
        if name not in found.index:
            continue
        numbers = found.loc[name]
        row[title] = numbers["value"]
        row[f"{title} difference"] = "" if first else _between(*numbers[DIFFERENCE])
        if ratio and name in (q.SSE, q.MSE):
            row[f"{title} ratio"] = np.nan if first else numbers["ratio"]
    return row | {title: found["value"].get(name, np.nan) for name, title in ALONE.items()}


def _article(found: pd.DataFrame) -> Row:
    """Return the published numbers, and how they differ from the first sweep with its interval."""
    row: Row = {}
    for name, title in WITH_DIFFERENCE.items():
        if name in found.index and pd.notna(published := found["published"][name]):
            value, low, high = found.loc[name, ["value", "low", "high"]]
            row[title] = published
            row[f"{title} difference"] = _between(
                published - value, published - high, published - low
            )
    return row


def _between(value: float, low: float, high: float) -> str:
    """Write a difference with its interval, if there is one; nothing for no difference."""
    if pd.isna(value) or pd.isna(low):
        return format_cell(value)
    return f"{format_cell(value)} ({format_cell(low)} to {format_cell(high)})"


def _ordered(columns: Iterable[str]) -> list[str]:
    """Put the columns of numbers last, those of one quantity side by side."""
    numbers = [
        f"{title}{part}"
        for title in (*WITH_DIFFERENCE.values(), *ALONE.values())
        for part in ("", " difference", " ratio")
    ]
    return sorted(columns, key=lambda name: numbers.index(name) if name in numbers else -1)


def caption(comparison: Comparison, table: pd.DataFrame) -> str:
    """Say what is compared, what the numbers are and how the intervals were made."""
    labels = prose.listed(member.label for member in comparison.others)
    used = table["method"].dropna().unique()
    methods = "; ".join(text for name, text in METHODS.items() if name in used)
    first = comparison.first.label
    text = (
        f"{labels} beside {first}, cell by cell: means per test image and over the seeds. "
        f"{_terms(comparison)} Differences are those from {first}"
        + (f", with 95% intervals: {methods}." if methods else ".")
    )
    if "published" in table:
        text += (
            f" {ARTICLE}: the published numbers (one seed, AE with a ReLU code; the loss is that "
            f"of one sampled z) and their difference from {first}, with the interval of {first} "
            "alone, since the article has one number."
        )
    return text


def _terms(comparison: Comparison) -> str:
    """Say what the numbers are."""
    runs = [run for pair in comparison.pairs for run in pair.ours.runs]
    sse = "SSE is the sum of squared errors of an image"
    if comparison.by_value:
        sse = "The images have different shapes, so the SSE is that of one value of an image"
    text = f"{sse}, decoding {prose.decoded(runs)}"
    if prose.variational(runs):
        codes = "".join(f", SSE for the {title}" for title in prose.deterministic(runs))
        text += (
            "; KL in nats; the loss is the negative ELBO without its constant, of one sampled z "
            f"(SSE + KL for a fixed variance{codes})"
        )
    return f"{text}."
