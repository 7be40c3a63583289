"""The scientific configuration of one run: what is trained on what, and how it is evaluated.

Where and how a run executes (cluster, device, threads, folders) is not part of it: the same
configuration on another machine is the same run and has the same `run_id`.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aevae.errors import InputError, describe_validation_error

ModelKind = Literal["ae", "vae", "cvae"]
DatasetName = Literal["mnist", "fashion-mnist", "digits"]
OutlierName = Literal["noise", "shuffled", "inverted", "rotated", "fashion-mnist"]

Count = Annotated[int, Field(ge=1)]
# Tuples arrive as TOML or JSON arrays, which strict mode would refuse.
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False)]
Outliers = Annotated[tuple[OutlierName, ...], Field(strict=False)]

# The article widens the conditional model by the ten label inputs.
DEFAULT_HIDDEN_SIZES: dict[str, tuple[int, ...]] = {
    "ae": (784, 784),
    "vae": (784, 784),
    "cvae": (794, 794),
}


class Frozen(BaseModel):
    """Base of every configuration: immutable, strictly typed, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


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
    validation_fraction: Annotated[float, Field(gt=0, le=0.9)] = 0.1
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class EvaluationConfig(Frozen):
    """What is computed from the trained model and stored for the analysis."""

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


class RunConfig(Frozen):
    """Everything that determines the numbers of one run."""

    version: Literal[2] = 2
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    def canonical_json(self) -> str:
        """Return the one JSON text of this configuration: sorted keys, defaults included."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def run_id(self) -> str:
        """Name of the run, for example ``vae-z020-s0-a95ca7c6``; the end is a content hash."""
        digest = hashlib.sha256(self.canonical_json().encode()).hexdigest()[:8]
        return f"{self.model.kind}-z{self.model.latent_size:03d}-s{self.seed}-{digest}"

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """Parse `text`; `source` names it in errors.

        Raises
        ------
        InputError
            The text is no valid configuration.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(describe_validation_error(error, source)) from None
