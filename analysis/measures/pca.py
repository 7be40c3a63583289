"""PCA of equal dimension: how well a linear code with d numbers reconstructs the same images.

The components are those of the training images, so that like the models the baseline has never
seen the images it is measured on. If all runs are trained on subsets, they are those of the largest
subset. If all runs reconstruct binary images, so does PCA. Reconstructions are not clipped to
[0, 1].
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import SweepResults

SPLITS = ("val", "test")
COMPONENTS = 50  # in which sets of images are compared
EXACT_VALUES = 3072  # 32 x 32 in colour: the covariance matrix of more takes too long


@once_per_study
@kept_for_commands
def fit_pca(study: Study) -> PCA:
    """Fit as many principal components of the training images as any other measure asks for."""
    return _fit(study, study.sweep.images("train")[trained_rows(study)])


@once_per_study
def fit_target_pca(study: Study) -> PCA:
    """Fit the same on what the models reconstruct: see `targets`."""
    if not binary_targets(study.sweep):
        return fit_pca(study)
    return _fit(study, targets(study.sweep, study.sweep.images("train")[trained_rows(study)]))


def binary_targets(sweep: SweepResults) -> bool:
    """Tell whether all runs of the whole sweep reconstruct binary images."""
    return all(run.config.model.dynamic_binarisation for run in sweep.every)


def targets(sweep: SweepResults, images: Array) -> Array:
    """Return what the models reconstruct instead of images (N, *image_shape), uint8.

    These are the images; or binary images that are drawn from the intensities, if all runs have
    such. The draws are not those of the runs, which are not stored.
    """
    if not binary_targets(sweep):
        return images
    thresholds = np.random.default_rng(0).integers(1, 256, images.shape, dtype=np.uint8)
    return np.where(images >= thresholds, np.uint8(255), np.uint8(0))


def trained_rows(study: Study) -> slice:
    """Return the rows of the training images of the largest subset that a run was trained on."""
    return slice(max(run.trained_images for run in study.sweep.runs))


def _fit(study: Study, images: Array) -> PCA:
    wanted = max(COMPONENTS, *(run.latent_size for run in study.sweep.runs))
    train = intensities(images)
    # From the covariance: exact, and without a second copy of the images.
    solver = "covariance_eigh" if train.shape[1] <= EXACT_VALUES else "randomized"
    return PCA(min(wanted, *train.shape), svd_solver=solver, random_state=0).fit(train)


@once_per_study
def pca_errors(study: Study) -> Mapping[tuple[str, int], Floats]:
    """Reconstruct the targets of the models from their first d principal components.

    Source: Jolliffe, Principal Component Analysis (2002), sec. 3.2. Components are orthonormal,
    so the squared error is the squared distance from the mean less that within the components.

    Returns
    -------
    Mapping
        By split (val or test) and latent size d of the sweep: SSE of each image, shape (N,).
    """
    sizes = sorted({run.latent_size for run in study.sweep.runs})
    pca = fit_target_pca(study)
    errors: dict[tuple[str, int], Floats] = {}
    for split in SPLITS:
        of_split = errors_by(pca, targets(study.sweep, study.sweep.images(split)), sizes)
        errors |= {(split, d): values for d, values in of_split.items()}
    return errors


def errors_by(pca: PCA, images: Array, sizes: Sequence[int]) -> dict[int, Floats]:
    """Return the SSE of images (N, *image_shape), uint8, by number of components: (N,) each."""
    rows = intensities(images)
    total = np.square(rows - pca.mean_, dtype=np.float64).sum(axis=1)
    explained = np.square(pca.transform(rows), dtype=np.float64).cumsum(axis=1)
    # More components than training images explain nothing more.
    places = {d: min(d, pca.n_components_) - 1 for d in sizes}
    return {d: np.maximum(total - explained[:, place], 0) for d, place in places.items()}


def note_on_targets(sweep: SweepResults) -> str:
    """Say which images PCA reconstructs, if some runs have binary images; else nothing."""
    if binary_targets(sweep):
        return (
            " All errors, and those of PCA, are of binary images that are drawn from the "
            "intensities, PCA's in draws of its own."
        )
    if any(run.config.model.dynamic_binarisation for run in sweep.every):
        return (
            " PCA reconstructs grey images: its errors cannot be compared with those of runs that "
            "reconstruct binary ones, which are larger."
        )
    return ""


def intensities(images: Array) -> NDArray[np.float32]:
    """Turn uint8 images (N, *image_shape) into rows (N, V) of intensities in [0, 1]."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows /= 255
    return rows
