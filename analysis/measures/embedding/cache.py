"""Embeddings kept in HDF5, one file each, so that a figure is redrawn without computing them again.

A file is found by the name of what was embedded, and used only if it carries the SHA-256 of that
very input, recipe and library version. A file appears under its name only when it is complete, so
that any number of processes may write and read side by side.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from aevae.files.hdf5 import Array, Field, InvalidFile, Schema, open_checked, write_file
from aevae.files.sandbox import examine_as
from analysis.maths.embedding import NEIGHBOURS, RECIPE, Embedding, Layout

METHODS = ("pca", "tsne")
FIELDS = [
    *(Field(f"{method}/plane", ("N", 2), "f4") for method in METHODS),
    *(Field(f"{method}/ranks", ("N", NEIGHBOURS), "i4") for method in METHODS),
]
SCHEMA = Schema("aevae-embedding", 1, FIELDS)


def content_key(points: Array) -> str:
    """Return the SHA-256 of points and recipe."""
    what = {"shape": points.shape, "dtype": points.dtype.str, **RECIPE}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(points).data)
    return digest.hexdigest()


def write_embedding(path: Path, embedding: Embedding, points: Array) -> None:
    """Publish the embedding of `points`, atomically; folders are made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{method}/{name}": getattr(getattr(embedding, method), name)
        for method in METHODS
        for name in ("plane", "ranks")
    }
    recipe = json.dumps(RECIPE, sort_keys=True)
    write_file(path, SCHEMA, arrays, {"key": content_key(points), "recipe": recipe})


def read_embedding(path: Path, points: Array) -> Embedding:
    """Read the embedding of `points`.

    Raises
    ------
    InvalidFile
        The file is damaged, or is that of other points or another recipe.
    """
    header = examine_as(path, SCHEMA)
    if header.attributes.get("key") != content_key(points):
        raise InvalidFile(f"{path}: made from other data, or by another recipe")
    with open_checked(path, header) as file:
        pca, tsne = (
            Layout(file.array(f"{method}/plane"), file.array(f"{method}/ranks"))
            for method in METHODS
        )
    return Embedding(pca, tsne)
