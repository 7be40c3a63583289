"""What PCA makes of the same tasks as the models: a control that has learned nothing deep.

As a generator, PCA draws its scores from a Gaussian with their variances, of all images or of each
class, and reconstructs: a probabilistic linear model (Tipping and Bishop 1999) without its noise.
Images are clipped to [0, 1].
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.aggregate import measure_densities
from analysis.maths.metrics import Floats
from analysis.measures import quality
from analysis.measures.aggregate import Aggregate, draws, seen_rows, split_of
from analysis.measures.judges.panel import Sight, find_judges
from analysis.measures.latents import read_posteriors
from analysis.measures.pca import fit_pca, intensities, trained_rows
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run

NOISIEST = 0.99  # variance of the noise that leaves something of the components


@once_per_study
def see_linear(study: Study, components: int) -> Sight:
    """Let the judges see images that PCA draws from N(0, diag(variances of its scores))."""
    scores = _training_scores(study, components)
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, scores.std(axis=0), (quality.set_size(study.sweep), scores.shape[1]))
    return _look(study, drawn)


@once_per_study
def see_linear_by_class(study: Study, components: int) -> Sight:
    """Let the judges see images that PCA draws from a Gaussian with full covariance by class.

    Raises
    ------
    MissingIngredient
        The images have no labels, or a class has fewer training images than its Gaussian needs.
    """
    labels = study.sweep.labels("train")[trained_rows(study)]
    scores = _training_scores(study, components)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() <= components:
        raise MissingIngredient(f"a {study.data.noun} has too few training images for a Gaussian")
    rng = np.random.default_rng(0)
    each = max(quality.set_size(study.sweep) // len(classes), 1)
    drawn = []
    for label in classes:
        points = scores[labels == label]
        covariance = np.atleast_2d(np.cov(points.T))  # of a single component it is a number
        drawn.append(rng.multivariate_normal(points.mean(axis=0), covariance, each))
    return _look(study, np.concatenate(drawn))


@once_per_study
def see_linear_grid(study: Study, side: int) -> Sight:
    """Let the judges see the grid over the quantiles of the first two components."""
    quantiles = norm.ppf((np.arange(side) + 0.5) / side)
    plane = np.stack(np.meshgrid(quantiles, quantiles), axis=-1).reshape(-1, 2)
    return _look(study, plane * _training_scores(study, 2).std(axis=0))


@once_per_study
def linear_codes(study: Study, split: str, components: int) -> NDArray[np.float32]:
    """Return the scores of a split, each component scaled to variance 1, (N, components)."""
    scores = _transformed(study, study.sweep.images(split))[:, :components]
    spread = _training_scores(study, components).std(axis=0)
    return np.asarray(scores / np.maximum(spread, 1e-9), dtype=np.float32)


@once_per_study
@kept_for_commands
def linear_aggregate(study: Study, run: Run) -> Aggregate:
    """Evaluate the density of as many components as a run has latents, with as much noise.

    The components of the images that `find_aggregate` takes are scaled so that together with the
    noise, which has the mean variance of the run's posteriors, each has variance 1.
    """
    split, kept = split_of(run), seen_rows(run)
    with study.sweep.open(run) as results:
        _, logvar = read_posteriors(results, split)
    noise = float(min(np.exp(logvar[kept]).mean(), NOISIEST))
    codes = linear_codes(study, split, run.latent_size)[kept]
    codes = (codes - codes.mean(axis=0)) / np.maximum(codes.std(axis=0), 1e-9)
    mu = codes * np.float32(np.sqrt(1 - noise))
    rows = np.unique(np.linspace(0, len(mu) - 1, draws(run.latent_size)).astype(np.intp))
    drawn = np.random.default_rng(0).normal(0, np.sqrt(noise), mu[rows].shape).astype(np.float32)
    variances = np.full_like(mu, np.log(noise))
    return Aggregate.of(measure_densities(mu[rows] + drawn, rows, mu, variances))


def linear_errors(study: Study, images: Array, components: int) -> Floats:
    """Return the SSE of PCA for images (N, *image_shape), uint8: shape (N,)."""
    pca = fit_pca(study)
    centred = intensities(images) - pca.mean_.astype(np.float32)
    scores = centred @ pca.components_[:components].T.astype(np.float32)
    total = np.square(centred, dtype=np.float64).sum(axis=1)
    within = np.square(scores, dtype=np.float64).sum(axis=1)
    return np.asarray(np.maximum(total - within, 0))


def _look(study: Study, scores: Array) -> Sight:
    return Sight.of(find_judges(study), reconstructed(study, scores))


def reconstructed(study: Study, scores: Array) -> NDArray[np.uint8]:
    """Turn scores (M, d) of the first components into images (M, *image_shape)."""
    pca = fit_pca(study)
    rows = pca.mean_ + scores @ pca.components_[: scores.shape[1]]
    levels = (np.clip(rows, 0, 1) * 255).round().astype(np.uint8)
    return np.asarray(levels.reshape(-1, *study.data.image_shape))


@once_per_study
def _scores(study: Study) -> NDArray[np.float32]:
    """Return the scores of the training images."""
    return np.asarray(_transformed(study, study.sweep.images("train")[trained_rows(study)]),
                      dtype=np.float32)  # fmt: skip


def _transformed(study: Study, images: Array) -> Array:
    """Return the scores of images (N, *image_shape), uint8: all components, (N, D)."""
    # More threads would add the same numbers in another order, with another result.
    with threadpool_limits(1):
        return np.asarray(fit_pca(study).transform(intensities(images)))


def _training_scores(study: Study, components: int) -> NDArray[np.float32]:
    return _scores(study)[:, :components]


@once_per_study
def mean_image_errors(study: Study) -> Floats:
    """Return the SSE of the mean training image for each test image, (N,)."""
    return linear_errors(study, study.sweep.images("test"), 0)


def reconstructions(study: Study, split: str, components: int) -> NDArray[np.uint8]:
    """Reconstruct the images of a split from their first components, (N, *image_shape)."""
    return reconstructed(study, _transformed(study, study.sweep.images(split))[:, :components])
