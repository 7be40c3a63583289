"""The configuration of one run: what is trained on what, and how the result is evaluated.

A run is what decides its weights: model, data, training and seed (`RunConfig`). How the trained
model is evaluated can be changed later (`EvaluationConfig`), and where the run executes (cluster,
device, threads, folders) changes no number: neither is part of a run's identity.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from aevae.datasets import BUILT_IN, DIGITS, ImageSet
from aevae.errors import InputError, NewerVersion, describe_validation_error
from aevae.kinds import KINDS, Kind

ID_VERSION = 2  # of how `RunConfig.run_id` is made; 1 hashed all settings, the evaluation's too
ID_DIGITS = 10

# What a sweep or a dataset may be called: a name that every file system takes as it is.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_RULE = (
    "a name is up to 64 letters, digits, '.', '_', '-', and starts with one of the first two"
)
# Sets of images that are made from the test images; any other name is that of a dataset.
MADE_OUTLIERS = ("noise", "shuffled", "inverted", "rotated")

Count = Annotated[int, Field(ge=1)]
# Tuples arrive as TOML or JSON arrays, which strict mode would refuse.
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False)]

WIDEST = 1024  # of the hidden layers that follow from the size of the images


def _known_kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(KINDS)}")
    return name


def _dataset_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a dataset: {NAME_RULE}")
    return name


ModelKind = Annotated[str, AfterValidator(_known_kind)]
DatasetName = Annotated[str, AfterValidator(_dataset_name)]


class Frozen(BaseModel):
    """Base of every configuration: immutable, strictly typed, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def canonical_json(self) -> str:
        """Return the one JSON text of these settings: sorted keys, defaults included."""
        return _canonical(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """Parse `text`, which any release up to this one may have written.

        Parameters
        ----------
        text
            Settings as JSON.
        source
            Names the text in errors.

        Raises
        ------
        NewerVersion
            A newer release wrote the text.
        InputError
            The text has no valid settings.
        """
        try:
            return cls.model_validate(cls.upgraded(json.loads(text), source))
        except json.JSONDecodeError as error:
            raise InputError(f"{source} is not JSON: {error}") from None
        except ValidationError as error:
            raise InputError(describe_validation_error(error, source)) from None

    @classmethod
    def upgraded(cls, values: object, source: str) -> object:
        """Return plain values of any released version as the present one has them."""
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


class ModelConfig(Frozen):
    """Architecture and objective of one model."""

    kind: ModelKind
    latent_size: Count
    hidden_sizes: Sizes = ()
    """Widths of the encoder's hidden layers; the decoder mirrors them. Empty: they follow from the
    images, see `default_hidden_sizes`."""
    latent_activation: Literal["linear", "relu"] = "linear"
    """AE only. The published AE ends its encoder in a ReLU, which leaves units dead."""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """gaussian: squared error (variance 1/2, so that -log p is SSE + const); bernoulli: BCE."""
    dynamic_binarisation: bool = False
    """Draw binary images from the pixel intensities at every step (bernoulli only)."""
    kl_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the KL term (the beta of a beta-VAE)."""
    kl_warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the weight of the KL term rises linearly from 0."""

    @model_validator(mode="after")
    def _check_applicable(self) -> Self:
        if self.traits.variational and self.latent_activation != "linear":
            raise ValueError(f"latent_activation applies to the ae only, not to the {self.kind}")
        if not self.traits.variational and (self.kl_weight != 1 or self.kl_warmup_epochs != 0):
            raise ValueError(
                f"kl_weight and kl_warmup_epochs do not apply to the {self.kind}: it has no KL"
            )
        if self.traits.learns_variance and self.likelihood != "gaussian":
            raise ValueError(f'the {self.kind} needs likelihood = "gaussian": it has a variance')
        if self.dynamic_binarisation and self.likelihood != "bernoulli":
            raise ValueError('dynamic_binarisation needs likelihood = "bernoulli"')
        return self

    @property
    def traits(self) -> Kind:
        """What is known of the kind of model."""
        return KINDS[self.kind]


class TrainConfig(Frozen):
    """Optimisation of one run."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    batch_size: Count = 1024
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Constant rate, or the peak of the schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decoupled weight decay (its default)."""
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """AdamW's decay rate of the mean of squared gradients (its default)."""
    schedule: Literal["constant", "one-cycle", "cosine"] = "constant"
    precision: Literal["float32", "mixed", "auto"] = "float32"
    """Format of the networks' products. mixed: the 16-bit format that the device computes in;
    auto: the same where it is faster, else float32."""


class DataConfig(Frozen):
    """Dataset and the split into training and validation images."""

    dataset: DatasetName = "mnist"
    fingerprint: str = ""
    """Of the images and labels. Empty: that of the built-in dataset, or not looked up yet."""
    image_shape: Sizes = (28, 28)
    """(height, width), or (height, width, 3) in colour."""
    class_names: Annotated[tuple[str, ...], Field(strict=False)] = DIGITS
    """Empty: the images have no labels."""
    noun: str = "digit"
    """What a class is called in text."""
    validation_fraction: Annotated[float, Field(gt=0, le=0.9)] = 0.1
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

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

    def of(self, images: ImageSet) -> Self:
        """Return these settings for a dataset that has been looked up."""
        return self.model_copy(update=identity(images))

    def differences(self) -> dict[str, Any]:
        """Return what decides the images: the fingerprint does, and names do not."""
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
    one more for every class, since it gets the class as input. For the 28 x 28 pixels and ten
    digits of MNIST, these are the 784 and 794 of the article.
    """
    width = min(data.values, WIDEST) + (data.classes if kind.conditional else 0)
    return width, width


Outliers = Annotated[tuple[DatasetName, ...], Field(strict=False)]


class EvaluationConfig(Frozen):
    """What is computed from the trained model and stored for the analysis; no training needed.

    These settings have no version of their own: that of the schema grows when one is added.
    """

    importance_samples: Count = 10
    """Importance-weighted samples per test image (the IWAE bound's K)."""
    samples_per_sampler: Annotated[int, Field(ge=10)] = 2000
    """Generated images per sampler; for a conditional model, equally many of every class."""
    mixture_components: Count = 10
    grid_size: Annotated[int, Field(ge=2, le=100)] = 20
    traversal_steps: Annotated[int, Field(ge=2, le=100)] = 11
    interpolation_steps: Annotated[int, Field(ge=2, le=100)] = 11
    outliers: Outliers = ("noise", "shuffled", "inverted", "rotated")
    """Sets of images for anomaly detection: made ones, or other datasets of the same shape."""

    @property
    def digest(self) -> str:
        """Short content hash, by which a record names these settings."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:ID_DIGITS]


class RunConfig(Frozen):
    """What decides the weights of one run, and thereby what the run is."""

    # It grows with every setting that is added: an older release then says that a file is newer,
    # instead of taking the unknown setting for damage. It is not part of the id.
    version: Literal[4] = 4
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
        """Widths of the hidden layers where none are given."""
        return default_hidden_sizes(self.model.traits, self.data)

    @property
    def run_id(self) -> str:
        """Name of the run, for example ``vae-z020-s0-3f0c9a41d2``; the end is a content hash.

        Only settings that differ from their defaults are hashed. So a setting that a later release
        adds changes no name, as long as its default means what was done before.
        """
        parts = {name: getattr(self, name).differences() for name in ("model", "train", "data")}
        if self.model.hidden_sizes == self.default_hidden_sizes:
            del parts["model"]["hidden_sizes"]
        hashed = {"id_version": ID_VERSION, "seed": self.seed, **parts}
        digest = hashlib.sha256(_canonical(hashed).encode()).hexdigest()[:ID_DIGITS]
        return f"{self.model.kind}-z{self.model.latent_size:03d}-s{self.seed}-{digest}"

    @property
    def variant(self) -> str:
        """What tells the model from others of its kind: every setting beyond the default."""
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
        return "-".join(parts)

    @classmethod
    def upgraded(cls, values: object, source: str) -> object:
        """Return plain values of any released version as the present one has them."""
        return upgrade(values, source)


def upgrade(values: object, source: str) -> object:
    """Bring the plain values of a run's configuration to the present version, step by step.

    Raises
    ------
    NewerVersion
        A newer release wrote them.
    """
    if not isinstance(values, dict):
        return values
    newest = RunConfig.model_fields["version"].default
    version = values.get("version", newest)
    if isinstance(version, int) and version > newest:
        read = ", ".join(map(str, _UPGRADES))
        raise NewerVersion(
            f"{source} was written by a newer aevae: configuration {version}; "
            f"this one reads {read} and {newest}"
        )
    while version in _UPGRADES:
        values = _UPGRADES[version](values)
        version = values["version"]
    return values


def _from_2(values: dict[str, Any]) -> dict[str, Any]:
    """Version 2 held the settings of the evaluation too, and named its data without fingerprint."""
    return {name: value for name, value in values.items() if name != "evaluation"} | {"version": 3}


def _from_3(values: dict[str, Any]) -> dict[str, Any]:
    """Version 3 knew the built-in datasets only, whose shapes and classes are looked up by name."""
    return values | {"version": 4}


_UPGRADES: dict[object, Callable[[dict[str, Any]], dict[str, Any]]] = {2: _from_2, 3: _from_3}


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
