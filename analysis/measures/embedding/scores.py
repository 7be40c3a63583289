"""How much of its neighbourhoods each layout in a plane keeps, as a table."""

from collections.abc import Sequence

import pandas as pd

from aevae.kinds import KINDS
from analysis.maths.embedding import NEIGHBOURS, digit_accuracy
from analysis.measures.embedding.sources import Source
from analysis.sweep.groups import representative
from analysis.sweep.load import SweepResults


def embedding_scores(sweep: SweepResults, sources: Sequence[Source]) -> pd.DataFrame:
    """One row per layout: the PCA and t-SNE of each source, and two-dimensional latents as such.

    Columns: source, run_id, method (``pca``, ``tsne`` or ``z``), n (images), and the scores
    knn_preservation, trustworthiness (see `analysis.maths.embedding.Layout`) and digit_accuracy.
    For ``z`` there is nothing to preserve: the first two are empty.
    """
    labels = sweep.labels("test")
    rows: list[dict[str, object]] = []
    for source in sources:
        embedding = source.embedding()
        for method, layout in (("pca", embedding.pca), ("tsne", embedding.tsne)):
            rows.append({
                **_identity(source, method, len(labels)),
                "knn_preservation": layout.preservation,
                "trustworthiness": layout.trustworthiness,
                "digit_accuracy": digit_accuracy(layout.plane, labels),
            })  # fmt: skip
    for kind in KINDS:
        if (run := representative(sweep.runs, kind, 2)) is not None:
            plane = Source(sweep, run)
            accuracy = digit_accuracy(plane.points(), labels)
            rows.append({**_identity(plane, "z", len(labels)), "digit_accuracy": accuracy})
    return pd.DataFrame(rows)


def _identity(source: Source, method: str, n: int) -> dict[str, object]:
    run_id = source.run.run_id if source.run else ""
    return {"source": source.title, "run_id": run_id, "method": method, "n": n}


def caption(sweep: SweepResults) -> str:
    """Say what the numbers are."""
    k = NEIGHBOURS
    return (
        f"The {sweep.data.counts['test']:,} test images of {sweep.data.title} and their latents "
        "(posterior means; codes for the AE) in a plane: by their first two principal components "
        "(pca), by t-SNE starting from these (tsne), or as they are, where there are two latents "
        f"(z). knn_preservation is the share of the {k} nearest neighbours in the input that are "
        f"among the {k} nearest in the plane; digit_accuracy, the share of images with the digit "
        f"that most of their {k} neighbours in the plane have."
    )
