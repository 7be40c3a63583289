"""What lies beside what in decoded planes: regions of codes, borders of digits, shared style."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mode

from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched
from analysis.maths.borders import over_chance, with_regions_shuffled
from analysis.maths.intervals import (
    Estimate,
    UndefinedEffect,
    combine,
    jackknife_variance,
    left_out,
    of_means,
    resampled_variance,
)
from analysis.maths.metrics import Floats
from analysis.maths.strokes import FEATURES
from analysis.measures import plane_structure
from analysis.measures.plane_structure import Regions
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient

CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)
MARGIN = 0.05
MORPHING = ((7, 9), (2, 8))  # the article's examples
CHANCE, FREQUENT = 1.0, 1.5  # times chance
HALF = 0.5
SHUFFLES = 100  # of a map
BLOCKS = 4  # along each side of a plane


def _sparser_is_clearer(study: Study) -> Outcome:
    """Compare the densest and the sparsest square of the AE's codes."""
    runs = [run for (run,) in matched(study.sweep, ("ae",), size=2)]
    found = [plane_structure.regions_of(study, run) for run in runs]
    dense, sparse = np.mean([each.recognised.mean(axis=(0, 1)) for each in found], axis=0)
    most, fewest = np.mean([each.codes for each in found], axis=0)
    detail = (
        f"Recognisable are {dense:.1%} of the images in the densest square ({most:,.0f} test "
        f"codes) and {sparse:.1%} in the sparsest ({fewest:,.0f})."
    )
    return Outcome(_difference(found), detail)


def _sparser_is_clearer_with_pca(study: Study) -> Estimate:
    return _difference([plane_structure.regions_of_pca(study)])


def _difference(found: list[Regions]) -> Estimate:
    """Estimate by how much more of the sparsest square is recognisable; patches are resampled."""
    shares = np.stack([each.recognised for each in found])
    return of_means(shares, lambda means: float(means[1] - means[0]), judged=True, shared=False)


def _digits_morph(study: Study) -> Outcome:
    """Look for the article's examples among the borders on the VAE's grid."""
    seen = _grids(study)
    lengths = np.mean([plane_structure.borders_of(study, grids) for grids in seen], axis=0)
    ratios = over_chance(lengths)
    pairs = [f"{a} and {b} border {ratios[a, b]:.1f} times as often" for a, b in MORPHING]
    upper = np.triu(np.nan_to_num(ratios))
    a, b = np.unravel_index(upper.argmax(), upper.shape)
    detail = (
        f"{' and '.join(pairs)} as by chance; the most frequent border for its digits is that of "
        f"{a} and {b}, {upper[a, b]:.1f} times."
    )
    return Outcome(_borders(study, seen), detail)


def _digits_morph_at_random(study: Study) -> Estimate:
    return _borders_at_random(study, _grids(study))


def _borders_at_random(study: Study, seen: NDArray[np.integer]) -> Estimate:
    """Put the digits at other places of maps that are as smooth, again and again.

    Each map has the digits that most judges see, from classes (S, J, R, C), and is shuffled for all
    judges alike. The interval contains what 95% of so many shuffled maps give together.
    """
    maps = mode(seen, axis=1).mode
    rng = np.random.default_rng(0)
    drawn = np.array([
        _rarer(_lengths(study, np.stack([[with_regions_shuffled(one, rng)] for one in maps])))
        for _ in range(SHUFFLES)
    ])  # fmt: skip
    variance = resampled_variance(drawn)
    value = float(drawn[np.isfinite(drawn)].mean())
    return combine(value, image_variance=variance, counts=(len(maps), 0)).within(0, np.inf)


def _grids(study: Study) -> NDArray[np.integer]:
    """Return the class that each judge sees on each seed's grid, (S, J, R, C)."""
    runs = [run for (run,) in matched(study.sweep, ("vae",), size=2)]
    return np.stack([plane_structure.classes_on_grid(study, run) for run in runs])


def _borders(study: Study, seen: NDArray[np.integer]) -> Estimate:
    """Estimate the rarer of the two borders over chance, from classes (S, J, R, C).

    The grid is the same always, so that only seeds and judges are sampled.
    """
    lengths = _lengths(study, seen)
    value = _rarer(lengths)
    without_seed, without_judge = (left_out(lengths, _rarer, axis=axis) for axis in (0, 1))
    if not np.isfinite([value, *without_seed, *without_judge]).all():
        raise UndefinedEffect
    counts = (lengths.shape[0], lengths.shape[1])
    return combine(value, seeds=without_seed, judges=without_judge, counts=counts)


def _lengths(study: Study, seen: NDArray[np.integer]) -> Floats:
    """Return the borders between classes (K) on grids (S, J, R, C), (S, J, K, K)."""
    return np.stack(
        [[plane_structure.borders_of(study, grid[None]) for grid in grids] for grids in seen]
    )


def _rarer(lengths: Floats) -> float:
    """Compute the rarer of the article's borders over chance; NaN if a digit has none."""
    ratios = over_chance(lengths.mean(axis=(0, 1)))
    return float(np.min([ratios[pair] for pair in MORPHING]))


