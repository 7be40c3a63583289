"""The table of a comparison: every quantity of every cell, and how it differs from the first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from aevae.axes import Value, short
from aevae.kinds import KINDS
from analysis.comparison import quantities
from analysis.comparison.comparison import Comparison
from analysis.comparison.members import Member, Pair, Replicates
from analysis.comparison.quantities import Estimate, Measured, measure
from analysis.sweep.axes import written
from analysis.tables.published import published

Track = Callable[[Sequence[Pair]], Iterable[Pair]]
Row = dict[str, object]
MOST_KEPT = 100  # cells in memory; 10,000 images and three seeds take 1.2 MB


def make(comparison: Comparison, track: Track = iter) -> pd.DataFrame:
    """Return one row per cell, quantity and sweep; what a model does not have has no row.

    Columns: model, latent_size, one for each axis (with the value of the sweep that varies it);
    quantity (named as in the table ``summary``), sweep, seeds; value with the bounds low and high
    of its 95 % interval; first (value of the first sweep), difference from it with difference_low,
    difference_high and the method of this interval, and ratio to it, where that has a meaning;
    published (value of the article for this cell).
    """

    # A cell is compared several times where the other sweep varies a setting.
    @lru_cache(maxsize=MOST_KEPT)
    def measured(member: Member, cell: Replicates) -> Measured:
        return measure(member, cell, by_value=comparison.by_value)

    rows: list[Row] = []
    last = None
    for pair in track(comparison.pairs):
        if pair.ours is not last:
            last = pair.ours
            first = measured(comparison.first, last)
            rows += _rows(_identity(comparison, pair, last.settings), comparison.first, first)
        other = measured(pair.member, pair.theirs)
        identity = _identity(comparison, pair, last.settings | pair.theirs.settings)
        same = comparison.same_images[pair.member.label]
        found, method = first.difference(other, same_images=same)
        for row in _rows(identity, pair.member, other):
            name = str(row["quantity"])
            rows.append(row | _difference(name, first.estimates[name].value, found[name], method))
    table = pd.DataFrame(rows)
    article = ["published"] if table["published"].notna().any() else []
    return table[[*(name for name in table.columns if name != "published"), *article]]


def _identity(comparison: Comparison, pair: Pair, settings: Mapping[str, Value]) -> Row:
    """Return what names a cell in the table."""
    values = {short(key): settings.get(key) for key in comparison.axes}
    texts = {name: written(v) if isinstance(v, tuple | bool) else v for name, v in values.items()}
    return {"model": pair.ours.model, "latent_size": pair.ours.latent_size, **texts}


def _rows(identity: Row, member: Member, measured: Measured) -> list[Row]:
    """Return the rows of a cell, without differences."""
    seeds = {"sweep": member.label, "seeds": measured.seeds}
    article = _article(identity) if member.sweep.data.name == "mnist" else {}
    return [
        {
            **identity,
            "quantity": name,
            **seeds,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "published": article.get(name, np.nan),
        }
        for name, found in measured.estimates.items()
        if np.isfinite(found.value)
    ]


def _difference(name: str, first: float, found: Estimate, method: str) -> Row:
    with_ratio = name in quantities.WITH_RATIO and first > 0
    return {
        "first": first,
        "difference": found.value,
        "difference_low": found.low,
        "difference_high": found.high,
        "method": method if np.isfinite(found.low) else "",
        "ratio": 1 + found.value / first if with_ratio else np.nan,
    }


def _article(identity: Row) -> dict[str, float]:
    """Return what the article has of a cell, by quantity; its SSE is that of one sampled z."""
    table = published()
    same = (table["model"] == identity["model"]) & (table["latent_size"] == identity["latent_size"])
    sse = "SSE_SAMPLE" if KINDS[str(identity["model"])].variational else "SSE"
    terms = {getattr(quantities, sse): "sse", quantities.KL: "kl", quantities.LOSS: "loss"}
    return {
        name: float(table.loc[same, term].iloc[0]) for name, term in terms.items() if same.any()
    }
