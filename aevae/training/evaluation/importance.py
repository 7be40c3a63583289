"""Bounds on the log-likelihood of the test images, from importance samples."""

import logging
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from aevae.files import names
from aevae.models.losses import log_importance_weight
from aevae.training.evaluation.evaluator import Arrays, Evaluator, join
from aevae.training.loop import DeviceImages

CHUNK = 100  # samples of an image whose weights are in memory at once
SILENCE = 30  # seconds between two lines of the log

log = logging.getLogger(__name__)


def importance_bound(run: Evaluator, data: DeviceImages) -> Arrays:
    """Return ELBO, IWAE bound and Kish's effective sample size of each test image, (N,) each.

    The ELBO is the mean log-weight of the K samples; it is the IWAE bound of one sample. The sums
    over the samples are updated chunk by chunk, in double precision. So the memory does not grow
    with K. Source: Burda et al., Importance Weighted Autoencoders (2016), equations 7 and 8.
    """
    samples = run.evaluation.importance_samples
    noise = run.generator("importance")
    means, bounds, sizes = [], [], []
    done, said = 0, time.monotonic()
    for x, y in run.batches(data, "test"):
        total = torch.full((len(x),), -math.inf, dtype=torch.float64)
        squares, plain = total.clone(), torch.zeros_like(total)
        for weights in _chunks(run, x, y, samples, noise):
            total = torch.logaddexp(total, weights.logsumexp(dim=0))
            squares = torch.logaddexp(squares, (2 * weights).logsumexp(dim=0))
            plain += weights.sum(dim=0)
            done += weights.numel()
            if time.monotonic() - said >= SILENCE:
                said = time.monotonic()
                share = done / (samples * len(data))
                log.info("%.0f %% of %d importance samples per image", 100 * share, samples)
        means.append(plain / samples)
        bounds.append(total - math.log(samples))
        sizes.append(torch.exp(2 * total - squares))
    return {
        names.of_split("test", names.ELBO): join(means),
        names.of_split("test", names.IWAE_BOUND): join(bounds),
        names.of_split("test", names.EFFECTIVE_SAMPLE_SIZE): join(sizes),
    }


def _chunks(
    run: Evaluator, x: Tensor, y: Tensor, samples: int, noise: torch.Generator
) -> Iterator[Tensor]:
    """Yield the log importance weights of a batch, (K, B) with at most `CHUNK` rows, on the CPU."""
    posterior = run.model.encode(x, y)
    for start in range(0, samples, CHUNK):
        draws = []
        for _ in range(start, min(start + CHUNK, samples)):
            z = posterior.sample(noise)
            logits = run.model.decode(z, y)
            draws.append(log_importance_weight(run.model.log_likelihood(logits, x), z, posterior))
        # Not all devices compute in double precision.
        yield torch.stack(draws).cpu().double()
