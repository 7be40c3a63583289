"""What the latent spaces are like: what can be read from them, and how they are distributed."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures import linear, probing
from analysis.measures.aggregate import Aggregate, find_aggregate
from analysis.measures.probing import KNN, POSTERIORS, Space
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run

KEPT = 0.9
TOO_FEW = 2  # components
MARGIN = 0.05
CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)
PROBES = "{plural} read from latents"


def _keeps_class(study: Study) -> Outcome:
    """Read the class from few latents and from all pixels."""
    runs = [run for (run,) in matched(study.sweep, ("vae",))]
    read = np.stack([_beside_pixels(study, _read(study, run)) for run in runs])
    accuracy = read.mean(axis=(0, 1))
    detail = (
        f"{accuracy[0]:.1%} of the {study.data.plural} are read right from {runs[0].latent_size} "
        f"latents, {accuracy[1]:.1%} from the pixels (by kNN)."
    )
    return Outcome(of_means(read[:, None], _ratio), detail)


def _two_numbers_keep_class(study: Study) -> Estimate:
    read = _beside_pixels(study, _read_pca(study, TOO_FEW))
    return of_means(read[None, None], _ratio)


def _ratio(means: Floats) -> float:
    return float(means[0] / means[1])


def _beside_pixels(study: Study, hits: Floats) -> Floats:
    return np.stack([hits, probing.hits(study, Space())[KNN, None]], axis=1)


def _cvae_less(study: Study) -> Outcome:
    """Read the class from the latents of both models."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    read = np.stack([np.stack([_read(study, run) for run in pair], axis=1) for pair in pairs])
    return Outcome(of_means(read[:, None], _difference), _accuracies(study, pairs))


def _pca_less(study: Study) -> Estimate:
    """Put PCA in the place of the CVAE."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    pca = _read_pca(study, pairs[0][0].latent_size)
    read = np.stack([np.stack([_read(study, vae), pca], axis=1) for vae, _ in pairs])
    return of_means(read[:, None], _difference)


def _difference(means: Floats) -> float:
    return float(means[0] - means[1])


def _cvae_none(study: Study) -> Outcome:
    """Compare reading the class from the CVAE's latents with guessing."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    effect = _above_chance(study, [cvae for _, cvae in pairs])
    return Outcome(effect, _accuracies(study, pairs))


def _vae_none(study: Study) -> Estimate:
    return _above_chance(study, [vae for vae, _ in matched(study.sweep, ("vae", "cvae"))])


def _above_chance(study: Study, runs: Sequence[Run]) -> Estimate:
    read = np.stack([_read(study, run) for run in runs])
    accuracy = of_means(read[:, None, :, None], lambda means: float(means[0]))
    return accuracy.shifted(-probing.chance(study.sweep))


def _read(study: Study, run: Run) -> Floats:
    """Tell of which test images the class is read right from a sampled z, (T,).

    It is read by the posteriors of the training images, which know the noise of each latent. kNN
    does not, and loses the class in the noise of latents that the decoder ignores.
    """
    return probing.hits(study, Space(run=run))[POSTERIORS, None]


def _read_pca(study: Study, components: int) -> Floats:
    return probing.hits(study, Space(components=components))[KNN, None]


def _accuracies(study: Study, pairs: Sequence[Sequence[Run]]) -> str:
    sizes = sorted({pairs[0][0].latent_size, 2})
    found = [
        f"VAE {np.mean([_read(study, vae).mean() for vae, _ in some]):.1%}, "
        f"CVAE {np.mean([_read(study, cvae).mean() for _, cvae in some]):.1%} at d = {size}"
        for size in sizes
        if (some := _matched_or_none(study, size))
    ]
    chance = probing.chance(study.sweep)
    return f"Read right from z: {'; '.join(found)}; by guessing {chance:.1%}."


def _matched_or_none(study: Study, size: int) -> list[tuple[Run, ...]]:
    try:
        return matched(study.sweep, ("vae", "cvae"), size)
    except MissingIngredient:
        return []


def _more_normal(study: Study) -> Outcome:
    """Compare how far both aggregate posteriors are from N(0, I)."""
    pairs = matched(study.sweep, ("vae", "cvae"), size=2)
    found = [[find_aggregate(study, run) for run in pair] for pair in pairs]
    ends = np.array([[each.ends["divergence"] for each in pair] for pair in found]).mean(axis=0)
    detail = (
        f"KL from N(0, I), in nats: VAE {ends[0, 0]:.3f} to {ends[0, 1]:.3f}, CVAE "
        f"{ends[1, 0]:.3f} to {ends[1, 1]:.3f}. The lower end leaves out the posterior that a "
        "draw is from, the upper end counts it in; the effect is computed from their middles."
    )
    return Outcome(_ratio_of_divergences(found), detail)


