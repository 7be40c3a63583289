"""What reconstructions look like, and what their errors tell."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from aevae.files import names
from aevae.files.hdf5 import Array
from aevae.outliers import MADE_OUTLIERS
from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched, size_of
from analysis.maths.areas import areas_of, worst_area
from analysis.maths.decoder import decode
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures import linear
from analysis.measures.cells import run_errors
from analysis.measures.naive_scores import naive_scores
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import MissingIngredient, Run
from analysis.write.prose import listed

GOOD_AUROC = 0.8
MARGIN = 5.0  # %
CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)


def _fuzzy(study: Study) -> Outcome:
    """Compare how much neighbouring pixels differ in reconstructions and originals."""
    pairs = matched(study.sweep, ("ae", "vae"))
    energies = np.stack([_energies(study, ae, edge_energy(study, vae)) for ae, vae in pairs])
    ae, vae, whole = energies.mean(axis=(0, 1))
    detail = (
        f"Of the originals' energy at edges, the AE keeps {100 * ae / whole:.0f}% and the VAE "
        f"{100 * vae / whole:.0f}%, at d = {pairs[0][0].latent_size}."
    )
    return Outcome(of_means(energies[:, None], _kept_less), detail)


def _fuzzy_pca(study: Study) -> Estimate:
    """Put PCA in the place of the VAE."""
    pairs = matched(study.sweep, ("ae", "vae"))
    pca = _edge_energy(linear.reconstructions(study, "test", pairs[0][0].latent_size))
    return of_means(np.stack([_energies(study, ae, pca) for ae, _ in pairs])[:, None], _kept_less)


def _kept_less(means: Floats) -> float:
    return float(100 * (means[0] - means[1]) / means[2])


def _energies(study: Study, ae: Run, other: Floats) -> Floats:
    """Return the energy at edges in images of an AE, of something else, and originals, (N, 3)."""
    return np.stack([edge_energy(study, ae), other, _energy_of_originals(study)], axis=1)


@once_per_study
def edge_energy(study: Study, run: Run) -> Floats:
    """Return the energy at edges of a run's reconstructions of the test images, (N,)."""
    with study.sweep.open(run) as results:
        return _edge_energy(results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN)))


@once_per_study
def _energy_of_originals(study: Study) -> Floats:
    return _edge_energy(study.sweep.images("test"))


def _edge_energy(images: Array) -> Floats:
    """Sum of squared differences of neighbouring pixels of images (N, *image_shape), (N,).

    Pixels are neighbours along both axes of an image; in colour, channels are not.
    """
    values = images.astype(np.float32) / 255
    return np.asarray(sum(_squares(np.diff(values, axis=axis)) for axis in (1, 2)))


def _squares(differences: Array) -> Floats:
    """Sum the squares of each image, (N,)."""
    axes = tuple(range(1, differences.ndim))
    return np.asarray((differences**2).sum(axis=axes, dtype=np.float64))


def _overfits(study: Study) -> Outcome:
    """Compare the error on validation images with that on as many training images."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    errors = np.stack([_errors_in_and_out(study, run) for run in runs])
    seen, unseen = errors.mean(axis=(0, 1))
    detail = (
        f"SSE of training images {seen:.1f}, of validation images {unseen:.1f}, at "
        f"d = {runs[0].latent_size} after {_epochs(runs)} epochs."
    )
    return Outcome(of_means(errors[:, None], _excess), detail)


def _epochs(runs: Sequence[Run]) -> str:
    return listed(sorted({run.checked.kept_epoch for run in runs}))


def _overfits_pca(study: Study) -> Estimate:
    size = size_of(study.sweep, ("ae",))
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    unseen = linear.linear_errors(study, study.sweep.images("val"), size)
    rows = _compared_rows(min(run.trained_images for run in runs), len(unseen))
    seen = linear.linear_errors(study, study.sweep.images("train")[rows], size)
    errors = np.stack([seen, unseen[: len(rows)]], axis=1)
    return of_means(errors[None, None], _excess)


def _excess(means: Floats) -> float:
    return float(100 * (means[1] / means[0] - 1))


def _compared_rows(trained: int, unseen: int) -> Array:
    """Choose as many of the images that were trained on as there are others."""
    return np.random.default_rng(0).permutation(trained)[: min(trained, unseen)]


def _errors_in_and_out(study: Study, run: Run) -> Floats:
    """Return the SSE of training and of as many validation images, (N, 2)."""
    with study.sweep.open(run) as results:
        unseen = run_errors(results, "val", names.SSE_AT_MEAN)
        codes, weights = results.array(names.of_split("train", names.MU)), results.weights()
    codes = codes[run.config.data.trained_rows]
    rows = _compared_rows(len(codes), len(unseen))
    decoded = decode(run.config, weights, codes[rows])
    seen = _squares(decoded - study.sweep.images("train")[rows] / np.float32(255))
    return np.stack([seen, unseen[: len(rows)]], axis=1)


def _anomalies(study: Study) -> Outcome:
    """Find the outliers that the AE's error tells least well from test images."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    inside, outside = _scores(study, runs)
    areas = areas_of(inside, outside)
    by_set = listed(f"{area.mean():.3f} ({name})" for name, area in areas.items())
    detail = f"AUROC of the AE's SSE at d = {runs[0].latent_size}: {by_set}."
    return Outcome(worst_area(inside, outside), detail)


