"""What reconstructions look like, and what their errors tell."""

import numpy as np
from scipy.stats import norm

from aevae.files import names
from aevae.files.hdf5 import Array
from aevae.files.schema import Results
from analysis.findings.claim import Claim, Interval, Outcome, interval_of_means
from analysis.findings.matched_runs import matched
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats, seed_interval
from analysis.measures.cells import run_errors
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run
from analysis.write.prose import listed

GOOD_AUROC = 0.8
MARGIN = 5.0  # %


def _fuzzy(study: Study) -> Outcome:
    """Compare how much neighbouring pixels differ in reconstructions and originals."""
    pairs = matched(study.sweep, ("ae", "vae"))
    real = _edge_energy(study.sweep.images("test"))
    energies = [
        np.stack([*(_edge_energy(_reconstructions(study, run)) for run in pair), real], axis=1)
        for pair in pairs
    ]
    effect = interval_of_means(energies, lambda means: 100 * (means[0] - means[1]) / means[2])
    ae, vae, whole = np.mean([energy.mean(axis=0) for energy in energies], axis=0)
    detail = (
        f"Of the originals' energy at edges, the AE keeps {100 * ae / whole:.0f}% and the VAE "
        f"{100 * vae / whole:.0f}%, at d = {pairs[0][0].latent_size}."
    )
    return Outcome(effect, effect.above(0), detail)


def _reconstructions(study: Study, run: Run) -> Array:
    with study.sweep.open(run) as results:
        return results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN))


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
    errors = [_errors_in_and_out(study, run) for run in runs]

    effect = interval_of_means(errors, lambda means: 100 * (means[1] / means[0] - 1))
    seen, unseen = np.mean([values.mean(axis=0) for values in errors], axis=0)
    detail = (
        f"SSE of training images {seen:.1f}, of validation images {unseen:.1f}, at "
        f"d = {runs[0].latent_size} after {runs[0].checked.kept_epoch} epochs."
    )
    return Outcome(effect, effect.above(MARGIN), detail)


def _errors_in_and_out(study: Study, run: Run) -> Floats:
    """Return the SSE of training and of as many validation images, (N, 2)."""
    with study.sweep.open(run) as results:
        unseen = run_errors(results, "val", names.SSE_AT_MEAN)
        codes, weights = results.array(names.of_split("train", names.MU)), results.weights()
    codes = codes[run.config.data.trained_rows]
    count = min(len(unseen), len(codes))
    rows = np.random.default_rng(0).permutation(len(codes))[:count]
    decoded = decode(run.config, weights, codes[rows])
    seen = _squares(decoded - study.sweep.images("train")[rows] / np.float32(255))
    return np.stack([seen, unseen[:count]], axis=1)


def _anomalies(study: Study) -> Outcome:
    """Find the outliers that the AE's error tells least well from test images."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    areas: list[dict[str, Interval]] = []
    for run in runs:
        with study.sweep.open(run) as results:
            areas.append(_areas(results))
    if not areas[0]:
        raise MissingIngredient("the AE was not evaluated on outliers")
    worst = [min(found.values(), key=lambda area: area.estimate) for found in areas]
    estimates = [area.estimate for area in worst]
    bounds = seed_interval(estimates) if len(worst) > 1 else (worst[0].low, worst[0].high)
    effect = Interval(float(np.mean(estimates)), *bounds)
    names = {name: np.mean([found[name].estimate for found in areas]) for name in areas[0]}
    by_set = listed(f"{area:.3f} ({name})" for name, area in names.items())
    detail = f"AUROC of the AE's SSE at d = {runs[0].latent_size}: {by_set}."
    return Outcome(effect, effect.above(GOOD_AUROC), detail)


def _areas(results: Results) -> dict[str, Interval]:
    inside = run_errors(results, "test", names.SSE_AT_MEAN)
    outside = {
        name: results.array(names.of_outliers(name, names.SSE_AT_MEAN))
        for name in results.names(names.OUTLIERS)
    }
    return {name: auroc_interval(inside, values) for name, values in outside.items()}


def auroc_interval(inside: Array, outside: Array) -> Interval:
    """Estimate the area under the ROC curve with an interval: DeLong et al. (1988).

    Parameters
    ----------
    inside, outside
        Scores of images of both kinds, (N,) and (M,); those outside should be higher.
    """
    below = _placements(inside, outside)
    above = 1 - _placements(outside, inside)
    variance = below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above)
    area, half = float(below.mean()), float(norm.ppf(0.975) * np.sqrt(variance))
    return Interval(area, max(area - half, 0.0), min(area + half, 1.0))


def _placements(reference: Array, scores: Array) -> Floats:
    """Share of the reference below each score; of equal ones, half."""
    ordered = np.sort(reference)
    ranks = np.searchsorted(ordered, scores) + np.searchsorted(ordered, scores, side="right")
    return np.asarray(ranks / (2 * len(ordered)))


CLAIMS = (
    Claim(
        "vae-fuzzy",
        "The VAE's reconstructions look fuzzy because the model is probabilistic.",
        "Energy at edges (sum of squared differences of neighbouring pixels) of reconstructed test "
        "images, from the posterior mean, for an AE and a VAE of one latent size. Supported if "
        "the VAE keeps less of the originals' than the AE.",
        "energy at edges kept by the AE less that kept by the VAE, in % of the originals'",
        _fuzzy,
    ),
    Claim(
        "anomalies-detected",
        "An AE reconstructs what is unlike its training data badly, so that the error reveals it.",
        "AUROC of the AE's SSE for telling each set of outliers from the test images; the worst "
        f"set counts. Supported if it is above {GOOD_AUROC} (excellent, by Hosmer and Lemeshow "
        "2000, sec. 5.2.4). The interval is DeLong's.",
        "AUROC of the worst set of outliers, 0.5 to 1",
        _anomalies,
    ),
    Claim(
        "ae-overfits",
        "Autoencoders are prone to overfitting the training data.",
        "SSE of validation images against that of as many training images, decoding the code. "
        f"Supported if it is more than {MARGIN:g}% larger.",
        "excess of the mean validation SSE over the mean training SSE, in %",
        _overfits,
    ),
)
