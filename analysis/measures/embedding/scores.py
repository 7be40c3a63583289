"""How much of its neighbourhoods each layout in a plane keeps, as a table."""

from collections.abc import Sequence

import pandas as pd

from aevae.files.hdf5 import Array
from aevae.kinds import KINDS
from analysis.maths.embedding import NEIGHBOURS, class_accuracy
from analysis.measures.embedding.sources import Source
from analysis.sweep.groups import representative
from analysis.sweep.load import SweepResults
from analysis.write import prose


def embedding_scores(sweep: SweepResults, sources: Sequence[Source]) -> pd.DataFrame:
    """One row per layout: the PCA and t-SNE of each source, and two-dimensional latents as such.

    Columns: source, run_id, method (``pca``, ``tsne`` or ``z``), n (images), and the scores
    knn_preservation, trustworthiness (see `analysis.maths.embedding.Layout`) and digit_accuracy,
    or class_accuracy. For ``z`` there is nothing to preserve: the first two are empty. Without
    labels there is no accuracy, and no ``z``.
    """
    rows: list[dict[str, object]] = []
    for source in sources:
        embedding = source.embedding()
        for method, layout in (("pca", embedding.pca), ("tsne", embedding.tsne)):
            rows.append({
                **_identity(source, method),
                "knn_preservation": layout.preservation,
                "trustworthiness": layout.trustworthiness,
                **_accuracy(sweep, layout.plane),
            })  # fmt: skip
    planes = [representative(sweep.runs, kind, 2) for kind in KINDS] if sweep.data.classes else []
    for run in filter(None, planes):
        plane = Source(sweep, run)
        rows.append({**_identity(plane, "z"), **_accuracy(sweep, plane.points())})
    return pd.DataFrame(rows)


def _identity(source: Source, method: str) -> dict[str, object]:
    run_id = source.run.run_id if source.run else ""
    n = source.sweep.data.counts["test"]
    return {"source": source.title, "run_id": run_id, "method": method, "n": n}


def _accuracy(sweep: SweepResults, plane: Array) -> dict[str, object]:
    if not sweep.data.classes:
        return {}
    return {_column(sweep): class_accuracy(plane, sweep.labels("test"))}


def _column(sweep: SweepResults) -> str:
    return sweep.data.file_name("digit_accuracy")


def caption(sweep: SweepResults) -> str:
    """Say what the numbers are."""
    k = NEIGHBOURS
    by_pca, by_tsne = (
        "by their first two principal components (pca)",
        "by t-SNE starting from these",
    )
    ways = f"{by_pca}, or {by_tsne} (tsne)"
    if sweep.data.classes:
        ways = f"{by_pca}, {by_tsne} (tsne), or as they are, where there are two latents (z)"
    return (
        f"The {sweep.data.counts['test']:,} test images of {sweep.data.title} and their latents "
        f"({prose.samples(sweep.runs)}) in a plane: {ways}. "
        f"knn_preservation is the share of the {k} nearest neighbours in the input that are "
        f"among the {k} nearest in the plane" + _caption_of_accuracy(sweep)
    )


def _caption_of_accuracy(sweep: SweepResults) -> str:
    if not sweep.data.classes:
        return "."
    return (
        f"; {_column(sweep)}, the share of images with the {sweep.data.noun} that most of their "
        f"{NEIGHBOURS} neighbours in the plane have."
    )
