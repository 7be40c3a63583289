"""What is compared: the quantities of a cell, and their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from aevae.files import names
from aevae.files.schema import Results
from analysis.comparison.members import Member, Replicates
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures import likelihood
from analysis.measures.cells import run_errors
from analysis.sweep.load import SweepResults

Method = Literal["welch", "paired bootstrap", "bootstrap of both"]

# Names are those of the columns of the table `summary`, which has the same numbers of every run.
SSE, SSE_SAMPLE, KL, LOSS = "test_sse_mean", "test_sse_sample", "test_kl", "test_loss"
MSE, MSE_SAMPLE = "test_mse", "test_mse_sample"  # SSE by value of an image
IWAE, VAL_LOSS, ACTIVE, SECONDS = "iwae_bound", "val_loss", "active_units", "training_seconds"
OF_IMAGES = (SSE, SSE_SAMPLE, KL, LOSS, IWAE)
OF_RUNS = (VAL_LOSS, ACTIVE, SECONDS)
# A ratio says nothing of the others, since they can be negative.
WITH_RATIO = (SSE, SSE_SAMPLE, MSE, MSE_SAMPLE, KL, ACTIVE, SECONDS)


@dataclass(frozen=True)
class Estimate:
    """A number with the bounds of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Measured:
    """The quantities of a cell with S seeds.

    `images` has shape (S, N, Q): quantities that every test image has. `runs` has shape (S, R):
    quantities of a whole run. A quantity that a model does not have is NaN.
    """

    quantities: tuple[str, ...]
    images: Floats
    runs: Floats

    @property
    def by_seed(self) -> Floats:
        """Mean over the images of each quantity and seed, shape (S, Q + R)."""
        return np.concatenate([self.images.mean(axis=1), self.runs], axis=1)

    @property
    def seeds(self) -> int:
        """Number of trainings, S."""
        return len(self.runs)

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Mean of each quantity over images and seeds.

        Its interval is Student's over the seeds, or with one seed a bootstrap over the images.
        """
        means = self.by_seed
        if self.seeds > 1:
            bounds = np.array([metrics.seed_interval(column) for column in means.T])
        else:
            bounds = self._padded(*metrics.bootstrap_interval(self.images[0]))
        return self._named(means.mean(axis=0), bounds)

    def difference(
        self, other: "Measured", *, same_images: bool
    ) -> tuple[dict[str, Estimate], Method]:
        """Return the difference of each quantity, `other` less this, and how its interval is made.

        Only several trainings on both sides show how trainings differ. Otherwise the test images
        are resampled: those of both sides together if they are the same, else each by themselves.
        """
        ours, theirs = self.by_seed, other.by_seed
        images = self.images.mean(axis=0), other.images.mean(axis=0)
        method: Method
        if min(self.seeds, other.seeds) > 1:
            method = "welch"
            pairs = zip(ours.T, theirs.T, strict=True)
            bounds = np.array([metrics.welch_interval(*pair) for pair in pairs])
        elif same_images:
            method = "paired bootstrap"
            bounds = self._padded(*metrics.bootstrap_interval(images[1] - images[0]))
        else:
            method = "bootstrap of both"
            bounds = self._padded(*metrics.bootstrap_difference(*images))
        return self._named(theirs.mean(axis=0) - ours.mean(axis=0), bounds), method

    def _named(self, values: Floats, bounds: Floats) -> dict[str, Estimate]:
        """Put names to values (Q + R,) and bounds (Q + R, 2)."""
        rows = zip(self.quantities, values, bounds, strict=True)
        return {name: Estimate(float(v), float(low), float(high)) for name, v, (low, high) in rows}

    def _padded(self, low: Floats, high: Floats) -> Floats:
        """Join bounds (Q,) of quantities of images, with none for those of runs: (Q + R, 2)."""
        none = np.full((self.runs.shape[1], 2), np.nan)
        return np.concatenate([np.stack([low, high], axis=1), none])


def measure(member: Member, cell: Replicates, *, by_value: bool) -> Measured:
    """Read the quantities of a cell; `by_value`: errors are divided by the values of an image."""
    images, runs = [], []
    for run in cell.runs:
        with member.sweep.open(run) as results:
            found = _of_images(results)
            runs.append(list(_of_run(results).values()))
        scale = member.sweep.data.values if by_value else 1
        found |= {name: found[name] / scale for name in (SSE, SSE_SAMPLE)}
        images.append(np.stack([found[name] for name in OF_IMAGES], axis=1))
    renamed = {SSE: MSE, SSE_SAMPLE: MSE_SAMPLE} if by_value else {}
    quantities = tuple(renamed.get(name, name) for name in (*OF_IMAGES, *OF_RUNS))
    return Measured(quantities, np.stack(images), np.array(runs, dtype=np.float64))


def _of_images(results: Results) -> dict[str, Floats]:
    """Return the quantities that every test image has, each (N,)."""
    at_mean, at_sample, kl = (
        run_errors(results, "test", name)
        for name in (names.SSE_AT_MEAN, names.SSE_AT_SAMPLE, names.KL)
    )
    loss = likelihood.loss_of_images(results, at_mean, at_sample, kl)
    bound = np.full_like(at_mean, np.nan)
    if results.config.model.traits.variational:
        bound, _ = likelihood.importance_bound(results)
    return {SSE: at_mean, SSE_SAMPLE: at_sample, KL: kl, LOSS: loss, IWAE: bound}


def _of_run(results: Results) -> Mapping[str, float]:
    """Return the quantities of a whole run."""
    return {
        VAL_LOSS: likelihood.validation_loss(results),
        ACTIVE: metrics.active_units(results.array(names.of_split("test", names.MU))),
        SECONDS: results.array(names.EPOCH_SECONDS).sum(),
    }


def same_test_images(sweeps: Sequence[SweepResults]) -> list[bool]:
    """Tell of each sweep whether its test images are those of the first, in the same order."""
    first = sweeps[0].images("test")
    return [np.array_equal(first, sweep.images("test")) for sweep in sweeps]
