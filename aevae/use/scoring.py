"""How unusual an image is: its loss, compared with the losses of the validation images."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.use import checks
from aevae.use.runs import TrainedRun
from aevae.use.values import Doubles, Scores


@dataclass(frozen=True)
class Calibration:
    """The validation losses of a run, ascending, and the variance of its decoder."""

    losses: Doubles
    variance: float
    values: int

    @classmethod
    def of(cls, run: TrainedRun) -> Self:
        """Read the stored errors of the validation images.

        Raises
        ------
        InputError
            The run has not been evaluated.
        """
        model = run.config.model
        variance = 0.5
        if model.traits.learns_variance:
            variance = float(np.exp(2 * run.weights["log_sigma"].astype(np.float64)).item())
        with run.results() as results:
            sse = results.array(names.of_split("val", names.SSE_AT_MEAN))
            kl = np.zeros_like(sse)
            if model.traits.variational:
                kl = results.array(names.of_split("val", names.KL))
        calibration = cls(np.empty(0), variance, run.config.data.values)
        return cls(np.sort(calibration.loss(sse, kl)), variance, run.config.data.values)

    def loss(self, sse: NDArray[np.float32], kl: NDArray[np.float32]) -> Doubles:
        """Return the negative ELBO without the constant V/2 ln(pi), (N,)."""
        constant = self.values / 2 * np.log(2 * self.variance)
        loss: Doubles = sse.astype(np.float64) / (2 * self.variance) + constant + kl
        return loss

    def scores(
        self, sse: NDArray[np.float32], kl: NDArray[np.float32], false_positive_rate: float
    ) -> Scores:
        """Compare losses with those of the validation images.

        An image is flagged if its conformal p-value is at most the rate: (1 + number of validation
        images with at least its loss) / (1 + number of validation images). So among images that are
        exchangeable with the validation images, the expected share of flagged ones is at most the
        rate. Source: Bates et al., Testing for outliers with conformal p-values (2023), section 2.

        Raises
        ------
        InputError
            The rate is not between 1 / (1 + number of validation images) and 1.
        """
        count = len(self.losses)
        checks.rate(false_positive_rate, count)
        loss = self.loss(sse, kl)
        smaller = np.searchsorted(self.losses, loss, side="left")
        p_value = (1 + count - smaller) / (1 + count)
        # The tolerance is for rates such as 0.05, which binary numbers only approximate.
        flagged = p_value <= false_positive_rate * (1 + 1e-12)
        return Scores(sse, kl, loss, 100 * smaller / count, flagged)
