"""Mixed precision is used where it helps, is named in one line, and resumes exactly."""

import math
import re

import pytest
import torch

from aevae.config import TrainConfig
from aevae.data.sources import load_dataset
from aevae.files.layout import SweepPaths
from aevae.training import precision
from aevae.training.checkpoint import load_newest, save_checkpoint
from aevae.training.loop import DeviceImages, TrainState, train
from aevae.training.precision import FLOAT32, Precision, advice, bfloat16_gain, choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def with_precision(config, wanted):
    changed = config.train.model_copy(update={"precision": wanted})
    return config.model_copy(update={"train": changed})


@pytest.fixture
def images(tiny_config, weird):
    dataset = load_dataset(tiny_config().data, weird)
    return [DeviceImages.of(split, 10, CPU) for split in (dataset.train, dataset.val)]


@pytest.mark.parametrize(
    ("wanted", "gain", "chosen", "said"),
    [
        ("float32", 9, "float32", "float32"),
        ("auto", 2.2, "bfloat16", "bfloat16: a product in bfloat16 takes 0.45 of the time"),
        ("auto", 1.1, "float32", "float32: a product in bfloat16 takes 0.91 of the time"),
        ("mixed", 2.2, "bfloat16", "bfloat16: a product in bfloat16 takes 0.45 of the time"),
        ("mixed", 0.2, "bfloat16", "bfloat16, as asked for; a product in bfloat16 takes 5.00"),
    ],
)
def test_a_cpu_computes_in_what_is_faster_there(monkeypatch, wanted, gain, chosen, said):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda _: gain)
    found, reason = choose_precision(wanted, CPU)
    assert found == Precision(chosen)
    assert reason.startswith(said)
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("capability", "chosen"),
    [((6, 1), "float32"), ((7, 0), "float16"), ((7, 5), "float16"), ((8, 0), "tf32")],
)
def test_a_gpu_computes_in_what_its_tensor_cores_know(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla")
    found, reason = choose_precision("auto", CUDA)
    assert found == Precision(chosen)
    assert f"Tesla (sm_{capability[0]}{capability[1]})" in reason


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (2.2, 'train.precision = "mixed" makes training faster here, by bfloat16: a product in'),
        (0.2, "float32 is the fastest format here: a product in bfloat16 takes 5.00 of the time"),
    ],
)
def test_the_doctor_says_which_format_pays(monkeypatch, gain, expected):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda _: gain)
    assert advice(use_gpu=False).startswith(expected)


def test_the_gain_is_measured():
    assert 0 < bfloat16_gain(CPU) < math.inf


def test_a_precision_is_part_of_what_a_run_is(tiny_config):
    config = tiny_config()
    assert with_precision(config, "float32").run_id == config.run_id
    names = {with_precision(config, wanted).run_id for wanted in ("float32", "mixed", "auto")}
    assert len(names) == 3


def test_the_choice_is_logged_in_one_line(tiny_config, monkeypatch, caplog):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda _: 0.5)
    caplog.set_level("INFO")
    TrainState.new(with_precision(tiny_config(), "auto"), CPU)
    expected = "precision float32: a product in bfloat16 takes 2.00 of the time"
    assert re.match(expected, caplog.messages[-1])


@pytest.mark.parametrize("format_", ["bfloat16", "float16"])
def test_losses_and_weights_stay_float32(tiny_config, images, format_):
    config = tiny_config("cvae", epochs=3)
    found = {}
    for name in ("float32", format_):
        state = TrainState.new(config, CPU, Precision(name))
        list(train(config, state, *images))
        assert {weight.dtype for weight in state.model.parameters()} == {torch.float32}
        found[name] = state.history
    # The losses differ, since the products do, and they differ little.
    losses = [history["train/loss"] for history in found.values()]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    # The KL has the digits of float32; a sum in bfloat16 has three digits.
    kl = torch.tensor(found[format_]["val/kl"])
    assert not torch.equal(kl, kl.to(torch.bfloat16).float())


@pytest.mark.parametrize("format_", ["bfloat16", "float16"])
def test_a_resumed_training_is_the_same_bit_for_bit(
    tiny_config, images, weird, plan, monkeypatch, format_
):
    config = with_precision(tiny_config(epochs=4), "auto")
    paths = plan(SweepPaths(weird / "sweep"), config)
    undisturbed = TrainState.new(config, CPU, Precision(format_))
    for epoch in train(config, undisturbed, *images):
        if epoch == 2:
            save_checkpoint(paths, config, undisturbed)
    # The machine that goes on would choose another format.
    monkeypatch.setattr(precision, "bfloat16_gain", lambda _: 0.1)
    resumed = load_newest(paths, config, CPU)
    assert resumed.precision == Precision(format_)
    list(train(config, resumed, *images))
    for name, value in undisturbed.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value)
    assert resumed.scaler.state_dict() == undisturbed.scaler.state_dict()


def test_small_gradients_are_scaled_in_float16_only():
    assert Precision("float16").scaler(CPU).is_enabled()
    for name in ("float32", "tf32", "bfloat16"):
        assert not Precision(name).scaler(CPU).is_enabled()


def test_tf32_is_allowed_only_while_it_is_used():
    before = torch.get_float32_matmul_precision()
    with FLOAT32.tf32():
        assert torch.get_float32_matmul_precision() == before
    with Precision("tf32").tf32():
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision"):
        TrainConfig(precision="float8")
