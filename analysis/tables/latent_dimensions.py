"""Every latent dimension of every run."""

import numpy as np
import pandas as pd

from aevae.files import names
from aevae.files.schema import Results
from analysis.maths import metrics, posterior
from analysis.measures.cells import several_rows
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and latent dimension (from 0).

    Columns: identity of the run; kl (nats, mean over the test images) and informative (if above
    0.1), mu_variance (of the test images' means) and active (if above 0.01), dead (AE: 0 for every
    training image); mean, variance of the aggregate posterior of the test images, and ks, the
    Kolmogorov-Smirnov distance of one sampled z each (AE: the codes) from N(0, 1).
    """
    parts = ((results, _columns(results)) for results in study.sweep.results())
    return several_rows(parts, study.sweep.axes)


def _columns(results: Results) -> dict[str, object]:
    mu = results.array(names.of_split("test", names.MU))
    spread = mu.var(axis=0, dtype=np.float64)
    columns: dict[str, object] = {
        "dimension": np.arange(results.config.model.latent_size),
        "kl": np.nan,
        "informative": None,
        "mu_variance": spread,
        "active": spread > metrics.ACTIVE_VARIANCE,
    }
    if not results.config.model.traits.variational:
        mean, variance = posterior.aggregate_moments(mu, None)
        trained = results.array(names.of_split("train", names.MU))[results.config.data.trained_rows]
        columns["dead"] = posterior.dead_units(trained)
        ks = posterior.distance_from_normal(mu)
    else:
        logvar = results.array(names.of_split("test", names.LOGVAR))
        columns["kl"] = kl = posterior.kl_per_dimension(mu, logvar)
        columns["informative"] = kl > posterior.INFORMATIVE_KL
        mean, variance = posterior.aggregate_moments(mu, logvar)
        columns["dead"] = False
        ks = posterior.distance_from_normal(results.array(names.of_split("test", names.Z)))
    return columns | {"mean": mean, "variance": variance, "ks": ks}


def caption(study: Study) -> str:
    """Say what the numbers are."""
    return f"Latent dimensions on the test images of {study.data.title}."


TABLE = TableRecipe("latent_dimensions", make, caption)
