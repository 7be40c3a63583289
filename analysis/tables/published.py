"""The test errors beside those published with the article."""

from collections.abc import Hashable, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.measures.cells import Cell, cells, errors
from analysis.measures.cells import for_readers as for_readers_of_cells
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient
from analysis.tables.recipe import TableRecipe

TERMS = ("sse", "kl", "loss")


def make(study: Study) -> pd.DataFrame:
    """Return one row per cell that the article has too, with differences (ours less published).

    VAE and CVAE decode one sampled z, as there. `text_sse` is what the text of the article says,
    which contradicts its saved outputs.

    Raises
    ------
    MissingIngredient
        No run is of the article's dataset, MNIST, and of one of its latent sizes.
    """
    article = {(row["model"], row["latent_size"]): row for row in published().to_dict("records")}
    rows = [
        _row(study, cell, article[cell.model, cell.latent_size])
        for cell in cells(study.sweep)
        if (cell.model, cell.latent_size) in article and cell.runs[0].config.data.dataset == "mnist"
    ]
    if not rows:
        raise MissingIngredient("no run on MNIST with a latent size of the article's")
    return pd.DataFrame(rows)


def published() -> pd.DataFrame:
    """Return the article's numbers: model, latent_size, epochs, sse, kl, loss, text_sse."""
    with (files("analysis.tables") / "published.csv").open() as file:
        return pd.read_csv(file, comment="#")


def _row(study: Study, cell: Cell, article: Mapping[Hashable, Any]) -> dict[str, object]:
    config = cell.runs[0].config
    term = names.SSE_AT_SAMPLE if cell.variational else names.SSE_AT_MEAN
    sse = errors(study, cell, "test", term).mean()
    kl = errors(study, cell, "test", names.KL).mean()
    loss = sse + kl if cell.variational else sse
    ours = {"sse": sse, "kl": kl, "loss": loss if config.model.likelihood == "gaussian" else np.nan}
    row: dict[str, object] = {**cell.identity, "epochs": config.train.epochs}
    row["published_epochs"] = article["epochs"]
    for term in TERMS:
        row[term] = ours[term]
        row[f"published_{term}"] = article[term]
        row[f"{term}_difference"] = ours[term] - article[term]
    row["text_sse"] = article["text_sse"]
    return row


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Name the group alone, and leave out what follows from other columns."""
    parts = [f"{term}_difference" for term in TERMS]
    return for_readers_of_cells(table).drop(columns=["seeds", *parts[1:]])


def caption(study: Study) -> str:
    """Say what is compared with what."""
    return (
        f"Mean error of the {study.data.counts['test']:,} test images of {study.data.title} beside "
        "the article's saved outputs (one seed, AE with a ReLU code): SSE per image, of one "
        "sampled z for VAE and CVAE; KL in nats; the loss is their sum. Differences are ours less "
        "published. text_sse is what the text of the article says instead."
    )


TABLE = TableRecipe("published", make, caption, for_readers)
