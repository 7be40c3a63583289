"""What the latent size does to the reconstruction error."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.maths import metrics
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures.cells import run_errors
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, group_of
from analysis.sweep.load import MissingIngredient
from analysis.tables.latent_size_choice import RULE, chosen
from analysis.write.prose import listed

CHOSEN = 20
MARGIN = 5.0  # %: a smaller change is not called meaningful
RESAMPLES = 100  # for each seed
EXCEPTED = 0.1  # share of the classes: nearly all are the others
CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)
GROUP = "errors by latent size"
NOT_MEANINGFUL = "A change of the error by less than 5% is not called meaningful"


def _ae_falls(study: Study) -> Outcome:
    """Look for the latent size and class where the AE's error falls least."""
    return _falls(study, "ae", names.SSE_AT_MEAN)


def _vae_falls(study: Study) -> Estimate:
    return _falls(study, "vae", names.SSE_AT_SAMPLE).effect


def _falls(study: Study, model: str, name: str) -> Outcome:
    sizes, errors = _errors(study, model, "test", name)
    _require(len(sizes) > 1, f"the {TITLES[model]} has finished runs of one latent size only")
    labels = study.sweep.labels("test")
    effect = of_means(errors[:, None], _least_fall, labels=labels)
    return Outcome(effect, _course(sizes, errors))


def _least_fall(means: Floats) -> float:
    """Compute the least relative fall, %, from one size to the next in errors by class (C, D)."""
    return float(100 * np.nanmin(1 - means[:, 1:] / means[:, :-1]))


def _vae_flat(study: Study) -> Outcome:
    """Look for the size beyond 20 where the VAE's error is least."""
    return _flat(study, "vae", names.SSE_AT_SAMPLE)


def _ae_flat(study: Study) -> Estimate:
    return _flat(study, "ae", names.SSE_AT_MEAN).effect


def _flat(study: Study, model: str, name: str) -> Outcome:
    sizes, errors = _errors_beyond(study, model, name)
    effect = of_means(errors[:, None], _greatest_fall(sizes.index(CHOSEN)))
    return Outcome(effect, _course(sizes, errors))


def _errors_beyond(study: Study, model: str, name: str) -> tuple[list[int], Floats]:
    """Read a test error as `_errors` does, of a model that has sizes from 20 on."""
    sizes, errors = _errors(study, model, "test", name)
    beyond = CHOSEN in sizes and sizes[-1] > CHOSEN
    _require(beyond, f"no finished {TITLES[model]} beyond latent size {CHOSEN}")
    return sizes, errors


def _greatest_fall(place: int) -> Callable[[Floats], float]:
    """Compute the fall, %, from the size at a place to the best of the larger ones."""

    def fall(means: Floats) -> float:
        return float(100 * (1 - means[place + 1 :].min() / means[place]))

    return fall


def _vae_worsens(study: Study) -> Outcome:
    """Look at how the VAE's error changes for all classes but a tenth, beyond 20."""
    return _worsens(study, "vae", names.SSE_AT_SAMPLE)


def _ae_worsens(study: Study) -> Estimate:
    return _worsens(study, "ae", names.SSE_AT_MEAN).effect


def _worsens(study: Study, model: str, name: str) -> Outcome:
    sizes, errors = _errors_beyond(study, model, name)
    labels, data = study.sweep.labels("test"), study.data
    least = of_means(errors[:, None], _rise_of_nearly_all(sizes.index(CHOSEN)), labels=labels)
    means = np.stack(
        [metrics.mean_by_class(column, labels, data.classes) for column in errors.mean(axis=0).T]
    )
    worse = int((means[-1] > means[sizes.index(CHOSEN)]).sum())
    detail = (
        f"From d = {CHOSEN} to {sizes[-1]} the error rises for {worse} of {data.classes} "
        f"{data.plural}. {_course(sizes, errors)}"
    )
    return Outcome(least, detail)


def _rise_of_nearly_all(place: int) -> Callable[[Floats], float]:
    """Compute the rise, %, from the size at a place to the largest that 9 in 10 classes exceed."""

    def rise(means: Floats) -> float:
        rises = np.sort(100 * (means[:, -1] / means[:, place] - 1))
        known = rises[np.isfinite(rises)]
        return float(known[int(EXCEPTED * len(known))]) if len(known) else float("nan")

    return rise


def _size_20(study: Study) -> Outcome:
    """Let the validation error of each seed choose in every resample of the images."""
    return _chosen_share(study, "vae", names.SSE_AT_SAMPLE)


def _size_20_of_ae(study: Study) -> Estimate:
    return _chosen_share(study, "ae", names.SSE_AT_MEAN).effect


