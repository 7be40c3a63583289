"""Anomaly scores that need no trained model: what a model must beat to have learnt something.

PCA's error is that of a linear code with as many numbers as a model has latents. The summed
intensity of an image knows nothing of shapes: it tells only that an image is bright.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aevae.files.hdf5 import Array
from aevae.outliers import MADE_OUTLIERS, outliers_from
from analysis.maths.metrics import Floats
from analysis.measures.pca import errors_by, fit_target_pca, pca_errors, targets
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient


@dataclass(frozen=True, eq=False)
class NaiveScores:
    """Scores of test images, (N,), and of outliers, (M,); the higher, the less normal.

    `pca_inside` and `pca_outside` are SSE by number of components; `bright_inside` and
    `bright_outside` are sums of the intensities of an image.
    """

    pca_inside: Mapping[int, Floats]
    pca_outside: Mapping[int, Floats]
    bright_inside: Floats
    bright_outside: Floats


@once_per_study
@kept_for_commands
def naive_scores(study: Study, outliers: str) -> NaiveScores:
    """Score a set of outliers that is made from the test images.

    Raises
    ------
    MissingIngredient
        The outliers are another dataset, whose images a sweep does not keep.
    """
    if outliers not in MADE_OUTLIERS:
        raise MissingIngredient(f"the sweep does not keep the images of {outliers}")
    test = study.sweep.images("test")
    made = outliers_from(outliers, test)
    sizes = sorted({run.latent_size for run in study.sweep.every})
    inside = {d: pca_errors(study)["test", d] for d in sizes}
    outside = errors_by(fit_target_pca(study), targets(study.sweep, made), sizes)
    return NaiveScores(inside, outside, _brightness(test), _brightness(made))


def _brightness(images: Array) -> Floats:
    """Sum the intensities of images (N, *image_shape), uint8."""
    axes = tuple(range(1, images.ndim))
    return np.asarray(images.sum(axis=axes, dtype=np.int64) / 255)
