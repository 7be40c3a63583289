"""The HDF5 datasets in the files of a run and of a sweep, with their shapes and types.

Shapes: N images of a split, E trained epochs, d latent size, P lines of interpolation. Images are
uint8 (value / 255 is the intensity in [0, 1]); errors are computed before images are rounded.
"""

from dataclasses import replace
from itertools import pairwise

from aevae.config import EvaluationConfig, RunConfig
from aevae.files import names
from aevae.files.hdf5 import Field, check_sizes
from aevae.outliers import MADE_OUTLIERS

# Version of both files of a run. Version 2 has only images of 28 x 28 grey pixels in ten classes.
# Up to version 3, all epochs were trained, and the last weights kept; and the weight of every
# importance sample was stored. Up to version 4, neither the variances of the posteriors of the
# training images nor the ELBO were stored, and there were two samplers.
SCHEMA_VERSION = 5
MOST_PAIRS = 20  # lines of interpolation
MOST_PLANES = 50  # planes of latents of a conditional model: only its first classes have one


def label_type(classes: int) -> str:
    """Return the NumPy type code of labels."""
    return "u1" if classes <= 256 else "u2"


def dataset_fields(image_shape: tuple[int, ...], classes: int) -> list[Field]:
    """Return the fields of ``dataset.h5``; images without classes have no labels."""
    fields = [Field(f"{split}/image", (f"N_{split}", *image_shape), "u1") for split in names.SPLITS]
    fields += [Field(f"{split}/index", (f"N_{split}",), "i8") for split in names.SPLITS]
    if classes:
        kind = label_type(classes)
        fields += [Field(f"{split}/label", (f"N_{split}",), kind) for split in names.SPLITS]
    return fields


def training_fields(config: RunConfig) -> list[Field]:
    """Return the fields of ``trained.h5``: the history, a value per epoch, and the weights.

    Training with early stopping may have fewer epochs than the settings allow.
    """
    terms = [names.LOSS, names.SSE]
    if config.model.traits.variational:
        terms.append(names.KL)
    paths = [names.history(split, term) for split in ("train", "val") for term in terms]
    paths += [names.EPOCH_SECONDS, names.LEARNING_RATE]
    epochs = "E" if config.train.early_stopping else config.train.epochs
    fields = [Field(path, (epochs,), "f8") for path in paths]
    return [*fields, Field(names.weight("*"), None, "f4")]


def evaluation_fields(
    config: RunConfig, evaluation: EvaluationConfig, version: int = SCHEMA_VERSION
) -> list[Field]:
    """Return the fields of ``evaluation.h5``, or of what stands in its place in an older schema.

    Parameters
    ----------
    config, evaluation
        Settings of the run and of its evaluation.
    version
        Of the schema; the fields have the names of this version.
    """
    fields = [
        *_split_fields(config, version),
        *_importance_fields(config, evaluation, version),
        *_sample_fields(config, evaluation, version),
        *_line_fields(config, evaluation),
        *_outlier_fields(config, evaluation),
    ]
    if config.model.latent_size == 2:
        fields += _grid_fields(config, evaluation)
    translation = names.Translation(version, config.model.traits)
    return [replace(field, path=translation.to_file(field.path)) for field in fields]


def check_storable(config: RunConfig, evaluation: EvaluationConfig, sizes: dict[str, int]) -> None:
    """Check before training that no HDF5 dataset of the run will be too large.

    Parameters
    ----------
    config, evaluation
        Settings of the run and of its evaluation.
    sizes
        Number of images by name: see `aevae.data.sources.split_sizes`.

    Raises
    ------
    InvalidFile
        A dataset would be too large; the message names it.
    """
    check_sizes(evaluation_fields(config, evaluation), {"P": MOST_PAIRS, **sizes})
    inputs = config.data.values + config.data.classes
    layers = [inputs, *config.model.hidden_sizes, config.model.latent_size]
    check_sizes([Field(names.weight("*"), pair, "f4") for pair in pairwise(layers)], sizes)


