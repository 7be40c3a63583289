"""What the latent space of every run holds."""

from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.maths.posterior import DRAWS, Decomposition, decompose_kl
from analysis.measures.cells import run_identity
from analysis.measures.study import Study
from analysis.sweep.load import Run, SweepResults
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

PARTS = ("mutual_information", "total_correlation", "dimension_wise_kl")
NO_PARTS = dict.fromkeys([*(field.name for field in fields(Decomposition)), "log_n"], np.nan)


def make(study: Study, dimensions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run, which sums up the table `latent_dimensions`.

    Columns: identity of the run; active_units and dead_units; largest_mean (absolute),
    least_variance, largest_variance and mean_ks of the dimensions of the aggregate posterior,
    which for N(0, I) are 0, 1, 1 and near 0; kl (nats per image), its three parts and their
    error as in `analysis.maths.posterior.Decomposition`, and log_n, the largest possible mutual
    information.
    """
    rows = []
    runs = {run.run_id: run for run in study.sweep.runs}
    for run_id, every in dimensions.groupby("run_id", sort=False):
        run = runs[str(run_id)]
        row = every.iloc[0][[*run_identity(run, study.sweep.axes)]].to_dict()
        row |= {
            "active_units": every["active"].sum(),
            "dead_units": every["dead"].sum(),
            "largest_mean": every["mean"].abs().max(),
            "least_variance": every["variance"].min(),
            "largest_variance": every["variance"].max(),
            "mean_ks": every["ks"].mean(),
            "kl": every["kl"].sum(min_count=1),
        }
        parts = NO_PARTS
        if run.kind.variational:
            parts = asdict(_decompose(study.sweep, run)) | {
                "log_n": np.log(study.data.counts["test"])
            }
        rows.append(row | parts)
    return pd.DataFrame(rows)


def _decompose(sweep: SweepResults, run: Run) -> Decomposition:
    with sweep.open(run) as results:
        z, mu, logvar = (
            results.array(names.of_split("test", name))
            for name in (names.Z, names.MU, names.LOGVAR)
        )
    return decompose_kl(z, mu, logvar)


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the run id."""
    return table.drop(columns="run_id")


def caption(study: Study) -> str:
    """Say what the numbers are and how they were estimated."""
    return (
        f"Latent spaces on the {study.data.counts['test']:,} test images of {study.data.title}. "
        "Active: the variance of the mean over the images is above 0.01. Dead: 0 for every "
        f"training image{_of(study, ' (')}. Mean, variance and Kolmogorov-Smirnov distance are "
        "those of the dimensions of the aggregate "
        f"posterior{_of(study, ' (of the codes, for the ')} against N(0, I).{_parts(study)}"
    )


def _parts(study: Study) -> str:
    """Say how the KL was split, where there is one."""
    n = study.data.counts["test"]
    if not prose.variational(study.sweep.runs):
        return ""
    return (
        " The KL (nats per image) is split as in Chen et al. (2018), with the aggregate posterior "
        f"as the exact mean of all {n:,} posteriors, evaluated at {min(DRAWS, n):,} draws; the "
        "error is that of the mutual information, which cannot exceed log N: where it comes near, "
        "what is missing is counted as total correlation."
    )


def _of(study: Study, begin: str) -> str:
    """Name the models with a single code in brackets, if there are any."""
    titles = prose.deterministic(study.sweep.runs)
    return f"{begin}{prose.listed(titles)})" if titles else ""


TABLE = TableRecipe("latent_space", make, caption, for_readers, needs=("latent_dimensions",))
