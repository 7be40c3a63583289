"""The judges of a sweep's dataset: trained once by fixed recipes, and kept as plain arrays.

Each is kept in a file of its own in the folder for embeddings. One judge's errors are its own:
what several say, and how far they differ, is in every number that rests on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevae.files.hdf5 import Array, Field, InvalidFile, Schema, open_checked, write_file
from aevae.files.sandbox import examine_as
from analysis.maths.metrics import Floats, Labels
from analysis.measures.judges.judge import PLAIN, STRONG, Judge, Recipe, train_judge
from analysis.measures.judges.training_set import LEAST_IMAGES
from analysis.measures.processes import side_by_side, usable_cores
from analysis.measures.study import Study, once_per_study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import MissingIngredient

# The first one's last hidden layer is the space in which sets of images are compared.
RECIPES = (*(Recipe(PLAIN, state) for state in range(3)), Recipe(STRONG, 0), Recipe(STRONG, 1))


@dataclass(frozen=True, eq=False)
class Sight:
    """What J judges see in M images: the most probable class and its probability, (J, M)."""

    classes: NDArray[np.uint16]
    confidence: NDArray[np.float32]

    @classmethod
    def of(cls, judges: Sequence[Judge], images: Array) -> "Sight":
        """Let judges look at images (M, *image_shape), uint8."""
        seen = [judge.look_at(images) for judge in judges]
        return cls(
            np.stack([probabilities.argmax(axis=1) for probabilities in seen]).astype(np.uint16),
            np.stack([probabilities.max(axis=1) for probabilities in seen]).astype(np.float32),
        )

    def surer_than(self, cutoff: float) -> NDArray[np.bool_]:
        """Tell which judges are so sure of which images, (J, M)."""
        return np.asarray(self.confidence >= cutoff)


@once_per_study
def find_judges(study: Study) -> tuple[Judge, ...]:
    """Read the judges of a sweep's dataset, in the order of `RECIPES`; train and keep the others.

    Raises
    ------
    MissingIngredient
        The images have no labels, the training images are all of one class, or they are too few.
    """
    labels = study.sweep.labels("train")
    require_classes(study, labels)
    if len(labels) < LEAST_IMAGES:
        raise MissingIngredient(f"fewer than {LEAST_IMAGES} training images for the judges")
    found = {recipe: _find(study, recipe) for recipe in RECIPES}
    # The strong ones take longest: they start first.
    lacking = [recipe for recipe in reversed(RECIPES) if found[recipe] is None]
    jobs = usable_cores() if study.is_long(len(lacking)) else 1
    for judge in side_by_side(partial(_train, study), lacking, jobs):
        found[judge.recipe] = judge
        _keep(study, judge)
    return tuple(judge for judge in found.values() if judge is not None)


@once_per_study
def why_no_judges(study: Study) -> str:
    """Say why there are no judges; nothing if there are."""
    try:
        find_judges(study)
    except MissingIngredient as error:
        return str(error)
    return ""


def require_classes(study: Study, labels: Labels) -> None:
    """Make sure that images are not all of one class, which leaves nothing to tell apart.

    Raises
    ------
    MissingIngredient
        They are.
    """
    if len(np.unique(labels)) < 2:
        raise MissingIngredient(f"all training images are of one {study.data.noun}")


@once_per_study
def accuracies(study: Study) -> Floats:
    """Share of the test images whose class each judge sees right, (J,)."""
    right = sight_of_test_images(study).classes == study.sweep.labels("test")
    return np.asarray(right.mean(axis=1))


@once_per_study
def sight_of_test_images(study: Study) -> Sight:
    """Let the judges look at the test images."""
    return Sight.of(find_judges(study), study.sweep.images("test"))


def described(study: Study) -> str:
    """Say what the judges are and how often they are right, for captions."""
    right = accuracies(study)
    return (
        f"{len(right)} judges (classifiers of two kinds with several random states, also trained "
        f"to take blends and blots for no {study.data.noun}; right for {right.min():.1%} to "
        f"{right.max():.1%} of the test images)"
    )


def _train(study: Study, recipe: Recipe) -> Judge:
    sweep = study.sweep
    return train_judge(recipe, sweep.images("train"), sweep.labels("train"), study.data.classes)


def _find(study: Study, recipe: Recipe) -> Judge | None:
    """Read a judge; None if there is none, or none that is of use."""
    path = _path(study, recipe)
    if path is None or not path.exists():
        return None
    try:
        return _read(path, recipe, study.data)
    except InvalidFile:
        return None  # The file is damaged, or of other images or another recipe: it is replaced.


def _keep(study: Study, judge: Judge) -> None:
    path = _path(study, judge.recipe)
    if path is None:
        return
    arrays: dict[str, Array] = {}
    for layer, (weight, bias) in enumerate(judge.layers):
        arrays |= {f"{layer}/weight": weight, f"{layer}/bias": bias}
    path.parent.mkdir(parents=True, exist_ok=True)
    made_from = {"dataset_sha256": study.data.sha256, "recipe": judge.recipe.text}
    write_file(path, _schema(judge.recipe, study.data), arrays, made_from)


def _path(study: Study, recipe: Recipe) -> Path | None:
    return study.embeddings / f"judge-{recipe.name}.h5" if study.embeddings else None


def _schema(recipe: Recipe, data: StoredDataset) -> Schema:
    """Return the layout of the file: it follows from the shape of the images and the classes."""
    fields = []
    for layer, shape in enumerate(pairwise((data.values, *recipe.kind.hidden, data.classes + 1))):
        fields += [Field(f"{layer}/weight", shape, "f4"), Field(f"{layer}/bias", shape[1:], "f4")]
    return Schema("aevae-judge", 1, fields)


def _read(path: Path, recipe: Recipe, data: StoredDataset) -> Judge:
    header = examine_as(path, _schema(recipe, data))
    made_from = header.attribute("dataset_sha256"), header.attribute("recipe")
    if made_from != (data.sha256, recipe.text):
        raise InvalidFile(f"{path}: made from other images, or by another recipe")
    layers = range(len(recipe.kind.hidden) + 1)
    with open_checked(path, header) as file:
        arrays = [(file.array(f"{n}/weight"), file.array(f"{n}/bias")) for n in layers]
    return Judge(recipe, arrays)
