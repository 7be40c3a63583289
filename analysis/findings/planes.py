"""What lies between codes: gaps in a plane, every class on a grid, and lines across classes."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched
from analysis.maths.decoder import decode
from analysis.maths.intervals import Estimate, combine, left_out, of_means
from analysis.maths.metrics import Floats
from analysis.measures import linear
from analysis.measures.interpolation import unsure_across, unsure_of_fades
from analysis.measures.judges.panel import Sight, find_judges
from analysis.measures.quality import SURE
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables.by_class import MOST

MARGIN = 0.05
SQUARES = 60  # along each side of the plane
BLOCK = 15  # squares along each side of a block
FAIR = 0.1
CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)
NOT_MEANINGFUL = "A smaller difference is not called meaningful."


def _rougher(study: Study) -> Outcome:
    """Compare the paths that both models take between the same images of different classes."""
    pairs = matched(study.sweep, ("ae", "vae"))
    unsure = _stacked([[unsure_across(study, run) for run in pair] for pair in pairs])
    ae, vae = unsure.mean(axis=(0, 1, 2))
    fades = unsure_of_fades(study).mean()
    detail = (
        f"Unsure are the judges of {ae:.1%} of the AE's images on the way, {vae:.1%} of the VAE's "
        f"and {fades:.1%} of cross-fades, on {unsure.shape[2]} lines at "
        f"d = {pairs[0][0].latent_size}."
    )
    return Outcome(of_means(unsure, _difference, judged=True), detail)


def _rougher_than_fades(study: Study) -> Estimate:
    """Put cross-fades in the place of the VAE."""
    fades = unsure_of_fades(study)
    pairs = matched(study.sweep, ("ae", "vae"))
    unsure = _stacked([[unsure_across(study, ae), fades] for ae, _ in pairs])
    return of_means(unsure, _difference, judged=True)


def _stacked(by_seed: Sequence[Sequence[Floats]]) -> Floats:
    return np.stack([np.stack(shares, axis=-1) for shares in by_seed])


def _difference(means: Floats) -> float:
    return float(means[0] - means[1])


def _gaps(study: Study) -> Outcome:
    """Decode the plane of the AE's codes, where there are codes and in the gaps."""
    planes = _planes(study, "ae")
    with_codes, without = _sums(planes).reshape(-1, 2, 2).sum(axis=0)
    squares = np.mean([np.isfinite(clear[0]).sum() for _, clear in planes])
    empty = np.mean([(np.isfinite(clear[0]) & ~held).sum() for held, clear in planes])
    detail = (
        f"{empty:,.0f} of the {squares:,.0f} squares within the hull of the training codes hold "
        f"none; recognisable are {with_codes[1] / with_codes[0]:.1%} of the images with codes, "
        f"{without[1] / without[0]:.1%} of those without."
    )
    return Outcome(_worse_in_gaps(planes), detail)


def _gaps_of_vae(study: Study) -> Estimate:
    return _worse_in_gaps(_planes(study, "vae"))


def _planes(study: Study, model: str) -> list[tuple[Array, Floats]]:
    return [divide_plane(study, run) for (run,) in matched(study.sweep, (model,), size=2)]


def _worse_in_gaps(planes: Sequence[tuple[Array, Floats]]) -> Estimate:
    """Estimate how many fewer images are recognisable in squares without codes.

    Neighbouring squares look alike, so that whole blocks of squares are resampled (Hall 1985).
    """
    sums = _sums(planes)
    if not sums[..., 1::2].any():
        raise MissingIngredient("no image of the plane is recognisable, with codes or without")
    return of_means(sums, _of_sums, judged=True, shared=False)


def _of_sums(means: Floats) -> float:
    """Compute the difference of shares from numbers of squares and of those that are clear."""
    return float(means[1] / means[0] - means[3] / means[2])


def _sums(planes: Sequence[tuple[Array, Floats]]) -> Floats:
    """Count the squares of B blocks: with codes, clear; without codes, clear: (S, J, B, 4)."""
    side = SQUARES // BLOCK
    counts = []
    for held, clear in planes:
        within = np.isfinite(clear)
        kinds = [
            mask for part in (held, ~held) for mask in (within & part, within & part & (clear == 1))
        ]
        grids = np.stack(kinds, axis=-1).reshape(len(clear), side, BLOCK, side, BLOCK, 4)
        counts.append(grids.sum(axis=(2, 4)).reshape(len(clear), side * side, 4))
    return np.stack(counts).astype(np.float64)


@once_per_study
@kept_for_commands
def divide_plane(study: Study, run: Run) -> tuple[NDArray[np.bool_], Floats]:
    """Divide the plane into squares, and decode the centre of each.

    Returns
    -------
    held, clear
        Whether a square holds training codes, (Q,); whether each judge recognises the image decoded
        there (1 or 0; NaN outside the convex hull of the codes), (J, Q).
    """
    with study.sweep.open(run) as results:
        codes = results.array(names.of_split("train", names.MU)).astype(np.float64)
        weights = results.weights()
    codes = codes[run.config.data.trained_rows]
    counts, *edges = np.histogramdd(codes, bins=SQUARES)
    centres = [(edge[:-1] + edge[1:]) / 2 for edge in edges[0]]
    plane = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2)
    held = counts.ravel() > 0
    try:
        within = held | (Delaunay(codes).find_simplex(plane) >= 0)
    except QhullError:
        raise MissingIngredient("the codes do not fill a plane") from None
    if held[within].all():
        raise MissingIngredient("no square of the plane within the codes is without codes")
    decoded = decode(run.config, weights, plane[within])
    images = (decoded * 255).round().astype(np.uint8)
    recognised = Sight.of(find_judges(study), images).surer_than(SURE)
    clear = np.full((len(recognised), len(plane)), np.nan)
    clear[:, within] = recognised
    return held, clear


