"""How often the judges of generated images are right when they are so sure."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.maths.calibration import reliability
from analysis.measures.calibration import Answers, on_samples, on_test_images
from analysis.measures.cells import run_identity
from analysis.measures.judges.panel import RECIPES, described
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe
from analysis.tables.sample_quality import REAL, measures
from analysis.write import prose

CUTOFFS = (0.5, 0.9, 0.99, 1)
ROWS = {kind: [n for n, recipe in enumerate(RECIPES) if recipe.kind.name == kind]
        for kind in dict.fromkeys(recipe.kind.name for recipe in RECIPES)}  # fmt: skip


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and kind of judge, and one per kind for the test images.

    Columns: identity of the run (model ``real`` for the test images); judges (their kind), truth
    (what decides whether a judge is right: label, class asked for, or other judges), n (images);
    said (mean probability of the class seen), right (share), error (expected calibration error of
    each judge, mean), right_50, right_90 and right_99: share right of the answers from that
    probability to the next of them; NaN without such answers.

    Raises
    ------
    MissingIngredient
        There are no judges.
    """
    axes = study.sweep.axes
    real = dict.fromkeys(run_identity(study.sweep.runs[0], axes)) | {"model": REAL}
    rows = [*_rows(real, on_test_images(study))]
    for run in study.sweep.runs:
        rows += _rows(run_identity(run, axes), on_samples(study, [run]))
    return pd.DataFrame(rows).astype({"latent_size": "Int64", "seed": "Int64"})


def _rows(identity: dict[str, object], answers: Answers) -> Iterator[dict[str, object]]:
    for kind, rows in ROWS.items():
        said, right = answers.said[rows], answers.right[rows]
        yield identity | {
            "judges": kind,
            "truth": answers.truth,
            "n": said.shape[1],
            "said": said.mean(),
            "right": right.mean(),
            "error": np.mean([reliability(*one).error for one in zip(said, right, strict=True)]),
            **_by_cutoff(said, right),
        }


def _by_cutoff(said: NDArray[np.float32], right: NDArray[np.float64]) -> dict[str, float]:
    found = reliability(said.ravel(), right.ravel(), np.array([0, *CUTOFFS]))
    shares = zip(CUTOFFS, found.right[1:], strict=False)
    return {f"right_{100 * cutoff:.0f}": share for cutoff, share in shares}


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what only programs need."""
    return table.drop(columns=["run_id", "n"])


def _truth(study: Study) -> str:
    """Say what comes nearest to a truth for samples of a conditional model, if there is one."""
    told = prose.conditional(study.sweep.runs)
    if not told:
        return ""
    noun = study.data.noun
    return (
        f"those of the {prose.listed(told)} are held against the {noun} asked for, which the model "
        "may not have drawn; of others, "
    )


def caption(study: Study) -> str:
    """Say what is right."""
    noun = study.data.noun
    return (
        f"How far the judges can be believed: {described(study)}. Of the test images of "
        f"{study.data.title} the {noun} is known. Samples from N(0, I) have no truth: "
        f"{_truth(study)}right is the share of the other judges that agree. Said: mean "
        f"probability of the {noun} seen, small where a judge takes an image for none; error: "
        "expected calibration error (Guo et al. 2017), mean over the judges of a kind; right_50, "
        "right_90, right_99: share right where a judge is 50 to 90%, 90 to 99% and at least 99% "
        "sure."
    )


TABLE = TableRecipe("calibration", make, caption, for_readers, measures=measures)