def _chosen_share(study: Study, model: str, name: str) -> Outcome:
    sizes, errors = _errors(study, model, "val", name)
    around = CHOSEN in sizes and sizes[0] < CHOSEN < sizes[-1]
    missing = f"no finished {TITLES[model]} of latent size 20 and of smaller and larger ones"
    _require(around, missing)
    rng = np.random.default_rng(0)
    choices: Counter[int] = Counter()
    for values in errors:
        for _ in range(RESAMPLES):
            choices[_choose(sizes, values[rng.integers(len(values), size=len(values))])] += 1
    share = choices[CHOSEN] / choices.total()
    counted = listed(f"{n} times {size}" for size, n in sorted(choices.items()))
    detail = (
        f"Chosen in {choices.total():,} draws of seed and images: {counted}. "
        f"{_course(sizes, errors, 'validation')}"
    )
    return Outcome(Estimate(share, seeds=len(errors)), detail)


def _choose(sizes: list[int], values: Floats) -> int:
    """Apply the rule to the errors (N, D) of some images."""
    standard_errors = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    curve = {"latent_size": sizes, "error": values.mean(0), "standard_error": standard_errors}
    table = pd.DataFrame(curve)
    return int(table.loc[chosen(table), "latent_size"].item())


def _errors(study: Study, model: str, split: str, name: str) -> tuple[list[int], Floats]:
    """Read an error of each image at each latent size, (S, N, D), of seeds that have them all."""
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
    return sizes, np.stack(whole)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise MissingIngredient(otherwise)


def _course(sizes: list[int], errors: Floats, split: str = "test") -> str:
    """Name the mean error at each latent size."""
    means = zip(sizes, errors.mean(axis=(0, 1)), strict=True)
    steps = [f"{mean:.1f} (d = {size})" for size, mean in means]
    return f"Mean {split} SSE: {listed(steps)}."


CLAIMS = (
    Claim(
        "ae-error-falls",
        GROUP,
        "A larger latent size decreases the AE's reconstruction error for all {plural}.",
        "Test SSE of the AE by {noun}, mean over the seeds, each latent size against the next "
        f"larger one. Supported if it rises by less than {MARGIN:g}% at every step for every "
        "{noun}; an error that stays the same passes too.",
        "least fall of the mean SSE of a {noun} from one latent size to the next, in %",
        _ae_falls,
        Rule(
            -MARGIN,
            NOT_MEANINGFUL + ", and a rise by so little no rise.",
            2,
            CHANGED,
            others=(-10.0, 0.0, 5.0),
        ),
        Control(
            "the VAE",
            "The same for the VAE, whose error is said not to fall beyond 20 latents.",
            _vae_falls,
        ),
    ),
    Claim(
        "vae-error-flat",
        GROUP,
        "Beyond about 20, a larger latent size does not meaningfully reduce the VAE's "
        "reconstruction error.",
        "Test SSE of the VAE, decoding one sampled z as the article does, at latent size 20 "
        f"against all larger ones. Supported if it falls by less than {MARGIN:g}% at best.",
        "greatest fall of the mean SSE from latent size 20 to a larger one, in %",
        _vae_flat,
        Rule(MARGIN, NOT_MEANINGFUL + ".", 2, CHANGED, side="below", others=(0.0, 2.0, 10.0)),
        Control("the AE", "The same for the AE, whose error is said to fall throughout.", _ae_flat),
    ),
    Claim(
        "vae-error-worsens",
        GROUP,
        "Beyond about 20, a larger latent size worsens the VAE's reconstruction error slightly for "
        "nearly all {plural}.",
        "Test SSE of the VAE by {noun}, decoding one sampled z as the article does, at latent size "
        "20 against the largest. Nearly all {plural} are all but a tenth: of the relative rises, "
        "the least of the others counts. Supported if it is above 0%. How much is still 'slightly' "
        "is not tested.",
        "rise of the mean SSE from latent size 20 to the largest, in %: the least, leaving out the "
        "tenth of the {plural} where it is least",
        _vae_worsens,
        Rule(
            0.0,
            "The article says that the error rises, not by how much.",
            1,
            CHANGED,
            others=(-5.0, 2.0, 5.0),
        ),
        Control(
            "the AE", "The same for the AE, whose error is said to fall throughout.", _ae_worsens
        ),
    ),
    Claim(
        "latent-size-20",
        "choice of the latent size",
        "By the VAE's reconstruction error on the validation images, 20 is the latent size to "
        "choose.",
        f"Validation SSE of the VAE, decoding one sampled z, and the rule: {RULE}. Each seed "
        f"chooses {RESAMPLES} times, from resampled images. A choice has counts and no interval. "
        "Supported if 20 is chosen in more than 95% of the draws, contradicted if in at most 5%.",
        "share of the draws in which 20 is chosen",
        _size_20,
        Rule(
            0.95,
            "As often as a 95% interval contains the truth.",
            3,
            LAST_CHANGED,
            contradicted=0.05,
            others=(0.5, 0.8),
        ),
        Control(
            "the AE",
            "The choice by the AE's error, which is said to fall beyond 20 latents.",
            _size_20_of_ae,
        ),
    ),
)