def _every_class(study: Study) -> Outcome:
    """Look for the rarest class on the grid over the VAE's plane."""
    runs = [run for (run,) in matched(study.sweep, ("vae",), size=2)]
    shares = np.stack([_shares(study, _see_grid(study, run)) for run in runs])
    size = runs[0].evaluation.grid_size
    detail = f"Recognisable on the grid of {size} x {size}, {_numbers(study, shares, size**2)}."
    return Outcome(_rarest(shares), detail)


def _every_class_of_pca(study: Study) -> Estimate:
    run = matched(study.sweep, ("vae",), size=2)[0][0]
    found = linear.see_linear_grid(study, run.evaluation.grid_size)
    return _rarest(_shares(study, found)[None])


def _rarest(shares: Floats) -> Estimate:
    """Estimate the share of the rarest class, in units of an equal share, from (S, J, C).

    The grid is the same always, so that only seeds and judges are sampled.
    """
    seeds, judges, classes = shares.shape

    def rarest(kept: Floats) -> float:
        return float(classes * kept.mean(axis=(0, 1)).min())

    return combine(
        rarest(shares),
        seeds=left_out(shares, rarest),
        judges=left_out(shares, rarest, axis=1),
        counts=(seeds, judges),
    )


def _shares(study: Study, found: Sight) -> Floats:
    """Return the share of the images that each judge takes for each class, (J, C)."""
    pairs = zip(found.classes, found.surer_than(SURE), strict=True)
    return np.stack([
        np.bincount(classes[sure], minlength=study.data.classes) / len(classes)
        for classes, sure in pairs
    ])  # fmt: skip


def _numbers(study: Study, shares: Floats, images: int) -> str:
    """Put the numbers of images of each class in words: of many classes, only how many."""
    data, counts = study.data, images * shares.mean(axis=(0, 1))
    if data.classes > MOST:
        return f"{(counts > 0).sum()} of {data.classes} {data.plural}"
    by_name = zip(data.class_names, counts, strict=True)
    listed = ", ".join(f"{name}: {count:.0f}" for name, count in by_name)
    return f"{data.noun} by {data.noun}: {listed}, means over seeds and judges"


def _see_grid(study: Study, run: Run) -> Sight:
    """Judge the stored grid over the quantiles of N(0, I)."""
    with study.sweep.open(run) as results:
        images = results.array(names.grid("quantile", names.IMAGE))
    return Sight.of(find_judges(study), images.reshape(-1, *study.data.image_shape))


CLAIMS = (
    Claim(
        "ae-interpolates-worse",
        "lines between {plural}",
        "The AE's latent space, being unconstrained, is harder to interpolate in than the VAE's.",
        "Straight lines between the codes of pairs of test images of different {plural}, decoded "
        "in steps, the same pairs for all: share of the images on the way of whose {noun} a judge "
        f"is not 90% sure. Supported if it is at least {100 * MARGIN:g} points higher for the AE, "
        "with as many latents, contradicted only if it is no higher.",
        "share of unsure images on the AE's lines less that on the VAE's",
        _rougher,
        Rule(MARGIN, NOT_MEANINGFUL, 3, LAST_CHANGED, contradicted=0.0, others=(0.0, 0.1, 0.2)),
        Control(
            "cross-fades",
            "Cross-fades of the same pairs, pixel by pixel, in the place of the VAE. They pass "
            "through blends that are no {subjects}.",
            _rougher_than_fades,
        ),
    ),
    Claim(
        "ae-gaps-fail",
        "gaps in the plane",
        "The AE's latent space has gaps in which decoding fails.",
        f"The AE with two latents: the plane in {SQUARES} x {SQUARES} squares, those within the "
        "convex hull of the training codes decoded at their centres. Supported if at least "
        f"{100 * MARGIN:g} points fewer images are recognisable in squares without codes, "
        "contradicted only if no fewer are.",
        "recognisable share of squares with codes less that of squares without",
        _gaps,
        Rule(MARGIN, NOT_MEANINGFUL, 3, LAST_CHANGED, contradicted=0.0, others=(0.0, 0.1, 0.2)),
        Control(
            "the VAE",
            "The plane of the VAE's posterior means, which the KL keeps together, so that decoding "
            "must not fail between them.",
            _gaps_of_vae,
        ),
    ),
    Claim(
        "vae-plane-has-every-digit",
        "grid over the plane",
        "A grid over the VAE's two-dimensional latent space shows every {noun}.",
        "The stored grid over the quantiles of N(0, I): share of the images that judges recognise "
        "as the rarest {noun}, mean over seeds and judges, in units of an equal share for each. "
        f"Supported if it is above {FAIR:g}.",
        "share of the rarest {noun}, 1 if each has an equal share of the grid",
        _every_class,
        Rule(FAIR, "One image among hundreds would be overlooked.", 2, CHANGED,
             others=(0.05, 0.25, 0.5)),
        Control(
            "PCA",
            "The grid over the first two principal components.",
            _every_class_of_pca,
        ),
    ),
)  # fmt: skip