def _split_fields(config: RunConfig, version: int) -> list[Field]:
    d = config.model.latent_size

    def field(split: str, name: str, *dims: int) -> Field:
        kind = "u1" if name.startswith("reconstruction") else "f4"
        return Field(names.of_split(split, name), (f"N_{split}", *dims), kind)

    fields = [field(split, names.MU, d) for split in names.SPLITS]
    fields += [field(split, names.SSE_AT_MEAN) for split in ("val", "test")]
    fields.append(field("test", names.RECONSTRUCTION_AT_MEAN, *config.data.image_shape))
    if config.model.traits.variational:
        for split in ("val", "test"):
            fields.append(field(split, names.LOGVAR, d))
            fields.append(field(split, names.SSE_AT_SAMPLE))
            fields.append(field(split, names.KL))
        if version >= 5:
            fields.append(field("train", names.LOGVAR, d))
        fields.append(field("test", names.Z, d))
        fields.append(field("test", names.RECONSTRUCTION_AT_SAMPLE, *config.data.image_shape))
    return fields


def _importance_fields(
    config: RunConfig, evaluation: EvaluationConfig, version: int
) -> list[Field]:
    if not config.model.traits.variational:
        return []
    if version < 4:
        shape = ("N_test", evaluation.importance_samples)
        return [Field(names.of_split("test", names.LOG_IMPORTANCE_WEIGHTS), shape, "f4")]
    made = [names.IWAE_BOUND, names.EFFECTIVE_SAMPLE_SIZE]
    if version >= 5:
        made.append(names.ELBO)
    return [Field(names.of_split("test", name), ("N_test",), "f8") for name in made]


def _sample_fields(config: RunConfig, evaluation: EvaluationConfig, version: int) -> list[Field]:
    samplers = names.Translation(version, config.model.traits).samplers
    d, m, shape = config.model.latent_size, evaluation.samples_per_sampler, config.data.image_shape
    fields = []
    for sampler in samplers:
        fields.append(Field(names.sample(sampler, names.Z), (m, d), "f4"))
        fields.append(Field(names.sample(sampler, names.IMAGE), (m, *shape), "u1"))
        if config.model.traits.conditional:
            kind = label_type(config.data.classes)
            fields.append(Field(names.sample(sampler, names.LABEL), (m,), kind))
    return fields


def _line_fields(config: RunConfig, evaluation: EvaluationConfig) -> list[Field]:
    d, steps = config.model.latent_size, evaluation.traversal_steps
    line = ("P", evaluation.interpolation_steps)
    return [
        Field(names.traversal(names.Z), (d, steps, d), "f4"),
        Field(names.traversal(names.IMAGE), (d, steps, *config.data.image_shape), "u1"),
        Field(names.traversal(names.DIM), (d,), "i4"),
        Field(names.interpolation(names.Z), (*line, d), "f4"),
        Field(names.interpolation(names.IMAGE), (*line, *config.data.image_shape), "u1"),
        Field(names.interpolation(names.PAIR), ("P", 2), "i4"),
    ]


def _grid_fields(config: RunConfig, evaluation: EvaluationConfig) -> list[Field]:
    size, shape = evaluation.grid_size, config.data.image_shape
    plane: tuple[int, ...] = (size, size)
    if config.model.traits.conditional:
        plane = (min(config.data.classes, MOST_PLANES), size, size)
    fields = []
    for name in names.PLANES:
        fields.append(Field(names.grid(name, names.Z), (*plane, 2), "f4"))
        fields.append(Field(names.grid(name, names.IMAGE), (*plane, *shape), "u1"))
    return fields


def _outlier_fields(config: RunConfig, evaluation: EvaluationConfig) -> list[Field]:
    fields = []
    for name in evaluation.outliers:
        # An outlier set made from the test images has as many images; a dataset has its own number.
        count = "N_test" if name in MADE_OUTLIERS else f"N_{name}"
        fields.append(Field(names.of_outliers(name, names.SSE_AT_MEAN), (count,), "f4"))
        if config.model.traits.variational:
            fields.append(Field(names.of_outliers(name, names.KL), (count,), "f4"))
    return fields
