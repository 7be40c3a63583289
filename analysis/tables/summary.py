"""Every run in one row."""

import numpy as np
import pandas as pd

from aevae.files import names
from aevae.files.schema import Results
from analysis.maths import metrics
from analysis.measures import likelihood
from analysis.measures.cells import PCA, cells, errors, run_errors, run_identity
from analysis.measures.pca import note_on_targets
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.tables.recipe import TableRecipe
from analysis.write import prose


def make(study: Study) -> pd.DataFrame:
    """Return one row per run, and one per latent size for PCA.

    Everything is a mean per image, `*_mse` per pixel (in colour, per value of a channel). `*_elbo`
    and `iwae_bound` include the constants of the likelihood, `test_loss` does not: it is the
    negative ELBO without them (the SSE for the AE), and empty with a Bernoulli likelihood, which
    has no constants; for its ELBO see `analysis.measures.likelihood.bernoulli_elbo`. `val_loss` is
    the loss as minimised, at the epoch whose weights were kept: the last, or with early stopping
    `kept_epoch`. If some model
    learns the variance of its decoder, `decoder_variance` is that of every variational model.
    """
    learnt = any(run.kind.learns_variance for run in study.sweep.runs)
    early = prose.stops_early(study.sweep.runs)
    rows = [_row(study, results, learnt, early) for results in study.sweep.results()]
    for cell in cells(study.sweep):
        if cell.model == PCA:
            row: dict[str, object] = {"model": PCA, "variant": "", "latent_size": cell.latent_size}
            for split in ("val", "test"):
                sse = errors(study, cell, split, names.SSE_AT_MEAN)
                row |= _squared_errors(split, sse, study.data.values)
            rows.append(row)
    table = pd.DataFrame(rows)
    whole = {"seed", "epochs", "kept_epoch", "active_units"}
    return table.astype({name: "Int64" for name in table.columns if name in whole})


def _row(
    study: Study, results: Results, any_learns_variance: bool, any_stops_early: bool
) -> dict[str, object]:
    model = results.config.model
    row = run_identity(results, study.sweep.axes)
    row.setdefault("epochs", results.shape(names.EPOCH_SECONDS)[0])  # unless it is an axis
    if any_stops_early:
        row["kept_epoch"] = results.kept_epoch
    for split in ("val", "test"):
        sse_mean, sse_sample, kl = (
            run_errors(results, split, name)
            for name in (names.SSE_AT_MEAN, names.SSE_AT_SAMPLE, names.KL)
        )
        row |= _squared_errors(split, sse_mean, results.config.data.values)
        row |= {f"{split}_sse_sample": sse_sample.mean(), f"{split}_kl": kl.mean()}
        loss = likelihood.loss_of_images(results, sse_mean, sse_sample, kl)
        row[f"{split}_loss"] = loss.mean()
        if model.likelihood == "gaussian":
            row[f"{split}_elbo"] = likelihood.elbo(results, sse_sample, kl).mean()
        else:
            row[f"{split}_elbo"] = likelihood.bernoulli_elbo(study, results, split)
    row["val_loss"] = likelihood.validation_loss(results)
    row |= {"iwae_bound": np.nan, "effective_sample_size": np.nan}
    if model.traits.variational:
        bound, size = likelihood.importance_bound(results)
        row |= {"iwae_bound": bound.mean(), "effective_sample_size": size.mean()}
    row["active_units"] = metrics.active_units(results.array(names.of_split("test", names.MU)))
    row["training_seconds"] = results.array(names.EPOCH_SECONDS).sum()
    if any_learns_variance:
        variational = model.traits.variational
        row["decoder_variance"] = likelihood.decoder_variance(results) if variational else np.nan
    return row


def _squared_errors(split: str, sse: metrics.Floats, values: int) -> dict[str, object]:
    return {f"{split}_sse_mean": sse.mean(), f"{split}_mse": sse.mean() / values}


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what only programs need."""
    return table.drop(columns=["run_id", "val_mse", "val_elbo"])


def caption(study: Study) -> str:
    """Say what the numbers are."""
    counts = study.data.counts
    return (
        f"Every run on the {counts['val']:,} validation and {counts['test']:,} test images of "
        f"{study.data.title}, and PCA of equal dimension: means per image. SSE is the sum of "
        f"squared pixel errors, decoding {_decoded(study)}; mse is per "
        f"{_unit(study.data)}; val_loss is the loss as minimised, at "
        f"{prose.kept_epoch(study.sweep.runs)}."
        + _binary(study)
        + note_on_targets(study.sweep)
        + likelihood.note_on_loss(study.sweep)
    )


def _decoded(study: Study) -> str:
    """Say what is decoded, and what numbers there are of variational models."""
    if not prose.variational(study.sweep.runs):
        return "the code"
    return "the posterior mean or one sampled z; KL, ELBO and IWAE bound are in nats"


def _binary(study: Study) -> str:
    """Say why some runs have no ELBO on the test images, if so."""
    if not any(run.config.model.dynamic_binarisation for run in study.sweep.runs):
        return ""
    return (
        " The test ELBO of runs on binary images is empty: these images are not stored. Their IWAE "
        "bound is that of the same images."
    )


def _unit(data: StoredDataset) -> str:
    return "value" if len(data.image_shape) == 3 else "pixel"


TABLE = TableRecipe("summary", make, caption, for_readers)
