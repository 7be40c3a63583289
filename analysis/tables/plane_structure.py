"""What is where in decoded planes: dense and sparse regions, borders of classes, shared style."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pandas as pd

from analysis.maths.borders import over_chance
from analysis.maths.strokes import FEATURES
from analysis.measures import plane_structure
from analysis.measures.cells import PCA, run_identity
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.plane_structure import Regions
from analysis.measures.study import Study
from analysis.sweep.axes import columns
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables.recipe import TableRecipe

REGION, BORDER, STYLE = "recognisable", "border", "shared style"
SQUARES = ("densest square", "sparsest square")
MOST_BORDERS = 12  # that readers see


def make(study: Study) -> pd.DataFrame:
    """Return one row per run with two latents, measure and what it is of.

    Columns: identity of the run; measure, of, value, control, count. ``recognisable``: share of the
    images decoded in a square that judges recognise (mean over them), and how many test codes it
    holds; of PCA too. ``border``: how often two classes are neighbours on the grid of a model
    that is told none, over chance, and how often they are (mean over judges). ``shared style``: how
    far a feature varies alike for all labels of a conditional model, 0 to 1, and the same with the
    planes turned against each other.

    Raises
    ------
    MissingIngredient
        No run has two latents, or nothing can be said of those that do.
    """
    planes = [run for run in study.sweep.runs if run.latent_size == 2]
    if not planes:
        raise MissingIngredient("no finished run with latent size 2")
    axes = study.sweep.axes
    rows = [run_identity(run, axes) | found for run in planes for found in _of_run(study, run)]
    if rows and not why_no_judges(study):
        identity = {"run_id": "", "model": PCA, "variant": "", "latent_size": 2, "seed": None}
        with suppress(MissingIngredient):
            pca = plane_structure.regions_of_pca(study)
            rows += [identity | columns(axes, None) | found for found in _of_regions(pca)]
    if not rows:
        raise MissingIngredient(why_no_judges(study) or "no plane that can be judged")
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def _of_run(study: Study, run: Run) -> Iterator[dict[str, object]]:
    if run.kind.conditional:
        yield from _of_styles(study, run)
        return
    with suppress(MissingIngredient):  # no judges, or codes in a line
        yield from _of_regions(plane_structure.regions_of(study, run))
    if run.kind.variational and not why_no_judges(study):
        yield from _of_borders(study, run)


def _of_regions(found: Regions) -> Iterator[dict[str, object]]:
    for place, square in enumerate(SQUARES):
        share = float(found.recognised[..., place].mean())
        yield _row(REGION, square, share, count=found.codes[place])


def _of_borders(study: Study, run: Run) -> Iterator[dict[str, object]]:
    lengths = plane_structure.borders_of(study, plane_structure.classes_on_grid(study, run))
    ratios, named = over_chance(lengths), study.data.class_names
    for first, second in zip(*np.triu_indices(len(lengths), 1), strict=True):
        if np.isfinite(ratios[first, second]):
            pair = f"{named[first]} and {named[second]}"
            yield _row(BORDER, pair, ratios[first, second], count=lengths[first, second])


def _of_styles(study: Study, run: Run) -> Iterator[dict[str, object]]:
    styles = plane_structure.styles_on_grid(study, run)
    shared = plane_structure.shared_parts(styles)
    control = plane_structure.shared_parts(plane_structure.turned(styles))
    for name, value, turned in zip(FEATURES, shared, control, strict=True):
        yield _row(STYLE, name, float(value), control=float(turned))


def _row(
    measure: str, of: str, value: float, *, control: float = np.nan, count: float = np.nan
) -> dict[str, object]:
    return {"measure": measure, "of": of, "value": value, "control": control, "count": count}


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over the seeds; of the borders the longest only."""
    keys = [name for name in table if name not in ("run_id", "seed", "value", "control", "count")]
    means = table.groupby(keys, sort=False, dropna=False)[["value", "control", "count"]].mean()
    shown = means.reset_index()
    borders = shown[shown["measure"] == BORDER]
    longest = borders.sort_values("count", ascending=False).head(MOST_BORDERS)
    return pd.concat([shown[shown["measure"] != BORDER], longest], ignore_index=True)


def caption(study: Study) -> str:
    """Say what is measured, and by whom."""
    data = study.data
    judges = why_no_judges(study) or f"as seen by {described(study)}"
    return (
        f"Decoded planes of two latents of {data.title}, means over seeds; {judges}. "
        "recognisable: share of the images decoded in the square with the most codes of test "
        "images and in that with the fewest, squares a tenth as wide as the codes' extent; count "
        "is how many codes each holds. "
        f"border: how often two {data.plural} are neighbours on the grid at the quantiles of "
        f"N(0, I) (count), and this over what it would be if each {data.noun} bordered on others "
        "at random; "
        f"the longest {MOST_BORDERS}. shared style: intraclass correlation of a feature over the "
        f"grid between the planes of all {data.plural}, 1 if all change alike; control: the same "
        "after turning the planes against each other. There are no intervals."
    )


TABLE = TableRecipe("plane_structure", make, caption, for_readers)