def _pca_more_normal(study: Study) -> Estimate:
    """Put PCA in the place of the CVAE."""
    vaes = [vae for vae, _ in matched(study.sweep, ("vae", "cvae"), size=2)]
    return _ratio_of_divergences(
        [[find_aggregate(study, vae), linear.linear_aggregate(study, vae)] for vae in vaes]
    )


def _ratio_of_divergences(pairs: Sequence[Sequence[Aggregate]]) -> Estimate:
    """Estimate the divergence of the second in units of that of the first, draw by draw."""
    values = np.stack(
        [np.stack([second.divergence, first.divergence], axis=1) for first, second in pairs]
    )
    return of_means(values[:, None], _ratio).within(0, np.inf)


READ = (
    "The {noun} of each test image is read from one sampled z. The densities of z under the "
    "posteriors of the training images are added up for each {noun}; the greatest sum is the "
    "answer. "
)
CLAIMS = (
    Claim(
        "few-latents-keep-the-digit",
        PROBES,
        "Most of the semantic information of {a_subject} fits in a relatively small latent space.",
        READ + "From the pixels, kNN reads it. Supported if the VAE's latents give more than "
        f"{KEPT:.0%} of the pixels' accuracy. Nothing but the {{noun}} is read.",
        "accuracy from the latents over that from the pixels",
        _keeps_class,
        Rule(KEPT, "At most a tenth of what can be read may be lost.", 3, LAST_CHANGED,
             others=(0.8, 0.95)),
        Control(
            "two components",
            "The first two principal components, read by kNN: a space that is too small. As many "
            "components as latents would be no control, since the claim is about how few numbers "
            "suffice, whoever makes them.",
            _two_numbers_keep_class,
        ),
    ),
    Claim(
        "cvae-latents-less-class",
        PROBES,
        "The CVAE's latents carry less of the {noun} than the VAE's, since the label is given.",
        READ + "A VAE and a CVAE of one latent size. Supported if at least "
        f"{100 * MARGIN:g} points fewer {{plural}} are read right from the CVAE's, contradicted "
        "only if no fewer are.",
        "accuracy from the VAE's latents less that from the CVAE's",
        _cvae_less,
        Rule(MARGIN, "A smaller difference is not called meaningful.", 3, LAST_CHANGED,
             contradicted=0.0, others=(0.0, 0.1, 0.2)),
        Control(
            "PCA",
            "As many principal components in the place of the CVAE's latents, read by kNN: nobody "
            "told them the {noun}.",
            _pca_less,
        ),
    ),
    Claim(
        "cvae-latents-free-of-class",
        PROBES,
        "The CVAE separates style from class: its latents say nothing about the {noun}.",
        READ + "That is compared with always guessing the most frequent {noun}. Supported if it is "
        f"better by less than {100 * MARGIN:g} points. A better reader might read more.",
        "accuracy from the CVAE's latents less that of guessing",
        _cvae_none,
        Rule(MARGIN, "A smaller difference is not called meaningful.", 2, CHANGED, side="below",
             others=(0.02, 0.1)),
        Control("the VAE", "The latents of the VAE, which is told no {noun}.", _vae_none),
    ),
    Claim(
        "cvae-more-normal",
        "distance from N(0, I)",
        "The CVAE's latents look more like a bivariate normal distribution than the VAE's.",
        "KL of the aggregate posterior from N(0, I), two latents: that of the CVAE over that of "
        "the VAE. Supported if it is less than half, contradicted only if it is no less than that "
        "of the VAE.",
        "KL(q(z) || N(0, I)) of the CVAE in units of that of the VAE",
        _more_normal,
        Rule(0.5, "Half the distance is our reading of 'more like'.", 4, LAST_CHANGED, side="below",
             contradicted=1.0, others=(0.25, 0.75, 1.0)),
        Control(
            "PCA",
            "The first two principal components, scaled to mean 0 and variance 1, with as much "
            "noise as the VAE's posteriors have, in the place of the CVAE's latents: nothing gives "
            "them the shape of a normal distribution.",
            _pca_more_normal,
        ),
    ),
)  # fmt: skip
