"""What tables by class share: the column, the row of all, and what readers see of many classes.

The column is called ``digit`` where the classes are digits, else ``class``; its values are the
names of the classes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.maths.metrics import Floats
from analysis.sweep.dataset import StoredDataset
from analysis.write.prose import listed

ALL = "all"
MOST = 50  # classes that a table for readers has; of more, it has the best and the worst
FEW = 5  # of each


def column(data: StoredDataset) -> str:
    """Name the column of the classes."""
    return data.file_name("digit")


def column_of(table: pd.DataFrame) -> str:
    """Find the column of the classes in a table."""
    return "digit" if "digit" in table else "class"


def shown(means: Floats) -> list[int]:
    """Choose the classes that readers see: all, or those with the least and the greatest means.

    Parameters
    ----------
    means
        Of the classes, shape (C,); NaN for a class without images.
    """
    if len(means) <= MOST:
        return list(range(len(means)))
    order = [int(label) for label in np.argsort(means, kind="stable") if np.isfinite(means[label])]
    return order if len(order) <= 2 * FEW else [*order[:FEW], *order[-FEW:]]


def note(data: StoredDataset, count: int, what: str) -> str:
    """Say that readers see the extremes of `what` only, if a table has so many classes."""
    if count <= MOST:
        return ""
    return (
        f" Of {count} {data.plural}, the {FEW} with the least and the {FEW} with the "
        f"greatest {what} are shown; the CSV file has all."
    )


def named(without: str, classes: Sequence[str]) -> str:
    """Name the classes that lack something; nothing if there are none."""
    return f" {without}: {listed(classes)}." if classes else ""
