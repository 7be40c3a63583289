"""The configuration of one run: model, data, training and evaluation.

`RunConfig` holds the settings that the run id is made from: model, data, training and seed. The
settings of the evaluation (`EvaluationConfig`) can be changed after training, so they are not part
of the run id. The place of execution (cluster, device, threads, folders) is not part of it either.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from aevae.datasets import BUILT_IN, DIGITS, ImageSet
from aevae.errors import InputError, NewerVersion, describe_validation_error
from aevae.kinds import KINDS, Kind

ID_VERSION = 2  # version of the rule for run ids; version 1 hashed the evaluation too
ID_DIGITS = 10

# Names of sweeps and datasets: every file system accepts such a name unchanged.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_RULE = (
    "a name has up to 64 letters, digits, '.', '_' and '-', and starts with a letter or a digit"
)

Count = Annotated[int, Field(ge=1)]
# Tuples arrive as TOML or JSON arrays, which strict mode would refuse.
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False)]

WIDEST = 1024  # most units of a hidden layer if its width follows from the images


def _known_kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"no model is called {name!r}; valid are {', '.join(KINDS)}")
    return name


def _count_or_all(images: object) -> object:
    if images == "all" or (type(images) is int and images >= 1):
        return images
    raise ValueError("input should be 'all' or a number of images, at least 1")


def _dataset_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a dataset: {NAME_RULE}")
    return name


Activation = Literal["relu", "leaky-relu", "elu", "gelu", "silu", "tanh"]
ModelKind = Annotated[str, AfterValidator(_known_kind)]
TrainImages = Annotated[int | Literal["all"], BeforeValidator(_count_or_all)]
DatasetName = Annotated[str, AfterValidator(_dataset_name)]


class Frozen(BaseModel):
    """Base of every configuration: immutable, strictly typed, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def canonical_json(self, *without: str) -> str:
        """Return these settings as canonical JSON: sorted keys, defaults included."""
        return _canonical(self.model_dump(mode="json", exclude=set(without)))

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """Parse settings that this release or an earlier one wrote.

        Parameters
        ----------
        text
            Settings as JSON.
        source
            Name of the text in error messages.

        Raises
        ------
        NewerVersion
            A newer release wrote the text.
        InputError
            The text is not JSON, or its settings are not valid.
        """
        try:
            return cls.model_validate(cls.upgraded(json.loads(text), source))
        except json.JSONDecodeError as error:
            raise InputError(f"{source} is not JSON: {error}") from None
        except ValidationError as error:
            raise InputError(describe_validation_error(error, source)) from None

    @classmethod
    def dotted_keys(cls) -> tuple[str, ...]:
        """Return the dotted keys of all settings and tables: ``train``, ``train.epochs``."""
        found = []
        for name, field in cls.model_fields.items():
            found.append(name)
            if isinstance(field.annotation, type) and issubclass(field.annotation, Frozen):
                found += [f"{name}.{key}" for key in field.annotation.dotted_keys()]
        return tuple(found)

    @classmethod
    def upgraded(cls, values: object, source: str) -> object:
        """Convert plain values of any released version to the present version."""
        del source
        return values

    def differences(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, as plain JSON values."""
        fields = type(self).model_fields
        values = self.model_dump(mode="json")
        return {
            name: values[name]
            for name, field in fields.items()
            if field.is_required() or getattr(self, name) != field.get_default()
        }

    @cached_property
    def hashed(self) -> str:
        """The `differences` as canonical JSON, which run ids are made from.

        Thousands of runs share these settings, so the text is made once.
        """
        return _canonical(self.differences())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; pydantic would also copy cached texts, which belong to other settings."""
        copied = super().model_copy(update=update, deep=deep)
        for name in vars(copied).keys() - type(self).model_fields.keys():
            del vars(copied)[name]
        return copied


class ModelConfig(Frozen):
    """Architecture and objective of one model."""

    kind: ModelKind
    latent_size: Count
    hidden_sizes: Sizes = ()
    """Widths of the encoder's hidden layers; the decoder mirrors them. If empty, there are two
    layers as wide as an image has values, at most 1,024; see `default_hidden_sizes`."""
    activation: Activation = "relu"
    """Function after each hidden layer; docs/results-format.md defines it."""
    latent_activation: Literal["linear", "relu"] = "linear"
    """AE only. The encoder of the published AE ends in a ReLU, so some of its units are dead."""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """gaussian: -log p is SSE + const, since the variance is 1/2 (the sigma-vae trains it);
    bernoulli: -log p is the binary cross-entropy."""
    dynamic_binarisation: bool = False
    """Draw binary images from the pixel intensities at every step (bernoulli only)."""
    kl_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the KL term (the beta of a beta-VAE)."""
    kl_warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs in which the weight of the KL term rises linearly to `kl_weight`; 0: no warm-up."""

    @model_validator(mode="after")
    def _check_applicable(self) -> Self:
        for name, field in type(self).model_fields.items():
            if not self.traits.has(name) and getattr(self, name) != field.get_default():
                raise ValueError(f"{name} does not apply to the {self.kind}")
        if self.traits.learns_variance and self.likelihood != "gaussian":
            raise ValueError(f'the {self.kind} needs likelihood = "gaussian": it learns a variance')
        if self.dynamic_binarisation and self.likelihood != "bernoulli":
            raise ValueError('dynamic_binarisation needs likelihood = "bernoulli"')
        return self

    @property
    def traits(self) -> Kind:
        """Properties of the kind of model."""
        return KINDS[self.kind]

    @cached_property
    def hashed_without_sizes(self) -> str:
        """As `hashed`, for a model whose hidden sizes follow from the images."""
        differing = self.differences()
        del differing["hidden_sizes"]
        return _canonical(differing)


class TrainConfig(Frozen):
    """Optimisation of one run."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Passes over the training images."""
    batch_size: Count = 1024
    """Images per step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Constant rate, or the peak of the schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decoupled weight decay (its default)."""
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """AdamW's decay rate of the mean of gradients (its default)."""
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """AdamW's decay rate of the mean of squared gradients (its default)."""
    initialisation: Literal["torch", "he-encoder"] = "torch"
    """Distribution of the initial weights; see `aevae.models.networks.build_model`."""
    schedule: Literal["constant", "one-cycle", "triangular", "cosine", "steps"] = "constant"
    """How the learning rate changes during the training."""
    step_epochs: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    """schedule = "steps" only: after how many epochs the rate is multiplied by `step_factor`."""
    step_factor: Annotated[float, Field(gt=0)] = 0.1
    """schedule = "steps" only."""
    early_stopping: Annotated[int, Field(ge=0)] = 0
    """Training stops when the validation loss has not fallen for so many epochs, and the weights of
    the epoch with the least loss are kept. Epochs of the KL warm-up do not count. 0: all epochs are
    trained, and the last weights are kept. Schedules span `epochs` in any case."""
    precision: Literal["float32", "mixed", "auto"] = "float32"
    """Format of the networks' products. mixed: the 16-bit format that the device computes in;
    auto: the same where it is faster, else float32."""

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if self.schedule != "steps":
            for name in ("step_epochs", "step_factor"):
                if getattr(self, name) != type(self).model_fields[name].get_default():
                    raise ValueError(f'{name} needs schedule = "steps"')
            return self
        ascending = list(self.step_epochs) == sorted(set(self.step_epochs))
        if not self.step_epochs or not ascending or self.step_epochs[-1] >= self.epochs:
            raise ValueError(
                f'schedule = "steps" needs step_epochs in ascending order, each less than epochs '
                f"({self.epochs}), got {list(self.step_epochs)}"
            )
        return self


class DataConfig(Frozen):
    """Dataset and the split into training and validation images."""

    dataset: DatasetName = "mnist"
    """Name of a built-in or a staged dataset. Fingerprint, shape, names and noun follow from it."""
    fingerprint: str = ""
    """SHA-256 of the images and labels; empty until the dataset has been looked up. For a built-in
    dataset, an empty value is replaced by the known one."""
    image_shape: Sizes = (28, 28)
    """(height, width), or (height, width, 3) in colour."""
    class_names: Annotated[tuple[str, ...], Field(strict=False)] = DIGITS
    """Names of the classes, in the order of the labels; empty if the images have no labels."""
    noun: str = "digit"
    """Word for a class in texts: digit, letter, class."""
    validation_fraction: Annotated[float, Field(gt=0, le=0.9)] = 0.1
    """Share of the training images that are only used for validation."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the random choice of the validation images."""
    train_images: TrainImages = "all"
    """Number of training images that the run is trained on: a random subset, the same for all runs
    with this number. See `trained_rows`."""

    @model_validator(mode="before")
    @classmethod
    def _look_up_built_in(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        name = values.get("dataset", cls.model_fields["dataset"].default)
        if not isinstance(name, str) or name not in BUILT_IN:
            return values
        given = {key: value for key, value in values.items() if key != "fingerprint" or value}
        return identity(BUILT_IN[name]) | given

    @model_validator(mode="after")
    def _check_built_in(self) -> Self:
        built_in = BUILT_IN.get(self.dataset)
        known = "" if built_in is None else built_in.fingerprint
        if known and self.fingerprint != known:
            raise ValueError(
                f"fingerprint {self.fingerprint[:12]}... is not that of {self.dataset}, "
                f"{known[:12]}..."
            )
        if built_in is not None and self.image_shape != built_in.image_shape:
            raise ValueError(f"image_shape is not that of {self.dataset}, {built_in.image_shape}")
        return self

    @property
    def values(self) -> int:
        """Number of values of an image: its pixels, times 3 in colour."""
        return math.prod(self.image_shape)

    @property
    def classes(self) -> int:
        """Number of classes; 0 if the images have no labels."""
        return len(self.class_names)

    @property
    def trained_rows(self) -> slice:
        """Rows of the training split that the run is trained on: the first `train_images`.

        `split_seed` has put the split in random order, so its first rows are a random subset, not
        stratified by class. Runs with the same number share the subset, and a larger subset
        contains a smaller one.
        """
        return slice(None if self.train_images == "all" else self.train_images)

    def trained_images(self, available: int) -> int:
        """Return the number of images that the run is trained on, of those available."""
        return available if self.train_images == "all" else self.train_images

    def of(self, images: ImageSet) -> Self:
        """Return these settings for a dataset that has been looked up."""
        return self.model_copy(update=identity(images))

    def differences(self) -> dict[str, Any]:
        """Return the settings that determine the images: the fingerprint, not the names."""
        differing = super().differences()
        for name in ("dataset", "image_shape", "class_names", "noun"):
            differing.pop(name, None)
        return differing | {"fingerprint": self.fingerprint}


def identity(images: ImageSet) -> dict[str, Any]:
    """Return the settings that follow from a dataset."""
    return {
        "dataset": images.name,
        "fingerprint": images.fingerprint,
        "image_shape": images.image_shape,
        "class_names": images.class_names,
        "noun": images.noun,
    }


def default_hidden_sizes(kind: Kind, data: DataConfig) -> tuple[int, int]:
    """Return the widths of the hidden layers that follow from the images.

    Both layers have one unit for every value of an image, at most 1,024. A conditional model has
    one more unit for every class, because it gets the class as input. For MNIST (28 x 28 pixels,
    ten classes) these are the widths of the article: 784, and 794 for a conditional model.
    """
    width = min(data.values, WIDEST) + (data.classes if kind.conditional else 0)
    return width, width


Outliers = Annotated[tuple[DatasetName, ...], Field(strict=False)]


class EvaluationConfig(Frozen):
    """Settings of the evaluation: what is computed from the trained model for the analysis.

    These settings have no version of their own. When a setting is added, the version of the HDF5
    schema is increased.
    """

    importance_samples: Count = 10
    """Importance-weighted samples per test image (the IWAE bound's K)."""
    samples_per_sampler: Annotated[int, Field(ge=10)] = 2000
    """Generated images per sampler; for a conditional model, equally many of every class."""
    mixture_components: Count = 10
    """Gaussians of the mixture that is fitted to the codes of the training images."""
    grid_size: Annotated[int, Field(ge=2, le=100)] = 20
    """Images per side of the grid over a plane of the latent space."""
    traversal_steps: Annotated[int, Field(ge=2, le=100)] = 11
    """Images along each latent dimension."""
    interpolation_steps: Annotated[int, Field(ge=2, le=100)] = 11
    """Images from one test image to another, both included."""
    outliers: Outliers = ("noise", "shuffled", "inverted", "rotated")
    """Outlier sets for anomaly detection: these four, which are made, or names of datasets with
    images of the same shape."""

    @property
    def digest(self) -> str:
        """Short hash of these settings, which the record of an attempt stores."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:ID_DIGITS]


class RunConfig(Frozen):
    """Settings that determine the weights of one run; the run id is made from them."""

    # Every added setting increases the version. So an older release that finds an unknown setting
    # reports a newer file instead of a damaged one. The version is not part of the run id.
    version: Literal[5] = 5
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _follow_the_data(self) -> Self:
        if not self.data.fingerprint:
            raise ValueError(f"the dataset {self.data.dataset} has not been looked up")
        if self.model.latent_size > self.data.values:
            raise ValueError(
                f"latent_size must be at most {self.data.values}, the number of values of an "
                f"image, got {self.model.latent_size}"
            )
        if self.model.traits.conditional and not self.data.classes:
            raise ValueError(
                f"the {self.model.kind} needs labels, but {self.data.dataset} has none"
            )
        if not self.model.hidden_sizes:
            sizes = {"hidden_sizes": self.default_hidden_sizes}
            object.__setattr__(self, "model", self.model.model_copy(update=sizes))
        return self

    @property
    def default_hidden_sizes(self) -> tuple[int, int]:
        """Widths of the hidden layers if the configuration gives none."""
        return default_hidden_sizes(self.model.traits, self.data)

    @property
    def run_id(self) -> str:
        """Name of the run, for example ``vae-z020-s0-3f0c9a41d2``; the end is a content hash.

        Only settings that differ from their defaults are hashed. So a setting that a later release
        adds changes no id of an earlier run, if its default keeps the earlier behaviour.
        """
        model = self.model
        derived = model.hidden_sizes == self.default_hidden_sizes
        # Canonical JSON of all parts: its keys are sorted.
        hashed = (
            f'{{"data":{self.data.hashed},"id_version":{ID_VERSION},'
            f'"model":{model.hashed_without_sizes if derived else model.hashed},'
            f'"seed":{self.seed},"train":{self.train.hashed}}}'
        )
        digest = hashlib.sha256(hashed.encode()).hexdigest()[:ID_DIGITS]
        return f"{model.kind}-z{model.latent_size:03d}-s{self.seed}-{digest}"

    @property
    def variant(self) -> str:
        """Label of the settings that tell models of one kind apart, such as ``bernoulli-beta4``."""
        model = self.model
        parts: list[str] = [model.likelihood]
        if not model.traits.variational:
            parts = [model.latent_activation]
            if model.likelihood != "gaussian":
                parts.append(model.likelihood)
        if model.dynamic_binarisation:
            parts.append("binarised")
        if model.kl_weight != 1:
            parts.append(f"beta{model.kl_weight:g}")
        if model.kl_warmup_epochs:
            parts.append(f"warmup{model.kl_warmup_epochs}")
        if model.hidden_sizes != self.default_hidden_sizes:
            parts.append("h" + "x".join(map(str, model.hidden_sizes)))
        if model.activation != "relu":
            parts.append(model.activation)
        return "-".join(parts)

    @classmethod
    def upgraded(cls, values: object, source: str) -> object:
        """Convert plain values of any released version to the present version."""
        return upgrade(values, source)


def upgrade(values: object, source: str) -> object:
    """Convert the plain values of a run's configuration to the present version, step by step.

    Raises
    ------
    NewerVersion
        A newer release wrote the values.
    """
    if not isinstance(values, dict):
        return values
    newest = RunConfig.model_fields["version"].default
    version = values.get("version", newest)
    if isinstance(version, int) and version > newest:
        read = ", ".join(map(str, _UPGRADES))
        raise NewerVersion(
            f"{source} was written by a newer aevae: configuration version {version}; "
            f"this aevae reads {read} and {newest}"
        )
    while version in _UPGRADES:
        values = _UPGRADES[version](values)
        version = values["version"]
    return values


def _from_2(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the settings of the evaluation. The fingerprint, new in version 3, is looked up."""
    return {name: value for name, value in values.items() if name != "evaluation"} | {"version": 3}


def _from_3(values: dict[str, Any]) -> dict[str, Any]:
    """Version 3 has built-in datasets only. Their shapes and classes, new in 4, are looked up."""
    return values | {"version": 4}


def _from_4(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that are new in version 5 have defaults with the earlier effect."""
    return values | {"version": 5}


_UPGRADES: dict[object, Callable[[dict[str, Any]], dict[str, Any]]] = {
    2: _from_2,
    3: _from_3,
    4: _from_4,
}


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
