"""A run's name must mean the same science for ever, and bad settings must never train."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from aevae.config import DataConfig, EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.datasets import BUILT_IN
from aevae.errors import InputError, describe_validation_error

SCHEMA_1 = Path(__file__).parents[1] / "data" / "schema-1"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"model": {"kind": "vae", "latent_size": 20}}, "vae-z020-s0-b4107d13fb"),
        ({"model": {"kind": "cvae", "latent_size": 2}, "seed": 3}, "cvae-z002-s3-89d4beb051"),
        (
            {
                "model": {"kind": "ae", "latent_size": 5, "latent_activation": "relu"},
                "train": {"epochs": 12, "batch_size": 256, "schedule": "one-cycle"},
                "data": {"dataset": "digits", "split_seed": 1},
            },
            "ae-z005-s0-60cecf470d",
        ),
    ],
)
def test_the_name_of_a_run_never_changes(settings, name):
    assert RunConfig.model_validate(settings).run_id == name


def test_a_default_never_changes():
    """What is not said in a configuration means for ever what it means today."""
    config = RunConfig(model=ModelConfig(kind="vae", latent_size=2))
    assert config.model_dump(mode="json", exclude={"model": {"kind", "latent_size"}}) == {
        "version": 5,
        "model": {
            "hidden_sizes": [784, 784],
            "activation": "relu",
            "latent_activation": "linear",
            "likelihood": "gaussian",
            "dynamic_binarisation": False,
            "kl_weight": 1.0,
            "kl_warmup_epochs": 0,
        },
        "train": {
            "epochs": 50,
            "batch_size": 1024,
            "learning_rate": 0.001,
            "weight_decay": 0.01,
            "adam_beta1": 0.9,
            "adam_beta2": 0.999,
            "initialisation": "torch",
            "schedule": "constant",
            "step_epochs": [],
            "step_factor": 0.1,
            "early_stopping": 0,
            "precision": "float32",
        },
        "data": {
            "dataset": "mnist",
            "fingerprint": BUILT_IN["mnist"].fingerprint,
            "image_shape": [28, 28],
            "class_names": list("0123456789"),
            "noun": "digit",
            "validation_fraction": 0.1,
            "split_seed": 0,
            "train_images": "all",
        },
        "seed": 0,
    }


def test_a_setting_of_a_later_release_changes_no_name():
    class LaterTraining(TrainConfig):
        momentum: float = 0.9

    class LaterModel(ModelConfig):
        dropout: float = 0.0

    class LaterRun(RunConfig):
        model: LaterModel
        train: LaterTraining = LaterTraining()

    settings = {"model": {"kind": "vae", "latent_size": 2}, "train": {"epochs": 3}}
    before, after = RunConfig.model_validate(settings), LaterRun.model_validate(settings)
    assert after.run_id == before.run_id
    # A file of today lacks the setting, and is read by the later release as the same run.
    assert LaterRun.from_json(before.canonical_json(), "file").run_id == before.run_id
    used = LaterRun.model_validate({**settings, "train": {"epochs": 3, "momentum": 0.5}})
    assert used.run_id != before.run_id


def test_a_changed_copy_of_settings_has_a_name_of_its_own():
    run = RunConfig.model_validate({"model": {"kind": "vae", "latent_size": 2}})
    named = run.run_id
    train = run.train.model_copy(update={"epochs": 3})
    changed = run.model_copy(update={"train": train})
    assert changed.run_id == RunConfig(model=run.model, train=TrainConfig(epochs=3)).run_id != named
    # Texts that are kept for the name are no settings.
    assert run == RunConfig.model_validate(run.model_dump())


def test_the_evaluation_is_no_part_of_a_run():
    assert "evaluation" not in RunConfig.model_fields


def test_the_same_images_under_another_name_are_the_same_run():
    model = ModelConfig(kind="vae", latent_size=2)
    mine = DataConfig(
        dataset="mine",
        fingerprint=BUILT_IN["mnist"].fingerprint,
        class_names=["zero", *"123456789"],
        noun="class",
    )
    assert RunConfig(model=model, data=mine).run_id == RunConfig(model=model).run_id


def test_another_fingerprint_than_that_of_the_dataset_is_refused():
    with pytest.raises(ValidationError, match=r"fingerprint 0{12}\.\.\. is not that of mnist"):
        DataConfig(fingerprint="0" * 64)


def test_a_configuration_of_an_earlier_release_is_read():
    old = (SCHEMA_1 / "runs/vae-z005-s0-c1d59b3a" / "config.json").read_text()
    config = RunConfig.from_json(old, "config.json")
    assert (config.model.hidden_sizes, config.train.weight_decay) == ((4,), 2.0)
    assert config.data.fingerprint == BUILT_IN["digits"].fingerprint


def test_a_configuration_of_a_newer_release_is_named_as_such():
    with pytest.raises(InputError) as caught:
        RunConfig.from_json('{"version": 6, "colour": "red"}', "config.json")
    expected = (
        "config.json was written by a newer aevae: configuration version 6; "
        "this aevae reads 2, 3, 4 and 5"
    )
    assert str(caught.value) == expected


def test_every_setting_changes_the_name():
    base = RunConfig(model=ModelConfig(kind="vae", latent_size=2))
    others = [
        RunConfig(model=ModelConfig(kind="vae", latent_size=2, kl_weight=2.0)),
        RunConfig(model=ModelConfig(kind="vae", latent_size=2, hidden_sizes=[10])),
        RunConfig(model=base.model, train=TrainConfig(epochs=49)),
        RunConfig(model=base.model, data=DataConfig(dataset="digits")),
        RunConfig(model=base.model, data=DataConfig(train_images=9)),
        RunConfig(model=base.model, seed=1),
    ]
    assert len({run.run_id for run in [base, *others]}) == 7


def test_canonical_json_restores_the_configuration():
    config = RunConfig(model=ModelConfig(kind="cvae", latent_size=5, hidden_sizes=[64, 32]))
    assert RunConfig.from_json(config.canonical_json(), "text") == config


def test_the_conditional_model_is_wider_by_default():
    for kind, sizes in (("vae", (784, 784)), ("cvae", (794, 794))):
        config = RunConfig(model=ModelConfig(kind=kind, latent_size=2))
        assert config.model.hidden_sizes == sizes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_size": 0}, "latent_size: input should be greater than or equal to 1, got 0"),
        ({"latent_size": 2.5}, "latent_size: input should be a valid integer"),
        ({"latent_size": "2"}, "latent_size: input should be a valid integer"),
        ({"kl_weight": float("nan")}, "kl_weight: input should be a finite number"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"latent_activation": "relu"}, "latent_activation does not apply to the vae"),
        ({"kind": "ae", "kl_weight": 2.0}, "kl_weight does not apply to the ae"),
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


NEEDED = 'schedule = "steps" needs step_epochs in ascending order, each less than epochs (50), got'


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_epochs": [3]}, 'step_epochs needs schedule = "steps" in x.toml'),
        ({"schedule": "cosine", "step_factor": 0.5}, 'step_factor needs schedule = "steps"'),
        ({"schedule": "steps"}, f"{NEEDED} []"),
        ({"schedule": "steps", "step_epochs": [5, 3]}, f"{NEEDED} [5, 3]"),
        ({"schedule": "steps", "step_epochs": [3, 3]}, f"{NEEDED} [3, 3]"),
        ({"schedule": "steps", "step_epochs": [3, 50]}, f"{NEEDED} [3, 50]"),
        ({"schedule": "steps", "step_epochs": [0, 3]}, "step_epochs.0: input should be greater"),
        (
            {"schedule": "steps", "step_epochs": [3], "step_factor": 0.0},
            "step_factor: input should",
        ),
    ],
)
def test_steps_that_make_no_schedule_are_named_in_one_line(settings, message):
    with pytest.raises(ValidationError) as caught:
        TrainConfig(**settings)
    line = describe_validation_error(caught.value, "x.toml")
    assert line.startswith(message)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({"kind": "ae"}, "linear"),
        ({"kind": "ae", "latent_activation": "relu"}, "relu"),
        ({"kind": "vae"}, "gaussian"),
        ({"kind": "cvae", "likelihood": "bernoulli"}, "bernoulli"),
        ({"kind": "vae", "kl_weight": 0.5, "hidden_sizes": [8, 4]}, "gaussian-beta0.5-h8x4"),
        ({"kind": "ae", "activation": "tanh"}, "linear-tanh"),
    ],
)
def test_the_variant_names_what_is_not_default(settings, variant):
    assert RunConfig(model=ModelConfig(latent_size=2, **settings)).variant == variant


def test_a_damaged_configuration_is_an_input_error():
    with pytest.raises(InputError, match=r"in config\.json"):
        RunConfig.from_json("{}", "config.json")


def mine(**settings):
    return {"dataset": "mine", "fingerprint": "0" * 64, "class_names": ["a", "b"], **settings}


@pytest.mark.parametrize(
    ("kind", "shape", "sizes"),
    [
        ("vae", (24, 40), (960, 960)),
        ("vae", (32, 32, 3), (1024, 1024)),
        ("cvae", (256, 256, 3), (1026, 1026)),
        ("cvae", (4, 4), (18, 18)),
    ],
)
def test_the_hidden_layers_follow_from_the_images_up_to_a_limit(kind, shape, sizes):
    model, data = {"kind": kind, "latent_size": 2}, mine(image_shape=shape)
    config = RunConfig.model_validate({"model": model, "data": data})
    assert config.model.hidden_sizes == sizes
    assert config.variant == "gaussian"
    given = RunConfig.model_validate({"model": {**model, "hidden_sizes": sizes}, "data": data})
    assert given.run_id == config.run_id


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ({"kind": "cvae"}, {"class_names": []}, "the cvae needs labels, but mine has none"),
        ({"latent_size": 17}, {"image_shape": (4, 4)}, "latent_size must be at most 16"),
        ({}, {"fingerprint": ""}, "the dataset mine has not been looked up"),
        ({}, {"dataset": "my set"}, "'my set' cannot be the name of a dataset"),
    ],
)
def test_a_model_that_does_not_fit_the_images_is_refused(model, data, message):
    settings = {"kind": "vae", "latent_size": 2, **model}
    with pytest.raises(ValidationError, match=message) as caught:
        RunConfig.model_validate({"model": settings, "data": mine(**data)})
    assert message in describe_validation_error(caught.value, "x.toml")
    assert not describe_validation_error(caught.value, "x.toml").startswith("value")


def test_a_name_of_outliers_is_that_of_a_set_or_of_a_dataset():
    assert EvaluationConfig(outliers=["noise", "mine"]).outliers == ("noise", "mine")
    with pytest.raises(ValidationError, match="cannot be the name of a dataset"):
        EvaluationConfig(outliers=["../mine"])
