"""What of a sweep is embedded, and where its embeddings are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aevae.files.hdf5 import Array, InvalidFile
from analysis.maths.embedding import LEAST_POINTS, Embedding, embed
from analysis.measures.embedding.cache import read_embedding, write_embedding
from analysis.measures.latents import SAMPLE, read_latents
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import MissingIngredient, Run, SweepResults

IMAGES = "images"


@dataclass(frozen=True)
class Source:
    """Points of a sweep: its test images, or the latents that a run gave them.

    Of a variational run, these are samples of the posteriors, which is what its decoder sees.

    `folder` is where embeddings are kept; without it, they are always computed.
    """

    sweep: SweepResults
    run: Run | None
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Name on the command line: ``images``, or the kind of model."""
        return self.run.model if self.run else IMAGES

    @property
    def title(self) -> str:
        """Name for readers."""
        return f"{TITLES[self.run.model]}, d = {self.run.latent_size}" if self.run else "images"

    @property
    def path(self) -> Path | None:
        """File for the embedding, if there is a folder for such files."""
        name = f"{self.run.run_id if self.run else IMAGES}.h5"
        return self.folder / name if self.folder else None

    def points(self) -> Array:
        """Read the points, shape (N, V) or (N, d)."""
        if self.run is None:
            images = self.sweep.images("test")
            return images.reshape(len(images), -1)
        with self.sweep.open(self.run) as results:
            return read_latents(results, "test", SAMPLE)

    def stored(self) -> Embedding | None:
        """Read the embedding if it has been computed.

        Raises
        ------
        InvalidFile
            There is a file, but it is damaged, or made from other points or by another recipe.
        """
        if self.path is None or not self.path.exists():
            return None
        return read_embedding(self.path, self.points())

    def compute(self) -> Embedding:
        """Compute the embedding, and keep it."""
        points = self.points()
        embedding = embed(points)
        if self.path is not None:
            write_embedding(self.path, embedding, points)
        return embedding

    def embedding(self) -> Embedding:
        """Read the embedding, or compute it."""
        try:
            return self.stored() or self.compute()
        except InvalidFile:
            return self.compute()


def find_source(study: Study, name: str) -> Source:
    """Find what is embedded under a name: ``images``, or the name of a kind of model.

    Raises
    ------
    MissingIngredient
        There are too few test images, or no such run among the `latent_sources`.
    """
    if name == IMAGES:
        return _embeddable(Source(study.sweep, None, study.embeddings))
    found = [source for source in latent_sources(study) if source.name == name]
    if not found:
        raise MissingIngredient(f"no finished run of the {TITLES[name]}")
    return found[0]


def latent_sources(study: Study) -> list[Source]:
    """Return the latents of one run per model, all of one latent size, which is above 2.

    Two latents need no layout: they are a plane already. In a sweep with axes, the runs are those
    of its reference cell.

    Raises
    ------
    MissingIngredient
        The models share no latent size above 2, their latents do not vary, or there are too few
        test images.
    """
    runs = representatives(study.reference.sweep.runs)
    if runs[0].latent_size <= 2:
        raise MissingIngredient("no latent size above 2 for which every model has a finished run")
    return [_embeddable(Source(study.sweep, run, study.embeddings)) for run in runs]


def _embeddable(source: Source) -> Source:
    points = source.points()
    if len(points) < LEAST_POINTS:
        raise MissingIngredient(f"fewer than {LEAST_POINTS} test images")
    if not np.ptp(points, axis=0).any():
        raise MissingIngredient(f"{source.title}: every image has the same latents")
    return source


def source_names(sweep: SweepResults) -> list[str]:
    """Name everything that a sweep should offer for embedding."""
    return [IMAGES, *dict.fromkeys(run.model for run in sweep.runs)]


def find_sources(study: Study, names: Iterable[str]) -> tuple[list[Source], dict[str, str]]:
    """Find what is embedded under some names; see `find_source`.

    Returns
    -------
    sources
        Those found.
    skipped
        Reason by name, for the others.
    """
    sources: list[Source] = []
    skipped: dict[str, str] = {}
    for name in names:
        try:
            sources.append(find_source(study, name))
        except MissingIngredient as error:
            skipped[name] = str(error)
    return sources, skipped
