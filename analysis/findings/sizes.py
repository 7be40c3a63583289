"""What the latent size does to the reconstruction error."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.findings.claim import (
    Claim,
    Interval,
    Outcome,
    Rows,
    Verdict,
    interval,
    interval_of_means,
)
from analysis.maths import metrics
from analysis.maths.metrics import Floats, Labels
from analysis.measures.cells import run_errors
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, group_of
from analysis.sweep.load import MissingIngredient
from analysis.tables.latent_size_choice import RULE, chosen
from analysis.write.prose import listed

CHOSEN = 20
MARGIN = 5.0  # %: a smaller change is not called meaningful


def _ae_falls(study: Study) -> Outcome:
    """Look for the latent size and class where the AE's error falls least."""
    sizes, errors = _errors(study, "ae", "test", names.SSE_AT_MEAN)
    _require(len(sizes) > 1, "the AE has finished runs of one latent size only")
    labels = study.sweep.labels("test")
    classes = study.data.classes
    effect = interval([_least_fall(seed, labels, classes) for seed in errors], len(labels))
    return Outcome(effect, effect.above(0), _course(sizes, errors))


def _least_fall(values: Floats, labels: Labels, classes: int) -> Callable[[Rows], float]:
    """Compute the least relative fall, %, from one size to the next in errors (N, S)."""

    def fall(rows: Rows) -> float:
        means = np.stack([metrics.mean_by_class(v[rows], labels[rows], classes) for v in values.T])
        return float(100 * np.nanmin(1 - means[1:] / means[:-1]))

    return fall


def _vae_flat(study: Study) -> Outcome:
    """Look for the size beyond 20 where the VAE's error is least."""
    sizes, errors = _errors(study, "vae", "test", names.SSE_AT_SAMPLE)
    _require(CHOSEN in sizes and sizes[-1] > CHOSEN, "no finished VAE beyond latent size 20")
    place = sizes.index(CHOSEN)

    effect = interval_of_means(
        errors, lambda means: 100 * (1 - means[place + 1 :].min() / means[place])
    )
    return Outcome(effect, effect.below(MARGIN), _course(sizes, errors))


def _size_20(study: Study) -> Outcome:
    """Let the validation error choose in every resample of the images."""
    sizes, errors = _errors(study, "vae", "val", names.SSE_AT_SAMPLE)
    around = CHOSEN in sizes and sizes[0] < CHOSEN < sizes[-1]
    _require(around, "no finished VAE of latent size 20 and of smaller and larger ones")

    def choice(values: Floats) -> Callable[[Rows], float]:
        return lambda rows: _choose(sizes, values[rows])

    effect = interval([choice(values) for values in errors], study.data.counts["val"])
    return Outcome(effect, _is_chosen(effect), _course(sizes, errors, "validation"))


def _choose(sizes: list[int], values: Floats) -> float:
    """Apply the rule to the errors (N, S) of some images."""
    standard_errors = [metrics.standard_error(column) for column in values.T]
    curve = {"latent_size": sizes, "error": values.mean(0), "standard_error": standard_errors}
    table = pd.DataFrame(curve)
    return float(table.loc[chosen(table), "latent_size"].item())


def _is_chosen(effect: Interval) -> Verdict:
    assert effect.low is not None
    assert effect.high is not None
    if effect.low == effect.high == CHOSEN:
        return "supported"
    return "undecided" if effect.low <= CHOSEN <= effect.high else "contradicted"


def _errors(study: Study, model: str, split: str, name: str) -> tuple[list[int], list[Floats]]:
    """Read an error of each image at each latent size, (N, S), for each seed that has them all."""
    group = group_of(study.sweep, model)
    sizes = group.latent_sizes
    by_seed: dict[int, list[Floats]] = {}
    for size in sizes:
        for run in group.of_size(size):
            with study.sweep.open(run) as results:
                values = run_errors(results, split, name)
            by_seed.setdefault(run.config.seed, []).append(values)
    whole = [
        np.stack(columns, axis=1) for columns in by_seed.values() if len(columns) == len(sizes)
    ]
    _require(bool(whole), f"no seed has finished runs of the {TITLES[model]} of every latent size")
    return sizes, whole


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise MissingIngredient(otherwise)


def _course(sizes: list[int], errors: list[Floats], split: str = "test") -> str:
    """Name the mean error at each latent size."""
    means = np.mean([values.mean(axis=0) for values in errors], axis=0)
    steps = [f"{mean:.1f} (d = {size})" for size, mean in zip(sizes, means, strict=True)]
    return f"Mean {split} SSE: {listed(steps)}."


CLAIMS = (
    Claim(
        "ae-error-falls",
        "A larger latent size decreases the AE's reconstruction error for all {plural}.",
        "Test SSE of the AE by {noun}, each latent size against the next larger one. Supported if "
        "it falls at every step for every {noun}.",
        "least fall of the mean SSE of a {noun} from one latent size to the next, in %",
        _ae_falls,
    ),
    Claim(
        "vae-error-flat",
        "Beyond about 20, a larger latent size does not meaningfully reduce the VAE's "
        "reconstruction error.",
        "Test SSE of the VAE, decoding one sampled z as the article does, at latent size 20 "
        f"against all larger ones. Supported if it falls by less than {MARGIN:g}% at best.",
        "greatest fall of the mean SSE from latent size 20 to a larger one, in %",
        _vae_flat,
    ),
    Claim(
        "latent-size-20",
        "By the VAE's reconstruction error on the validation images, 20 is the latent size to "
        "choose.",
        f"Validation SSE of the VAE, decoding one sampled z, and the rule: {RULE}. Supported if "
        "it chooses 20 in at least 95% of the resamples (with several seeds: for every seed).",
        "latent size chosen",
        _size_20,
    ),
)