def _style_is_shared(study: Study) -> Outcome:
    """Measure how far the planes of a CVAE's labels change alike."""
    planes = _styles(study)
    means = np.mean([plane_structure.shared_parts(styles) for styles in planes], axis=0)
    parts = [f"{name} {part:.2f}" for name, part in zip(FEATURES, means, strict=True)]
    return Outcome(_shared(planes), f"Shared part: {', '.join(parts)}.")


def _style_of_turned_planes(study: Study) -> Estimate:
    return _shared(np.stack([plane_structure.turned(styles) for styles in _styles(study)]))


def _styles(study: Study) -> Floats:
    """Return the styles on each seed's grid, (S, C, R, C', 4).

    Raises
    ------
    MissingIngredient
        There is no such grid, or only one label has one.
    """
    runs = [run for (run,) in matched(study.sweep, ("cvae",), size=2)]
    styles = np.stack([plane_structure.styles_on_grid(study, run) for run in runs])
    if styles.shape[1] < 2:
        raise MissingIngredient(f"there is one {study.data.noun} only")
    return styles


def _shared(planes: Floats) -> Estimate:
    """Estimate the mean shared part of the features, from (S, C, R, C', 4).

    Neighbouring places look alike, so that whole blocks are left out in turn (Künsch 1989).
    """

    def mean_part(kept: Floats) -> float:
        return float(np.mean([plane_structure.shared_parts(styles) for styles in kept]))

    value = mean_part(planes)
    without = [mean_part(kept) for kept in _without_blocks(planes)]
    if not np.isfinite([value, *without]).all():
        raise UndefinedEffect
    return combine(
        value,
        seeds=left_out(planes, mean_part),
        image_variance=jackknife_variance(without),
        image_freedom=len(without) - 1,
        counts=(len(planes), 0),
    )


def _without_blocks(planes: Floats) -> list[Floats]:
    """Return the planes without the places of each block; these are not a number."""
    kept = []
    for rows in np.array_split(np.arange(planes.shape[2]), BLOCKS):
        for columns in np.array_split(np.arange(planes.shape[3]), BLOCKS):
            less = planes.copy()
            less[:, :, rows[:, None], columns] = np.nan
            kept.append(less)
    return kept


CLAIMS = (
    Claim(
        "sparser-is-recognisable",
        "dense and sparse regions",
        "Of two regions of the AE's latent space, the sparser one gives the recognisable "
        "{subjects}.",
        "The AE with two latents: the square with the most codes of test images and, of those with "
        "the fewest among the codes, that nearest to the median code, each a tenth as wide as the "
        "codes' extent, decoded on a lattice. Supported if at least "
        f"{100 * MARGIN:g} points more of the images in the sparser square are recognisable, "
        "contradicted only if no more are.",
        "recognisable share in the sparsest square less that in the densest",
        _sparser_is_clearer,
        Rule(MARGIN, "A smaller difference is not called meaningful.", 2, LAST_CHANGED,
             contradicted=0.0, others=(0.0, 0.1, 0.2)),
        Control(
            "PCA",
            "The same squares of the plane of the first two principal components, which makes "
            "blends wherever one looks.",
            _sparser_is_clearer_with_pca,
        ),
    ),
    Claim(
        "digits-morph",
        "borders of classes",
        "On a grid over the VAE's latent space 7s morph into 9s, and 2s into 8s.",
        "The stored grid over the quantiles of N(0, I): how often two digits are neighbours, as "
        "judges see them, over what it would be if each digit bordered on others at random; the "
        f"rarer of both examples. Supported if it is above {FREQUENT:g}, contradicted only if it "
        "is no more frequent than by chance.",
        "border of 7 and 9, or of 2 and 8 if that is rarer, in units of chance",
        _digits_morph,
        Rule(FREQUENT, "Half as often again as by chance is more than a few odd cells make.", 2,
             LAST_CHANGED, contradicted=CHANCE, others=(1.0, 2.0, 3.0)),
        Control(
            "shuffled regions",
            "The digits of the connected regions of the grid, shuffled among these regions: as "
            "smooth a map, in which digits border by chance only. Its interval is that of one such "
            "map for each seed.",
            _digits_morph_at_random,
        ),
        of_digits=True,
    ),
    Claim(
        "cvae-shares-style",
        "shared style",
        "A CVAE's latents hold a style that all {plural} share.",
        "The stored grids of the CVAE with two latents, one for each label at the same z: "
        "intraclass correlation between labels of slant, thickness of strokes, width and height, "
        f"without the means of labels; the mean of the four. Supported if it is above {HALF:g}, "
        "contradicted only at or below 0, where planes do not agree at all. "
        "If only some of the four are shared, the mean may be below it.",
        "mean intraclass correlation of style between the planes of the labels",
        _style_is_shared,
        Rule(HALF, "More than half of what varies within a label is then common to all.", 2,
             LAST_CHANGED, contradicted=0.0, others=(0.25, 0.75)),
        Control(
            "turned planes",
            "The planes of the labels turned against each other by quarter turns: as smooth as "
            "they were, but another z at the same place.",
            _style_of_turned_planes,
        ),
    ),
)  # fmt: skip
