"""What the decoder of a run says of an image: -log p(x|z), from the stored SSE.

The Gaussian decoder has variance 1/2, unless a model learns it. With variance 1/2 the loss, which
is the negative ELBO without the constant V/2 ln(pi), is SSE + KL.
"""

import numpy as np

from aevae.files import names
from aevae.files.schema import Results
from analysis.maths import metrics
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.load import SweepResults

LOSS = "SSE + KL"


def decoder_variance(results: Results) -> float:
    """Return the variance of the Gaussian decoder of a run: learnt, or 1/2."""
    if not results.config.model.traits.learns_variance:
        return metrics.FIXED_VARIANCE
    return float(np.exp(2 * results.array(names.weight("log_sigma")).astype(np.float64)).item())


def elbo(results: Results, sse: Floats, kl: Floats, *, constants: bool = True) -> Floats:
    """Return the ELBO of images, (N,), from their errors by a run; see `analysis.maths.metrics`."""
    values, variance = results.config.data.values, decoder_variance(results)
    return metrics.elbo(sse, kl, values, variance, constants=constants)


def loss(results: Results, sse: Floats, kl: Floats) -> Floats:
    """Return the negative ELBO of images without its constant, (N,)."""
    return -elbo(results, sse, kl, constants=False)


def loss_of_images(results: Results, at_mean: Floats, at_sample: Floats, kl: Floats) -> Floats:
    """Return the loss of images by a run, (N,), from their errors.

    Parameters
    ----------
    results
        Results of the run.
    at_mean, at_sample, kl
        SSE decoding the posterior mean (or code) and one sampled z, and KL, shape (N,) each.

    Returns
    -------
    ndarray
        The negative ELBO without its constant, of one sampled z; without a posterior, the SSE. NaN
        where the likelihood is not Gaussian, since the loss does not follow from the SSE.
    """
    model = results.config.model
    if model.likelihood != "gaussian":
        return np.full_like(at_mean, np.nan)
    return loss(results, at_sample, kl) if model.traits.variational else at_mean


def bernoulli_elbo(study: Study, results: Results, split: str) -> float:
    """Return the ELBO of the images of a split by a run with Bernoulli likelihood, their mean.

    On the validation images, it follows from the loss at the kept epoch, which is a new sample of z
    for each image. On the test images it is the mean log-weight of all importance samples, if they
    are stored (up to schema 3), or else log p(x|z) - KL at the stored z. NaN if the test images
    are drawn binary, since they are not stored, and for an AE, which has no ELBO.
    """
    model = results.config.model
    if not model.traits.variational:
        return np.nan
    if split == "val":
        kl = results.array(names.history("val", names.KL))[results.kept_epoch - 1]
        # The weight of the KL rises linearly in the warm-up, which the kept epoch may belong to.
        weight = model.kl_weight * min(1.0, results.kept_epoch / max(1, model.kl_warmup_epochs))
        return float((weight - 1) * kl - validation_loss(results))
    weights = names.of_split("test", names.LOG_IMPORTANCE_WEIGHTS)
    if weights in results:
        return float(results.array(weights).mean(dtype=np.float64))
    if model.dynamic_binarisation:
        return np.nan
    labels = study.sweep.labels("test") if model.traits.conditional else None
    z, kl = (results.array(names.of_split("test", name)) for name in (names.Z, names.KL))
    decoded = decode(results.config, results.weights(), z, labels)
    intensities = study.sweep.images("test") / 255
    return float((metrics.bernoulli_log_likelihood(intensities, decoded) - kl).mean())


def validation_loss(results: Results) -> float:
    """Return the loss of the validation images as it was minimised, at the kept epoch."""
    return float(results.array(names.history("val", names.LOSS))[results.kept_epoch - 1])


def importance_bound(results: Results) -> tuple[Floats, Floats]:
    """Return the IWAE bound of each test image by a variational run, and the effective sample size.

    Both have shape (N,). Files up to schema 3 have the weights of all samples instead.
    """
    weights = names.of_split("test", names.LOG_IMPORTANCE_WEIGHTS)
    if weights in results:
        stored = results.array(weights)
        return metrics.iwae_bound(stored), metrics.effective_sample_size(stored)
    bound, size = names.IWAE_BOUND, names.EFFECTIVE_SAMPLE_SIZE
    return results.array(names.of_split("test", bound)), results.array(names.of_split("test", size))


def note_on_loss(sweep: SweepResults) -> str:
    """Say what the loss is where a model learns the variance of its decoder; else nothing."""
    if not any(run.kind.learns_variance for run in sweep.runs):
        return ""
    return (
        f" For a model that learns the variance s of its decoder, {LOSS} stands for its loss, "
        f"SSE / 2s + V/2 ln(2s) + KL, for images of V = {sweep.data.values:,} values."
    )
