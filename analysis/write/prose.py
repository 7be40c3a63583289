"""Phrases that captions share."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aevae.files import names
from aevae.kinds import KINDS, Kind
from analysis.sweep.load import Run, SweepResults

# What the noise of each sampler is called in every table and figure.
SAMPLER_TITLES = {
    names.PRIOR: "N(0, I)",
    names.DIAGONAL: "diagonal",
    names.MIXTURE: "mixture",
    names.MIXTURE_OF_MEANS: "mixture of means",
}


def listed(items: Iterable[object]) -> str:
    """Join as prose: ``2, 5 and 10``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def commit(facts: Mapping[str, Any]) -> str | None:
    """Shorten the commit in the provenance of a run, and mark uncommitted changes."""
    found: str | None = facts.get("git_commit")
    return found and found[:10] + "+" * bool(facts.get("git_dirty"))


def seeds(runs: Sequence[Run]) -> str:
    """Name the seeds of some runs: ``seed 0`` or ``seeds 0, 1 and 2``."""
    found = sorted({run.config.seed for run in runs})
    return f"seed{'s' if len(found) > 1 else ''} {listed(found)}"


def epochs(runs: Sequence[Run]) -> str:
    """Say how many epochs the trainings had: ``12 and 50``; ``at most 50`` with early stopping."""
    counts = listed(sorted({run.config.train.epochs for run in runs}))
    return f"at most {counts}" if stops_early(runs) else counts


def kept_epoch(runs: Sequence[Run]) -> str:
    """Name the epoch whose weights are evaluated."""
    return "the epoch whose weights were kept" if stops_early(runs) else "the last epoch"


def stops_early(runs: Sequence[Run]) -> bool:
    """Whether some of the trainings have early stopping."""
    return any(run.config.train.early_stopping for run in runs)


def trained_images(runs: Sequence[Run]) -> str:
    """Say how many images each run was trained on: ``54,000``, or ``1,000 or 54,000``."""
    return " or ".join(f"{count:,}" for count in sorted({run.trained_images for run in runs}))


def kinds(runs: Sequence[Run]) -> list[Kind]:
    """Return the kinds of the models of some runs, in the order of `KINDS`."""
    found = {run.model for run in runs}
    return [kind for kind in KINDS.values() if kind.name in found]


def variational(runs: Sequence[Run]) -> list[str]:
    """Name the models of some runs that are variational, for readers."""
    return [kind.title for kind in kinds(runs) if kind.variational]


def deterministic(runs: Sequence[Run]) -> list[str]:
    """Name the models of some runs that encode an image as a single code."""
    return [kind.title for kind in kinds(runs) if not kind.variational]


def conditional(runs: Sequence[Run]) -> list[str]:
    """Name the models of some runs that are told the class of an image."""
    return [kind.title for kind in kinds(runs) if kind.conditional]


def latents(runs: Sequence[Run]) -> str:
    """Say which latents stand for an image: ``posterior means; codes for the AE``."""
    both = f"posterior means; codes for the {listed(deterministic(runs))}"
    return _encoding(runs, "posterior means", "codes", both)


def samplers(runs: Sequence[Run], shown: Collection[str] = names.SAMPLERS) -> str:
    """Say where the latents of generated images are drawn from, with the name of each noise."""
    texts = []
    for name in (name for name in names.SAMPLERS if name in shown):
        drawn = [run for run in runs if name in run.samplers]
        if drawn:
            called = SAMPLER_TITLES[name]
            texts.append(called if name == names.PRIOR else f"{_noise(name, drawn)} ({called})")
    return listed(texts)


def _noise(name: str, runs: Sequence[Run]) -> str:
    """Describe a noise that is fitted on the training images of some runs."""
    if name == names.DIAGONAL:
        return "a Gaussian with the mean and variance of each latent"
    count = runs[0].evaluation.mixture_components
    if name == names.MIXTURE_OF_MEANS:
        return f"a mixture of {count} Gaussians fitted on posterior means"
    codes = f"sampled z (codes of the {listed(deterministic(runs))})"
    by_class = f", for the {listed(conditional(runs))} by class" if conditional(runs) else ""
    fitted = _encoding(runs, "sampled z", "codes", codes)
    return f"a mixture of {count} Gaussians fitted on {fitted}{by_class}"


