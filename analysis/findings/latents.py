"""What the latent spaces are like."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import Delaunay

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.findings.claim import (
    Claim,
    Interval,
    Outcome,
    Rows,
    interval,
    interval_of_means,
)
from analysis.findings.matched_runs import matched
from analysis.maths import posterior
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats
from analysis.measures import probing, quality
from analysis.measures.interpolation import Lines, measure_lines
from analysis.measures.judges.panel import find_judges
from analysis.measures.probing import KNN, Space
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables.by_class import MOST

KEPT = 0.9
CHANCE_MARGIN = 0.05
SQUARES = 60  # along each side of the plane
KS_RESAMPLES = 200  # each takes ten times as long as other effects


def _rougher(study: Study) -> Outcome:
    """Compare the paths that both models take between the same images."""
    find_judges(study)  # or say why there is none
    pairs = matched(study.sweep, ("ae", "vae"))
    found = [[_by_line(measure_lines(study, run)) for run in pair] for pair in pairs]
    length, changes = (
        interval_of_means(
            [np.stack([each[name] for each in pair], axis=1) for pair in found],
            lambda means: means[0] - means[1],
        )
        for name in ("length", "changes")
    )
    verdict = length.above(0)
    if verdict != changes.above(0):
        verdict = "undecided"
    lines = [measure_lines(study, run) for run in pairs[0]]
    measures = [
        f"length {line.length.mean():.2f}, {study.data.noun} changes {line.changes.mean():.2f}, "
        f"unsure {line.unsure.mean():.1%}"
        for line in lines
    ]
    size = pairs[0][0].latent_size
    count = len(lines[0].length)
    detail = f"Means over {count} lines at d = {size}: AE {measures[0]}; VAE {measures[1]}."
    return Outcome(length, verdict, detail)


def _by_line(lines: Lines) -> dict[str, Floats]:
    """Return the two measures of each line, (P,): what the judges see is their mean."""
    return {"length": lines.length, "changes": lines.changes.mean(axis=0)}


def _gaps(study: Study) -> Outcome:
    """Decode the plane of the AE's codes, where there are codes and in the gaps."""
    runs = [run for (run,) in matched(study.sweep, ("ae",), size=2)]
    squares = [divide_plane(study, run) for run in runs]
    effect = interval([_difference(*square) for square in squares], SQUARES**2)
    held, clear = squares[0]
    gaps = np.isfinite(clear) & ~held
    detail = (
        f"{gaps.sum():,} of the {np.isfinite(clear).sum():,} squares within the hull of the "
        f"training codes hold none; recognisable are {clear[held].mean():.1%} of the images with "
        f"codes, {clear[gaps].mean():.1%} of those without."
    )
    return Outcome(effect, effect.above(0), detail)


def _difference(held: Array, clear: Floats) -> Callable[[Rows], float]:
    def compute(rows: Rows) -> float:
        with_codes = held[rows]
        found = clear[rows]
        return _mean_of_known(found[with_codes]) - _mean_of_known(found[~with_codes])

    return compute


def _mean_of_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def divide_plane(study: Study, run: Run) -> tuple[Array, Floats]:
    """Divide the plane into squares, and decode the centre of each.

    Returns
    -------
    held, clear
        Whether a square holds training codes, and whether the image decoded there is recognisable
        (a share of the judges; NaN outside the convex hull of the codes), (Q,) each.
    """
    with study.sweep.open(run) as results:
        codes, weights = (
            results.array(names.of_split("train", names.MU)).astype(np.float64),
            results.weights(),
        )
    codes = codes[run.config.data.trained_rows]
    counts, *edges = np.histogramdd(codes, bins=SQUARES)
    centres = [(edge[:-1] + edge[1:]) / 2 for edge in edges[0]]
    plane = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2)
    held = counts.ravel() > 0
    within = held | (Delaunay(codes).find_simplex(plane) >= 0)
    if held[within].all():
        raise MissingIngredient("no square of the plane within the AE's codes is without codes")
    decoded = decode(run.config, weights, plane[within])
    images = (decoded * 255).round().astype(np.uint8)
    clear = np.full(len(plane), np.nan)
    clear[within] = quality.assess(study, images).recognisable.mean(axis=0)
    return held, clear


