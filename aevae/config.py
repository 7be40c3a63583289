"""The configuration of one run: what is trained on what, and how the result is evaluated.

A run is what decides its weights: model, data, training and seed (`RunConfig`). How the trained
model is evaluated can be changed later (`EvaluationConfig`), and where the run executes (cluster,
device, threads, folders) changes no number: neither is part of a run's identity.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aevae.errors import InputError, NewerVersion, describe_validation_error

ModelKind = Literal["ae", "vae", "cvae"]
DatasetName = Literal["mnist", "fashion-mnist", "digits"]
OutlierName = Literal["noise", "shuffled", "inverted", "rotated", "fashion-mnist"]

ID_VERSION = 2  # of how `RunConfig.run_id` is made; 1 hashed all settings, the evaluation's too
ID_DIGITS = 10

Count = Annotated[int, Field(ge=1)]
# Tuples arrive as TOML or JSON arrays, which strict mode would refuse.
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False)]
Outliers = Annotated[tuple[OutlierName, ...], Field(strict=False)]

# SHA-256 of the images and labels of the built-in datasets; see `aevae.data.sources.fingerprint`.
FINGERPRINTS: dict[str, str] = {
    "mnist": "52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141",
    "fashion-mnist": "51bad0352284eacba9865b8317af0b9281dae4f52f7f667217f2ee65f7069790",
    "digits": "0fccb48ddb3c71c510046a739abe8280aa26254a8635502f4caa4fdac410450e",
}

# The article widens the conditional model by the ten label inputs.
DEFAULT_HIDDEN_SIZES: dict[str, tuple[int, ...]] = {
    "ae": (784, 784),
    "vae": (784, 784),
    "cvae": (794, 794),
}


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
    latent_size: Annotated[int, Field(ge=1, le=784)]
    hidden_sizes: Sizes = ()
    """Widths of the encoder's hidden layers; the decoder mirrors them. Empty: the article's."""
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

    @model_validator(mode="before")
    @classmethod
    def _resolve_hidden_sizes(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("hidden_sizes"):
            default = DEFAULT_HIDDEN_SIZES.get(str(values.get("kind")), ())
            return {**values, "hidden_sizes": default}
        return values

    @model_validator(mode="after")
    def _check_applicable(self) -> Self:
        if self.kind != "ae" and self.latent_activation != "linear":
            raise ValueError(f"latent_activation applies to the ae only, not to the {self.kind}")
        if self.kind == "ae" and (self.kl_weight != 1 or self.kl_warmup_epochs != 0):
            raise ValueError("kl_weight and kl_warmup_epochs do not apply to the ae: it has no KL")
        if self.dynamic_binarisation and self.likelihood != "bernoulli":
            raise ValueError('dynamic_binarisation needs likelihood = "bernoulli"')
        return self

    def differences(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults; see `Frozen.differences`."""
        differing = super().differences()
        if self.hidden_sizes == DEFAULT_HIDDEN_SIZES[self.kind]:
            del differing["hidden_sizes"]
        return differing

    @property
    def variant(self) -> str:
        """What tells this model from others of its kind: every setting beyond the default."""
        parts: list[str] = [self.latent_activation if self.kind == "ae" else self.likelihood]
        if self.kind == "ae" and self.likelihood != "gaussian":
            parts.append(self.likelihood)
        if self.dynamic_binarisation:
            parts.append("binarised")
        if self.kl_weight != 1:
            parts.append(f"beta{self.kl_weight:g}")
        if self.kl_warmup_epochs:
            parts.append(f"warmup{self.kl_warmup_epochs}")
        if self.hidden_sizes != DEFAULT_HIDDEN_SIZES[self.kind]:
            parts.append("h" + "x".join(map(str, self.hidden_sizes)))
        return "-".join(parts)


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


class DataConfig(Frozen):
    """Dataset and the split into training and validation images."""

    dataset: DatasetName = "mnist"
    fingerprint: str = ""
    """Of the images and labels. Empty: that of the built-in dataset."""
    validation_fraction: Annotated[float, Field(gt=0, le=0.9)] = 0.1
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="before")
    @classmethod
    def _resolve_fingerprint(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("fingerprint"):
            name = str(values.get("dataset", cls.model_fields["dataset"].default))
            return {**values, "fingerprint": FINGERPRINTS.get(name, "")}
        return values

    @model_validator(mode="after")
    def _check_fingerprint(self) -> Self:
        if self.fingerprint != FINGERPRINTS[self.dataset]:
            raise ValueError(
                f"fingerprint {self.fingerprint[:12]}... is not that of {self.dataset}, "
                f"{FINGERPRINTS[self.dataset][:12]}..."
            )
        return self

    def differences(self) -> dict[str, Any]:
        """Return what decides the images: the name of a dataset does not, its fingerprint does."""
        differing = super().differences()
        differing.pop("dataset", None)
        return differing | {"fingerprint": self.fingerprint}


class EvaluationConfig(Frozen):
    """What is computed from the trained model and stored for the analysis; no training needed.

    These settings have no version of their own: that of the schema grows when one is added.
    """

    importance_samples: Count = 10
    """Importance-weighted samples per test image (the IWAE bound's K)."""
    samples_per_sampler: Annotated[int, Field(ge=10, multiple_of=10)] = 2000
    """Generated images per sampler, the same number for every requested digit."""
    mixture_components: Count = 10
    grid_size: Annotated[int, Field(ge=2, le=100)] = 20
    traversal_steps: Annotated[int, Field(ge=2, le=100)] = 11
    interpolation_steps: Annotated[int, Field(ge=2, le=100)] = 11
    outliers: Outliers = ("noise", "shuffled", "inverted", "rotated")
    """Sets of images that are no digits, for anomaly detection."""

    @property
    def digest(self) -> str:
        """Short content hash, by which a record names these settings."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:ID_DIGITS]


class RunConfig(Frozen):
    """What decides the weights of one run, and thereby what the run is."""

    # It grows with every setting that is added: an older release then says that a file is newer,
    # instead of taking the unknown setting for damage. It is not part of the id.
    version: Literal[3] = 3
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def run_id(self) -> str:
        """Name of the run, for example ``vae-z020-s0-3f0c9a41d2``; the end is a content hash.

        Only settings that differ from their defaults are hashed. So a setting that a later release
        adds changes no name, as long as its default means what was done before.
        """
        parts = {name: getattr(self, name).differences() for name in ("model", "train", "data")}
        identity = {"id_version": ID_VERSION, "seed": self.seed, **parts}
        digest = hashlib.sha256(_canonical(identity).encode()).hexdigest()[:ID_DIGITS]
        return f"{self.model.kind}-z{self.model.latent_size:03d}-s{self.seed}-{digest}"

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


_UPGRADES: dict[object, Callable[[dict[str, Any]], dict[str, Any]]] = {2: _from_2}


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