def samples(runs: Sequence[Run]) -> str:
    """Say so of latents that are sampled: ``a sample of each posterior; codes for the AE``."""
    both = f"a sample of each posterior; codes for the {listed(deterministic(runs))}"
    return _encoding(runs, "a sample of each posterior", "codes", both)


def mean_or_code(runs: Sequence[Run]) -> str:
    """Say in the singular what an image is encoded as: ``posterior mean (or code)``."""
    return _encoding(runs, "posterior mean", "code", "posterior mean (or code)")


def sample_or_mean(runs: Sequence[Run]) -> str:
    """Say what stands for an image where samples of the posteriors and their means do."""
    posterior = "a sample of the posterior (z) or its mean"
    both = f"{posterior} (for the {listed(deterministic(runs))}, its code)"
    return _encoding(runs, posterior, "the code", both)


def hidden_by_noise(runs: Sequence[Run]) -> str:
    """Warn of posterior means: a sentence and a space, or nothing without variational models."""
    if not variational(runs):
        return ""
    return (
        "The decoder is trained on z; a mean also shows differences between images that the noise "
        "of the posterior hides from the decoder. "
    )


def decoded(runs: Sequence[Run]) -> str:
    """Say what is decoded: ``the posterior mean (the code itself for the AE)``."""
    both = f"the posterior mean (the code itself for the {listed(deterministic(runs))})"
    return _encoding(runs, "the posterior mean", "the code", both)


def _encoding(runs: Sequence[Run], posterior: str, code: str, both: str) -> str:
    """Choose the words for runs that have a posterior, a code, or some the one, some the other."""
    if not deterministic(runs):
        return posterior
    return both if variational(runs) else code


def basis(runs: Sequence[Run], cell: str = "") -> str:
    """Say from how many runs, seeds and epochs a figure is, and of which cell, in one sentence.

    `cell` names the values on the axes of the sweep, if it has any. Nothing without runs.
    """
    if not runs:
        return ""
    count = len({run.config.seed for run in runs})
    at = f" at {cell}" if cell else ""
    return (
        f"Drawn{at} from {_counted(len(runs), 'run')} of {_counted(count, 'seed')}, "
        f"trained for {epochs(runs)} epochs."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def intervals(runs: Sequence[Run], what: str = "Bars") -> str:
    """Say what the 95% intervals of means over images cover: seeds if there are several."""
    if len({run.config.seed for run in runs}) > 1:
        return (
            f"{what} are 95% intervals of the mean over the seeds (Student's t), or bootstrap "
            "intervals over the images where there is one seed only."
        )
    return (
        f"{what} are 95% bootstrap intervals over the images; they do not include the variation "
        "between trainings."
    )


def over_seeds(runs: Sequence[Run]) -> str:
    """Say that numbers are means over seeds, where there are several."""
    return ", averaged over seeds" if len({run.config.seed for run in runs}) > 1 else ""


def range_over_seeds(runs: Sequence[Run]) -> str:
    """Say what the lines and bars of a figure are that shows means and extremes over seeds."""
    count = len({run.config.seed for run in runs})
    if count == 1:
        return f"One training each ({seeds(runs)}), so there is no interval."
    return (
        f"Lines are means over {count} trainings each ({seeds(runs)}); bars reach from the least "
        "to the greatest of them and do not cover the choice of the test images."
    )


def with_runs(caption: str, runs: Sequence[Run]) -> str:
    """Add to a caption the ids of the runs that a figure was made from, if any."""
    named = ", ".join(f"`{run.run_id}`" for run in runs)
    return f"{caption} Runs: {named}." if named else caption


def sentence(note: str) -> str:
    """Make a sentence of a note; an empty note stays empty."""
    return f"{note[0].upper()}{note[1:]}." if note else ""


def with_partial(caption: str, sweep: SweepResults) -> str:
    """Add to a caption that the sweep is partial, if it is."""
    return f"{caption} {sentence(sweep.partial_note)}".rstrip()