def _every_class(study: Study) -> Outcome:
    """Look for each class on the grid over the VAE's plane."""
    runs = [run for (run,) in matched(study.sweep, ("vae",), size=2)]
    data = study.data
    counts = [_classes_on_grid(study, run) for run in runs]
    found = [(count > 0).sum() for count in counts]
    effect = Interval(float(np.mean(found)))
    size = runs[0].evaluation.grid_size
    detail = f"Recognisable on the grid of {size} x {size}, {_numbers(study, counts[0])}."
    return Outcome(effect, "supported" if min(found) == data.classes else "contradicted", detail)


def _numbers(study: Study, counts: Array) -> str:
    """Put the numbers of images of each class, (C,), in words: of many classes, only how many."""
    data = study.data
    if data.classes > MOST:
        return f"{(counts > 0).sum()} of {data.classes} {data.plural}"
    by_name = list(zip(data.class_names, counts, strict=True))
    missing = [name for name, count in by_name if not count]
    return (
        f"{data.noun} by {data.noun}: {', '.join(f'{name}: {count}' for name, count in by_name)}; "
        f"missing: {', '.join(missing) or 'none'}"
    )


def _classes_on_grid(study: Study, run: Run) -> Array:
    """Count the recognisable images of each class, (C,), over the quantiles of N(0, I).

    They are the counts of the median judge.
    """
    with study.sweep.open(run) as results:
        images = results.array(names.grid("quantile", names.IMAGE))
    found = quality.assess(study, images.reshape(-1, *study.data.image_shape))
    counts = [
        np.bincount(classes[clear], minlength=study.data.classes)
        for classes, clear in zip(found.classes, found.recognisable, strict=True)
    ]
    return np.asarray(np.median(counts, axis=0).astype(np.intp))


def _keeps_class(study: Study) -> Outcome:
    """Read the class from few latents and from all pixels."""
    runs = [run for (run,) in matched(study.sweep, ("vae",))]
    pixels = probing.hits(study, Space())[KNN, None]
    read = [np.stack([_read(study, run), pixels], axis=1) for run in runs]
    effect = interval_of_means(read, lambda means: means[0] / means[1])
    accuracy = np.mean([values.mean(axis=0) for values in read], axis=0)
    detail = (
        f"kNN reads {accuracy[0]:.1%} of the {study.data.plural} from {runs[0].latent_size} "
        f"latents, {accuracy[1]:.1%} from the pixels."
    )
    return Outcome(effect, effect.above(KEPT), detail)


def _cvae_less(study: Study) -> Outcome:
    """Read the class from the latents of both models."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    read = [np.stack([_read(study, run) for run in pair], axis=1) for pair in pairs]
    effect = interval_of_means(read, lambda means: means[0] - means[1])
    return Outcome(effect, effect.above(0), _accuracies(study, pairs))


def _cvae_none(study: Study) -> Outcome:
    """Compare reading the class from the CVAE's latents with guessing."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    chance = probing.chance(study.sweep)
    read = [_read(study, cvae)[:, None] for _, cvae in pairs]
    effect = interval_of_means(read, lambda means: means[0] - chance)
    return Outcome(effect, effect.below(CHANCE_MARGIN), _accuracies(study, pairs))


def _read(study: Study, run: Run) -> Floats:
    return probing.hits(study, Space(run=run))[KNN, None]


def _accuracies(study: Study, pairs: Sequence[Sequence[Run]]) -> str:
    sizes = sorted({pairs[0][0].latent_size, 2})
    found = [
        f"VAE {np.mean([_read(study, vae).mean() for vae, _ in some]):.1%}, "
        f"CVAE {np.mean([_read(study, cvae).mean() for _, cvae in some]):.1%} at d = {size}"
        for size in sizes
        if (some := _matched_or_none(study, size))
    ]
    chance = probing.chance(study.sweep)
    return f"kNN reads the {study.data.noun} from z: {'; '.join(found)}; guessing {chance:.1%}."


