"""A run's name must mean the same science for ever, and bad settings must never train."""

import pytest
from pydantic import ValidationError

from aevae.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from aevae.errors import InputError, describe_validation_error


def test_the_name_of_a_run_never_changes():
    paper = RunConfig(model=ModelConfig(kind="vae", latent_size=20))
    assert paper.run_id == "vae-z020-s0-a95ca7c6"


def test_every_setting_changes_the_name():
    base = RunConfig(model=ModelConfig(kind="vae", latent_size=2))
    others = [
        RunConfig(model=ModelConfig(kind="vae", latent_size=2, kl_weight=2.0)),
        RunConfig(model=ModelConfig(kind="vae", latent_size=2, hidden_sizes=[10])),
        RunConfig(model=base.model, train=TrainConfig(epochs=49)),
        RunConfig(model=base.model, data=DataConfig(dataset="digits")),
        RunConfig(model=base.model, seed=1),
    ]
    assert len({run.run_id for run in [base, *others]}) == 6


def test_canonical_json_restores_the_configuration():
    config = RunConfig(model=ModelConfig(kind="cvae", latent_size=5, hidden_sizes=[64, 32]))
    assert RunConfig.from_json(config.canonical_json(), "text") == config


def test_the_conditional_model_is_wider_by_default():
    assert ModelConfig(kind="vae", latent_size=2).hidden_sizes == (784, 784)
    assert ModelConfig(kind="cvae", latent_size=2).hidden_sizes == (794, 794)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_size": 0}, "latent_size: input should be greater than or equal to 1, got 0"),
        ({"latent_size": 2.5}, "latent_size: input should be a valid integer"),
        ({"latent_size": "2"}, "latent_size: input should be a valid integer"),
        ({"kl_weight": float("nan")}, "kl_weight: input should be a finite number"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"latent_activation": "relu"}, "applies to the ae only"),
        ({"kind": "ae", "kl_weight": 2.0}, "do not apply to the ae"),
        ({"dynamic_binarisation": True}, 'needs likelihood = "bernoulli"'),
    ],
)
def test_a_bad_setting_is_named_in_one_line(settings, message):
    with pytest.raises(ValidationError) as caught:
        ModelConfig(**{"kind": "vae", "latent_size": 2, **settings})
    line = describe_validation_error(caught.value, "x.toml")
    assert message in line
    assert line.endswith("in x.toml")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({"kind": "ae"}, "linear"),
        ({"kind": "ae", "latent_activation": "relu"}, "relu"),
        ({"kind": "vae"}, "gaussian"),
        ({"kind": "cvae", "likelihood": "bernoulli"}, "bernoulli"),
        ({"kind": "vae", "kl_weight": 0.5, "hidden_sizes": [8, 4]}, "gaussian-beta0.5-h8x4"),
    ],
)
def test_the_variant_names_what_is_not_default(settings, variant):
    assert ModelConfig(latent_size=2, **settings).variant == variant


def test_a_damaged_configuration_is_an_input_error():
    with pytest.raises(InputError, match=r"in config\.json"):
        RunConfig.from_json("{}", "config.json")
