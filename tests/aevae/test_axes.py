"""Which settings vary in a sweep: the columns of every table and the axes of the figures."""

from typing import Any

import pytest

from aevae.axes import KEYS, Axis, find_axes, short, value_of
from aevae.config import ModelConfig, RunConfig, TrainConfig


def config(kind: str = "vae", train: dict[str, Any] | None = None, **model: Any) -> RunConfig:
    settings = {"kind": kind, "latent_size": 2, **model}
    return RunConfig(model=ModelConfig(**settings), train=TrainConfig(**(train or {})))


def test_model_latent_size_and_seed_are_no_axes() -> None:
    runs = [
        config("ae"),
        config("vae", latent_size=5),
        config("cvae").model_copy(update={"seed": 3}),
    ]
    assert find_axes(runs) == ()


def test_a_setting_that_differs_between_models_only_is_no_axis() -> None:
    # The CVAE's hidden layers are wider than the VAE's by default.
    assert config("vae").model.hidden_sizes != config("cvae").model.hidden_sizes
    assert find_axes([config("vae", kl_weight=2.0), config("cvae")]) == ()


def test_axes_have_the_values_of_all_models_in_ascending_order() -> None:
    runs = [
        config("ae"),
        config("vae", kl_weight=4.0),
        config("vae", kl_weight=0.5),
        config("cvae", {"learning_rate": 1e-2}, kl_weight=0.5),
        config("cvae", {"learning_rate": 1e-3}, kl_weight=1.0),
    ]
    assert find_axes(runs) == (
        Axis("model.kl_weight", (0.5, 1.0, 4.0)),
        Axis("train.learning_rate", (1e-3, 1e-2)),
    )


def test_values_without_an_order_keep_that_of_the_runs() -> None:
    runs = [config(train={"schedule": name}) for name in ("one-cycle", "constant", "one-cycle")]
    assert find_axes(runs) == (Axis("train.schedule", ("one-cycle", "constant")),)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("ae", "model.kl_weight", None),
        ("vae", "model.kl_weight", 1.0),
        ("vae", "model.latent_activation", None),
        ("ae", "model.latent_activation", "linear"),
        ("ae", "train.batch_size", 1024),
    ],
)
def test_a_setting_that_does_not_apply_to_a_model_has_no_value(
    kind: str, key: str, value: object
) -> None:
    assert value_of(config(kind), key) == value


def test_the_short_names_of_all_settings_differ() -> None:
    assert len({short(key) for key in KEYS}) == len(KEYS)
