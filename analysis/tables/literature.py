"""VAEs of other papers beside runs with their settings: log-likelihoods of MNIST's test images."""

from collections.abc import Mapping
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from aevae.config import RunConfig
from analysis.measures import likelihood
from analysis.measures.cells import Cell, axis_columns, cells
from analysis.measures.cells import for_readers as for_readers_of_cells
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe

Paper = Mapping[str, Any]


def make(study: Study) -> pd.DataFrame:
    """Return one row per cell and paper that has the cell's settings.

    ``iwae_bound`` is our importance-weighted bound on log p(x), mean over seeds and test images,
    ``log_likelihood`` the paper's; ``samples`` and ``published_samples`` are the numbers of samples
    of z; ``difference`` is ours less theirs. ``elbo`` and ``published_elbo`` are the bounds of one
    sample. ``kept_epoch`` is the epoch whose weights are kept, mean over seeds, rounded.
    """
    return pd.DataFrame([_row(study, cell, paper) for cell, paper in _matches(study)])


def is_known(study: Study) -> bool:
    """Tell whether some run has the settings of a paper."""
    return bool(_matches(study))


def _matches(study: Study) -> list[tuple[Cell, Paper]]:
    pairs = product(cells(study.sweep), papers())
    return [(cell, paper) for cell, paper in pairs if _has_settings(cell.config, paper)]


def papers() -> list[Paper]:
    """Return the known numbers: one VAE of a paper each, with its settings."""
    with (files("analysis.tables") / "literature.csv").open() as file:
        table = pd.read_csv(file, comment="#")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _has_settings(config: RunConfig | None, paper: Paper) -> bool:
    if config is None:  # PCA
        return False
    model = config.model
    named = ("latent_size", "activation")
    return (
        config.data.dataset == "mnist"
        and (model.kind, model.likelihood) == ("vae", "bernoulli")
        and model.dynamic_binarisation
        and "-".join(map(str, model.hidden_sizes)) == paper["hidden_sizes"]
        and all(getattr(model, name) == paper[name] for name in named)
    )


def _row(study: Study, cell: Cell, paper: Paper) -> dict[str, object]:
    bounds, elbos, kept = [], [], []
    for run in cell.runs:
        with study.sweep.open(run) as results:
            bounds.append(likelihood.importance_bound(results)[0].mean())
            elbos.append(likelihood.bernoulli_elbo(results, "test"))
            kept.append(results.kept_epoch)
    return {
        **cell.identity,
        "kept_epoch": round(np.mean(kept)),
        "samples": cell.runs[0].evaluation.importance_samples,
        "elbo": float(np.mean(elbos)),
        "iwae_bound": float(np.mean(bounds)),
        "source": paper["source"],
        "published_samples": paper["samples"],
        "published_elbo": paper["elbo"],
        "log_likelihood": paper["log_likelihood"],
        "difference": float(np.mean(bounds)) - paper["log_likelihood"],
    }


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Name the model, and leave out its group and the settings that all rows share."""
    named = for_readers_of_cells(table).drop(columns="variant")
    shared = [axis for axis in axis_columns(named) if named[axis].nunique(dropna=False) == 1]
    return named.drop(columns=shared)


def caption(study: Study) -> str:
    """Say what is compared with what."""
    return (
        "VAEs of other papers beside runs with the same settings (Bernoulli likelihood, dynamic "
        "binarisation): log p(x) estimated by importance sampling (Burda et al. 2016, eq. 8), mean "
        f"over the {study.data.counts['test']:,} test images of {study.data.title}, in nats; the "
        "difference is ours less theirs. The estimate grows with the number of samples of z, so "
        "only equal numbers compare exactly; the ELBO is the estimate of one sample. kept_epoch: "
        "the epoch whose weights are kept. Settings that differ between the rows have a column."
    )


TABLE = TableRecipe("literature", make, caption, for_readers, concerns=is_known)
