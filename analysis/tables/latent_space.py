"""What the latent space of every run holds."""

import numpy as np
import pandas as pd

from analysis.measures.aggregate import BRACKETED, Aggregate, draws, find_aggregate, split_of
from analysis.measures.cells import run_identity
from analysis.measures.study import Call, Study
from analysis.sweep.load import Run
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

ENDS = ("low", "high", "se")


def make(study: Study, dimensions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run, which sums up the table `latent_dimensions`.

    Columns: identity of the run; active_units, informative_units and dead_units; largest_mean
    (absolute), least_variance, largest_variance and mean_ks of the dimensions of the aggregate
    posterior, which for N(0, I) are 0, 1, 1 and near 0; kl (nats per image). Then what is
    bracketed, see `analysis.maths.aggregate.Densities`, each with the ends ``_low`` and ``_high``
    and their standard error ``_se``, in nats; class_accuracy, the share of draws whose class the
    posteriors of all other images give; posteriors, the number N of images that make up the
    aggregate posterior, log_n, and label_entropy, the largest possible class_information.
    """
    rows = []
    runs = {run.run_id: run for run in study.sweep.runs}
    for run_id, every in dimensions.groupby("run_id", sort=False):
        run = runs[str(run_id)]
        row = every.iloc[0][[*run_identity(run, study.sweep.axes)]].to_dict()
        informative = every["informative"].sum() if run.kind.variational else np.nan
        row |= {
            "active_units": every["active"].sum(),
            "informative_units": informative,
            "dead_units": every["dead"].sum(),
            "largest_mean": every["mean"].abs().max(),
            "least_variance": every["variance"].min(),
            "largest_variance": every["variance"].max(),
            "mean_ks": every["ks"].mean(),
            "kl": every["kl"].sum(min_count=1),
        }
        rows.append(row | _bracketed(study, run))
    return pd.DataFrame(rows).astype({"informative_units": "Int64", "posteriors": "Int64"})


def measures(study: Study) -> list[Call]:
    """List the densities of every variational run."""
    return [(find_aggregate, (run,)) for run in study.sweep.runs if run.kind.variational]


def _bracketed(study: Study, run: Run) -> dict[str, float]:
    """Return the columns of what the aggregate posterior tells; NaN for an AE."""
    found = find_aggregate(study, run) if run.kind.variational else Aggregate.of_codes()
    return {
        **{
            f"{name}_{what}": value
            for name in BRACKETED
            for what, value in zip(ENDS, found.ends[name], strict=True)
        },
        "class_accuracy": found.class_accuracy,
        "posteriors": found.count,
        "log_n": np.log(found.count),
        "label_entropy": found.label_entropy,
    }


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the run id, and write each bracket in one column."""
    shown = table.drop(columns="run_id")
    for name in BRACKETED:
        columns = [f"{name}_{what}" for what in ENDS]
        shown[columns[0]] = [_written(*ends) for ends in shown[columns].itertuples(index=False)]
        shown = shown.drop(columns=columns[1:]).rename(columns={columns[0]: name})
    return shown


def _written(low: float, high: float, error: float) -> str:
    return "" if np.isnan(low) else f"{low:.3f} to {high:.3f} ± {error:.3f}"


def caption(study: Study) -> str:
    """Say what the numbers are and how they were estimated."""
    of_codes = _of(study, " (of the codes, for the ")
    return (
        f"Latent spaces on the {study.data.counts['test']:,} test images of {study.data.title}. "
        f"Active: the variance of the mean over the images is above 0.01.{_informative(study)} "
        f"Dead: 0 for every training image{_of(study, ' (')}. "
        "Mean, variance and Kolmogorov-Smirnov distance are those of the dimensions of the "
        f"aggregate posterior{of_codes} against N(0, I).{_parts(study)}"
    )


def _informative(study: Study) -> str:
    """Say which dimensions are informative, of which only posteriors tell."""
    if not prose.variational(study.sweep.runs):
        return ""
    return " Informative: the KL of the dimension is above 0.1 nats."


def _parts(study: Study) -> str:
    """Say how the KL was split, where there is one."""
    runs = [run for run in study.sweep.runs if run.kind.variational]
    if not runs:
        return ""
    return (
        " The KL (nats per image) is split as in Chen et al. (2018) into the mutual information of "
        "image and z, the total correlation and the KL of each dimension; the last two make up the "
        f"divergence of the aggregate posterior from N(0, I). {_of_class(study)}{explained(runs)} "
        "The error is that of either end over the draws of one training; it covers neither other "
        "seeds nor other images."
    )


def _of_class(study: Study) -> str:
    if not study.data.classes:
        return ""
    return (
        f"class_information is I(z; {study.data.noun}); class_accuracy is the share of draws whose "
        f"{study.data.noun} is the most probable one by the posteriors of all other images. "
    )


def explained(runs: list[Run]) -> str:
    """Say what the ends of a bracket and its error mean."""
    counts = " or ".join(f"{n:,}" for n in sorted({draws(run.latent_size) for run in runs}))
    splits = sorted({split_of(run) for run in runs})
    images = "training" if splits == ["train"] else " or ".join(splits).replace("train", "training")
    return (
        "Each is bracketed: the aggregate posterior is the exact mean of the posteriors of all "
        f"{images} images at {counts} draws, with the posterior that a draw comes from counted "
        "in or left out."
    )


def _of(study: Study, begin: str) -> str:
    """Name the models with a single code in brackets, if there are any."""
    titles = prose.deterministic(study.sweep.runs)
    return f"{begin}{prose.listed(titles)})" if titles else ""


TABLE = TableRecipe(
    "latent_space", make, caption, for_readers, needs=("latent_dimensions",), measures=measures
)
