"""A trained model on NumPy arrays."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from aevae.models.plain import Floats, one_hot
from aevae.use import checks
from aevae.use.checks import Labels
from aevae.use.networks import Backend, Network, build
from aevae.use.runs import TrainedRun, choose_run, matching
from aevae.use.samplers import Draw, SamplerName
from aevae.use.samplers import sampler as make_sampler
from aevae.use.scoring import Calibration
from aevae.use.values import Classes, Codes, Generated, Reconstructed, Scores

BATCH = 2000  # images computed at once, so that memory does not grow with their number


class Model:
    """A trained model; `aevae.load` reads it.

    Images are NumPy arrays of the shape (N, *image_shape): uint8 from 0 to 255, or floating-point
    numbers from 0 to 1. A conditional model also takes the class of the images: one for all, or one
    for each, by name or by number from 0. Other models take no class. What a model returns is
    float32.

    A model that was trained with dynamic binarisation gets binary images. They are drawn from the
    intensities, with the same random numbers at every call.

    All methods raise `aevae.InputError` for arrays of another shape or type, and for a class that
    is missing or unknown.

    Attributes
    ----------
    run
        The run, with its settings and its weights as NumPy arrays.
    """

    def __init__(self, run: TrainedRun, network: Network) -> None:
        self.run = run
        self._network = network

    def __repr__(self) -> str:
        title, d = self.config.model.traits.title, self.config.model.latent_size
        return f"<{title} with {d} latents, run {self.run_id}>"

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.run.run_id

    @property
    def config(self) -> RunConfig:
        """Settings of the run: model, training, data and seed."""
        return self.run.config

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of an image: (height, width), or (height, width, 3) in colour."""
        return self.config.data.image_shape

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions, d."""
        return self.config.model.latent_size

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the dataset, in the order of their numbers."""
        return self.config.data.class_names

    @property
    def is_conditional(self) -> bool:
        """Whether the model takes the class of an image."""
        return self.config.model.traits.conditional

    def encode(self, images: ArrayLike, labels: Labels | None = None) -> Codes:
        """Encode images to the mean and log-variance of their posteriors.

        Parameters
        ----------
        images
            N images; see `Model`.
        labels
            Their classes, if the model is conditional.
        """
        x, y = self._inputs(images, labels)
        parts = [self._network.encode(*part) for part in _batches(x, y)]
        mu = _joined([mu for mu, _ in parts], self.latent_size)
        if not self.config.model.traits.variational:
            return Codes(mu, None)
        logvar = [logvar for _, logvar in parts if logvar is not None]
        return Codes(mu, _joined(logvar, self.latent_size))

    def decode(self, z: ArrayLike, labels: Labels | None = None) -> Floats:
        """Decode (N, d) latents to intensities in [0, 1], (N, *image_shape).

        Parameters
        ----------
        z
            N latents.
        labels
            Requested classes, if the model is conditional.
        """
        codes = checks.codes(z, self.latent_size)
        classes = checks.classes(labels, len(codes), self.config)
        return self._decoded(codes, self._one_hot(classes))

    def reconstruct(self, images: ArrayLike, labels: Labels | None = None) -> Reconstructed:
        """Encode images and decode their posterior means; see `encode` for the parameters."""
        parts = list(self._reconstructed(images, labels))
        sse, kl = ([part[at] for part in parts] for at in (1, 2))
        return Reconstructed(
            self._as_images([part[0] for part in parts]),
            np.concatenate([np.empty(0, np.float32), *sse]),
            np.concatenate([np.empty(0, np.float32), *kl]),
        )

    def score(
        self,
        images: ArrayLike,
        labels: Labels | None = None,
        *,
        false_positive_rate: float = 0.05,
    ) -> Scores:
        """Return how unusual images are, compared with the validation images of the run.

        Parameters
        ----------
        images, labels
            See `encode`.
        false_positive_rate
            Expected share of images like the validation images that may be flagged.

        Raises
        ------
        InputError
            The run has not been evaluated, or the rate is out of range.
        """
        empty = np.empty(0, np.float32)
        errors = [(sse, kl) for _, sse, kl in self._reconstructed(images, labels)]
        sse, kl = (np.concatenate([empty, *(part[at] for part in errors)]) for at in (0, 1))
        return self._calibration.scores(sse, kl, false_positive_rate)

    def generate(
        self,
        count: int,
        labels: Labels | None = None,
        *,
        sampler: SamplerName = "prior",
        seed: int = 0,
    ) -> Generated:
        """Generate images.

        Parameters
        ----------
        count
            Number of images.
        labels
            Requested classes, if the model is conditional. Without them, there are equally many
            images of every class, sorted by class; two numbers differ by at most one.
        sampler
            Where z is drawn from: ``prior``, N(0, I); ``mixture``, a Gaussian mixture fitted to
            latents of the training images, one for each class if the model is conditional;
            ``diagonal`` or ``mixture_of_means``, see docs/methods.md.
        seed
            The same seed gives the same images.
        """
        parts = list(self.generate_in_batches(count, labels, sampler=sampler, seed=seed))
        classes = [part.labels for part in parts if part.labels is not None]
        return Generated(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.z for part in parts]),
            np.concatenate(classes) if classes else None,
        )

    def generate_in_batches(
        self,
        count: int,
        labels: Labels | None = None,
        *,
        sampler: SamplerName = "prior",
        seed: int = 0,
    ) -> Iterator[Generated]:
        """Yield the images of `generate` in batches, so that any number fits into memory."""
        checks.at_least(1, count, "count")
        checks.at_least(0, seed, "seed")
        classes = self._requested(labels, count)
        draw = make_sampler(self.run, sampler)
        return self._generated(count, classes, draw, np.random.default_rng(seed))

    def interpolate(
        self, first: ArrayLike, second: ArrayLike, steps: int = 11, labels: Labels | None = None
    ) -> Floats:
        """Decode a straight line between the codes of two images, (steps, *image_shape).

        Parameters
        ----------
        first, second
            An image each, *image_shape.
        steps
            Number of images, with those at both ends.
        labels
            The classes of both images, if the model is conditional. The class changes along the
            line like the code.
        """
        checks.at_least(2, steps, "steps")
        ends = [
            checks.intensities(checks.as_array(image, "image")[None], self.image_shape)
            for image in (first, second)
        ]
        x, y = self._inputs(np.concatenate(ends).reshape(-1, *self.image_shape), labels)
        mu, _ = self._network.encode(x, y)
        share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]

        def line(pair: Floats) -> Floats:
            between: Floats = (1 - share) * pair[0] + share * pair[1]
            return between

        return self._decoded(line(mu), None if y is None else line(y))

    def _generated(
        self, count: int, classes: Classes | None, draw: Draw, rng: np.random.Generator
    ) -> Iterator[Generated]:
        for start in range(0, count, BATCH):
            part = None if classes is None else classes[start : start + BATCH]
            z = draw(np.zeros(min(BATCH, count - start), int) if part is None else part, rng)
            yield Generated(self._decoded(z, self._one_hot(part)), z, part)

    @cached_property
    def _calibration(self) -> Calibration:
        return Calibration.of(self.run)

    def _reconstructed(
        self, images: ArrayLike, labels: Labels | None
    ) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield the decoded images, (B, V), SSE and KL of each batch."""
        x, y = self._inputs(images, labels)
        for rows, of in _batches(x, y):
            mu, logvar = self._network.encode(rows, of)
            decoded = self._network.decode(mu, of)
            kl = np.zeros(len(rows), np.float32)
            if logvar is not None:
                kl = 0.5 * (np.square(mu) + np.exp(logvar) - 1 - logvar).sum(axis=1)
            yield decoded, np.square(decoded - rows).sum(axis=1), kl

    def _requested(self, labels: Labels | None, count: int) -> Classes | None:
        if labels is None and self.is_conditional:
            return np.arange(count) * len(self.class_names) // count
        return checks.classes(labels, count, self.config)

    def _inputs(self, images: ArrayLike, labels: Labels | None) -> tuple[Floats, Floats | None]:
        """Return checked images as (N, V) intensities, and their classes as (N, C) rows."""
        x = checks.intensities(images, self.image_shape)
        y = self._one_hot(checks.classes(labels, len(x), self.config))
        if self.config.model.dynamic_binarisation:
            x = (np.random.default_rng(0).random(x.shape, np.float32) < x).astype(np.float32)
        return x, y

    def _one_hot(self, classes: Classes | None) -> Floats | None:
        return None if classes is None else one_hot(classes, len(self.class_names))

    def _decoded(self, z: Floats, y: Floats | None) -> Floats:
        return self._as_images([self._network.decode(*part) for part in _batches(z, y)])

    def _as_images(self, parts: list[Floats]) -> Floats:
        return _joined(parts, self.config.data.values).reshape(-1, *self.image_shape)


def load(
    sweep: str | Path, run: str = "", *, best: bool = False, backend: Backend = "auto"
) -> Model:
    """Load the trained model of a run.

    Parameters
    ----------
    sweep
        Folder of the sweep, such as ``runs/paper``.
    run
        Id of the run, the beginning of an id, or a pattern such as ``vae-*-s0-*``. May be left out
        if the sweep has one run.
    best
        Of several runs that match, take the one with the least validation loss.
    backend
        What computes: ``numpy``, ``torch``, or ``auto``, which is torch on a machine with torch and
        an NVIDIA GPU. Without a GPU both take the same time, but torch has to be imported first.
        The results are equal within the rounding of float32.

    Raises
    ------
    InputError
        No run matches, or several do; the run is not trained yet; a file is damaged.

    Examples
    --------
    >>> model = aevae.load("runs/paper", "cvae-z020")  # doctest: +SKIP
    >>> sevens = model.generate(100, labels="7").images  # doctest: +SKIP
    """
    if not isinstance(run, str):
        raise InputError(f"run must be text, such as 'vae-z020', got {run!r}")
    paths = SweepPaths(Path(sweep))
    trained = choose_run(paths, matching(paths, run), best=best)
    return Model(trained, build(trained, backend))


def _batches(x: Floats, y: Floats | None) -> Iterator[tuple[Floats, Floats | None]]:
    for start in range(0, len(x), BATCH):
        part = slice(start, start + BATCH)
        yield x[part], None if y is None else y[part]


def _joined(parts: list[Floats], width: int) -> Floats:
    return np.concatenate(parts) if parts else np.empty((0, width), np.float32)