def _anomalies_of_pca(study: Study) -> Estimate:
    """Tell the same outliers by the error of PCA, as far as they are made of the test images."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    names_of_sets = [name for name in _scores(study, runs)[1] if name in MADE_OUTLIERS]
    if not names_of_sets:
        raise MissingIngredient("the AE was evaluated on other datasets only")
    found = {name: naive_scores(study, name) for name in names_of_sets}
    size = runs[0].latent_size
    inside = next(iter(found.values())).pca_inside[size]
    return worst_area(inside[None], {name: s.pca_outside[size][None] for name, s in found.items()})


def _scores(study: Study, runs: Sequence[Run]) -> tuple[Floats, Mapping[str, Floats]]:
    """Read the SSE of the test images, (S, N), and of each set of outliers, (S, M), by name."""
    inside: list[Floats] = []
    outside: dict[str, list[Floats]] = {}
    for run in runs:
        with study.sweep.open(run) as results:
            inside.append(run_errors(results, "test", names.SSE_AT_MEAN))
            for name in results.names(names.OUTLIERS):
                values = results.array(names.of_outliers(name, names.SSE_AT_MEAN))
                outside.setdefault(name, []).append(values.astype(np.float64))
    if not outside:
        raise MissingIngredient("the AE was not evaluated on outliers")
    return np.stack(inside), {
        name: np.stack(values) for name, values in outside.items() if len(values) == len(runs)
    }


CLAIMS = (
    Claim(
        "vae-fuzzy",
        "energy at edges",
        "The VAE's reconstructions look fuzzy because the model is probabilistic.",
        "Energy at edges (sum of squared differences of neighbouring pixels) of reconstructed test "
        "images, from the posterior mean, for an AE and a VAE of one latent size. Supported if "
        "the VAE keeps less of the originals' than the AE, by at least 5 points, contradicted only "
        "if it keeps no less. This shows how fuzzy they are, and not why.",
        "energy at edges kept by the AE less that kept by the VAE, in % of the originals'",
        _fuzzy,
        Rule(
            MARGIN,
            "A smaller loss would hardly be seen.",
            3,
            LAST_CHANGED,
            contradicted=0.0,
            others=(0.0, 10.0, 20.0),
        ),
        Control(
            "PCA",
            "PCA with as many components in the place of the VAE. It is not probabilistic; if it "
            "is as fuzzy, fuzziness does not show that probability is the cause.",
            _fuzzy_pca,
        ),
    ),
    Claim(
        "anomalies-detected",
        "outliers",
        "An AE reconstructs what is unlike its training data badly, so that the error reveals it.",
        "AUROC of the AE's SSE for telling each set of outliers from the test images, mean over "
        f"the seeds; the worst set counts. Supported if it is above {GOOD_AUROC}, contradicted "
        "only if it is no better than guessing.",
        "AUROC of the worst set of outliers, 0.5 by guessing and 1 at best",
        _anomalies,
        Rule(
            GOOD_AUROC,
            "Excellent, by Hosmer and Lemeshow (2000), sec. 5.2.4.",
            3,
            LAST_CHANGED,
            contradicted=0.5,
            others=(0.7, 0.9, 0.95),
        ),
        Control(
            "PCA",
            "The error of PCA with as many components. If it does as well, the sets of outliers "
            "are too easy to show anything of an autoencoder.",
            _anomalies_of_pca,
        ),
    ),
    Claim(
        "ae-overfits",
        "training and validation errors",
        "Autoencoders are prone to overfitting the training data.",
        "SSE of validation images against that of as many training images, decoding the code. "
        f"Supported if it is more than {MARGIN:g}% larger, contradicted only if no larger. Whether "
        "the validation error grows in late epochs is not tested.",
        "excess of the mean validation SSE over the mean training SSE, in %",
        _overfits,
        Rule(
            MARGIN,
            "A smaller difference is not called meaningful.",
            3,
            LAST_CHANGED,
            contradicted=0.0,
            others=(2.0, 10.0, 20.0),
        ),
        Control(
            "PCA",
            "PCA with as many components, which has too few parameters to overfit: it shows "
            "whether the validation images are only harder.",
            _overfits_pca,
        ),
    ),
)
