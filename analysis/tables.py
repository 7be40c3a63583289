"""Tidy tables of a sweep. A column that does not apply to a model is empty (NaN)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aevae.results import Results
from analysis import metrics
from analysis.load import Sweep
from analysis.metrics import Labels

IDENTITY = ["model", "variant", "latent_size", "seed"]
DIGIT_NAMES = [*map(str, range(metrics.DIGITS)), "all"]
ERRORS = ["sse_mean", "sse_sample", "kl"]


def per_digit_error(sweep: Sweep) -> pd.DataFrame:
    """Mean errors of the test images by digit, with one row ``all`` per run.

    Columns: model, variant, latent_size, seed, digit, n (images), sse_mean (decoding the posterior
    mean), sse_sample (decoding one sampled z), kl (nats). Errors are means per image. The index
    is the run id.
    """
    labels = sweep.labels("test")
    parts = [_digit_rows(results, labels) for results in sweep.results()]
    return pd.concat(parts).set_index("run_id")


def _digit_rows(results: Results, labels: Labels) -> pd.DataFrame:
    counts = np.bincount(labels, minlength=metrics.DIGITS)
    rows = pd.DataFrame({"digit": DIGIT_NAMES, "n": [*counts, len(labels)]})
    for name in ERRORS:
        values = _per_image(results, "test", name)
        rows[name] = [*metrics.mean_by_digit(values, labels), values.mean(dtype=np.float64)]
    return rows.assign(**_identity(results))[["run_id", *IDENTITY, *rows.columns]]


def history(sweep: Sweep) -> pd.DataFrame:
    """Means per image of every epoch (from 1) and split: loss as minimised, sse, kl (nats)."""
    parts = []
    for results in sweep.results():
        epochs = np.arange(1, results.config.train.epochs + 1)
        for split in ("train", "val"):
            columns: dict[str, object] = {**_identity(results), "epoch": epochs, "split": split}
            for name in ("loss", "sse", "kl"):
                path = f"history/{split}/{name}"
                columns[name] = results.array(path) if path in results.file.layout else np.nan
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def summary(sweep: Sweep) -> pd.DataFrame:
    """One row per run: validation and test errors, bounds, active units, training time.

    Everything is a mean per image. `test_loss` is the negative ELBO without constants (the SSE for
    the AE), `test_elbo` and `iwae_bound` include them; with a Bernoulli likelihood the SSE is not
    the loss, and the columns derived from it are empty. `test_mse` is per pixel.
    """
    return pd.DataFrame([_summary_row(results) for results in sweep.results()])


def _summary_row(results: Results) -> Mapping[str, object]:
    row: dict[str, object] = {**_identity(results), "epochs": results.config.train.epochs}
    for split in ("val", "test"):
        for name in ERRORS:
            row[f"{split}_{name}"] = _per_image(results, split, name).mean(dtype=np.float64)
        row[f"{split}_loss"] = np.nan
    row["val_loss"] = results.array("history/val/loss")[-1]
    test = {name: _per_image(results, "test", name) for name in ERRORS}
    variational = results.config.model.kind != "ae"
    gaussian = results.config.model.likelihood == "gaussian"
    bound = metrics.elbo(test["sse_sample"], test["kl"], constants=False).mean()
    if gaussian:
        row["test_loss"] = -bound if variational else row["test_sse_mean"]
    row["test_mse"] = test["sse_mean"].mean(dtype=np.float64) / metrics.PIXELS
    row |= {"test_elbo": np.nan, "iwae_bound": np.nan, "effective_sample_size": np.nan}
    if variational:
        log_weights = results.array("test/log_weights")
        row["iwae_bound"] = metrics.iwae_bound(log_weights).mean()
        row["effective_sample_size"] = metrics.effective_sample_size(log_weights).mean()
        if gaussian:
            row["test_elbo"] = metrics.elbo(test["sse_sample"], test["kl"]).mean()
    row["active_units"] = metrics.active_units(results.array("test/mu"))
    row["training_seconds"] = results.array("history/epoch_seconds").sum()
    return row


def wide_per_digit(errors: pd.DataFrame) -> pd.DataFrame:
    """Turn `per_digit_error` into one row per run, with the `sse_mean` of each digit and of all.

    The run id becomes a column where the other columns do not tell two runs apart.
    """
    rows = []
    for run_id, part in errors.groupby(level="run_id", sort=False):
        means = dict(zip(part["digit"], part["sse_mean"], strict=True))
        rows.append({"run_id": run_id, **part[IDENTITY].iloc[0].to_dict(), **means})
    table = pd.DataFrame(rows)
    return table if table.duplicated(IDENTITY).any() else table.drop(columns="run_id")


def _identity(results: Results) -> dict[str, str | int]:
    config = results.config
    return {
        "run_id": config.run_id,
        "model": config.model.kind,
        "variant": config.model.variant,
        "latent_size": config.model.latent_size,
        "seed": config.seed,
    }


def _per_image(results: Results, split: str, name: str) -> metrics.Floats:
    """Read one value per image, shape (N,); NaN where the model has no such value."""
    path = f"{split}/{name}"
    if path in results.file.layout:
        return results.array(path)
    return np.full(len(results.array(f"{split}/sse_mean")), np.nan)