def _matched_or_none(study: Study, size: int) -> list[tuple[Run, ...]]:
    try:
        return matched(study.sweep, ("vae", "cvae"), size)
    except MissingIngredient:
        return []


def _more_normal(study: Study) -> Outcome:
    """Compare how far both aggregate posteriors are from N(0, I)."""
    pairs = matched(study.sweep, ("vae", "cvae"), size=2)
    codes = [[_draws(study, run) for run in pair] for pair in pairs]

    def effect_of(vae: Array, cvae: Array) -> Callable[[Rows], float]:
        return lambda rows: _distance(vae[rows]) - _distance(cvae[rows])

    effects = [effect_of(*pair) for pair in codes]
    effect = interval(effects, len(codes[0][0]), KS_RESAMPLES)
    vae, cvae = np.mean([[_distance(z) for z in pair] for pair in codes], axis=0)
    detail = f"Distance from N(0, 1), mean of both dimensions: VAE {vae:.3f}, CVAE {cvae:.3f}."
    return Outcome(effect, effect.above(0), detail)


def _draws(study: Study, run: Run) -> Array:
    with study.sweep.open(run) as results:
        return results.array(names.of_split("test", names.Z))


def _distance(z: Array) -> float:
    return float(posterior.distance_from_normal(z).mean())


CLAIMS = (
    Claim(
        "ae-interpolates-worse",
        "The AE's latent space, being unconstrained, is harder to interpolate in than the VAE's.",
        "Straight lines between the codes of the same pairs of test images, decoded: length of the "
        "path through the images over the distance of its ends, and how often the {noun} that "
        "a judge sees changes on the way. Supported if both are greater for the AE, with as "
        "many latents; undecided if they disagree.",
        "mean relative path length of the AE less that of the VAE",
        _rougher,
    ),
    Claim(
        "ae-gaps-fail",
        "The AE's latent space has gaps in which decoding fails.",
        f"The AE with two latents: the plane in {SQUARES} x {SQUARES} squares, those within the "
        "convex hull of the training codes decoded at their centres. Supported if fewer images "
        "are recognisable in squares without codes.",
        "recognisable share of squares with codes less that of squares without",
        _gaps,
    ),
    Claim(
        "vae-plane-has-every-digit",
        "A grid over the VAE's two-dimensional latent space shows every {noun}.",
        "The stored grid over the quantiles of N(0, I). Supported if each {noun} is recognisable "
        "at least once, for every seed.",
        "{plural} found, of {classes}",
        _every_class,
    ),
    Claim(
        "few-latents-keep-the-digit",
        "Most of the semantic information of {a_subject} fits in a relatively small latent space.",
        "kNN with all labels on the VAE's posterior means and on the pixels. Supported if the "
        f"latents give more than {KEPT:.0%} of the pixels' accuracy.",
        "accuracy from the latents over that from the pixels",
        _keeps_class,
    ),
    Claim(
        "cvae-latents-less-class",
        "The CVAE's latents carry less of the {noun} than the VAE's, since the label is given.",
        "kNN with all labels on the posterior means of a VAE and a CVAE of one latent size. "
        "Supported if it reads fewer {plural} from the CVAE's.",
        "accuracy from the VAE's latents less that from the CVAE's",
        _cvae_less,
    ),
    Claim(
        "cvae-latents-free-of-class",
        "The CVAE separates style from class: its latents say nothing about the {noun}.",
        "kNN with all labels on the CVAE's posterior means against always guessing the most "
        f"frequent {{noun}}. Supported if it is better by less than {100 * CHANCE_MARGIN:g} "
        "points.",
        "accuracy from the CVAE's latents less that of guessing",
        _cvae_none,
    ),
    Claim(
        "cvae-more-normal",
        "The CVAE's latents look more like a bivariate normal distribution than the VAE's.",
        "Kolmogorov-Smirnov distance from N(0, 1) of one sampled z per test image, two latents, "
        "mean over both. Supported if that of the CVAE is smaller.",
        "distance of the VAE's latents from N(0, 1) less that of the CVAE's",
        _more_normal,
    ),
)
