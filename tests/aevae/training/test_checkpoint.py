"""A run goes on from its newest checkpoint, and from none that is not its own."""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aevae.config import RunConfig
from aevae.data.sources import Split
from aevae.errors import RunFailed
from aevae.files.layout import SweepPaths
from aevae.training.checkpoint import load_newest, remove_checkpoints, save_checkpoint
from aevae.training.loop import DeviceImages, TrainState, train

CPU = torch.device("cpu")


@pytest.fixture
def paths(weird, tiny_config, plan):
    return plan(SweepPaths(weird), tiny_config())


def trained(config, epochs=1):
    """The state of a run after some epochs on random images."""
    images = torch.rand(40, 28, 28, generator=torch.Generator().manual_seed(0)) * 255
    split = Split(images.to(torch.uint8).numpy(), np.zeros(40, np.uint8), np.arange(40))
    data = DeviceImages.of(split, 10, CPU)
    state = TrainState.new(config, CPU)
    for _ in zip(range(epochs), train(config, state, data, data), strict=False):
        pass
    return state


def stopping(config, patience):
    train = config.train.model_copy(update={"early_stopping": patience})
    return config.model_copy(update={"train": train})


def change(paths, epoch=1, **values):
    path = paths.checkpoint(epoch)
    content = torch.load(path, weights_only=True) | values
    torch.save({name: value for name, value in content.items() if value is not None}, path)


def refused(paths, config, message):
    """Whether the checkpoint of the first epoch is refused, by its name, with this message."""
    with pytest.raises(RunFailed) as caught:
        load_newest(paths, config, CPU)
    assert caught.value.reason == "bad_checkpoint"
    expected = f"bad_checkpoint: {re.escape(str(paths.checkpoint(1)))}: {message}"
    return re.fullmatch(expected, str(caught.value))


def test_a_state_is_restored_as_it_was(paths, tiny_config):
    config = tiny_config()
    assert load_newest(paths, config, CPU) is None
    state = trained(config)
    save_checkpoint(paths, config, state)
    found = load_newest(paths, config, CPU)
    assert (found.epoch, found.history) == (1, state.history)
    for name, value in state.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], value)
    before, after = (s.optimizer.state_dict() for s in (state, found))
    assert after["param_groups"] == before["param_groups"]
    for key, moments in before["state"].items():
        for name, value in moments.items():
            assert torch.equal(after["state"][key][name], value)


def test_the_weights_of_the_best_epoch_are_restored_beside_those_of_the_last(paths, tiny_config):
    config = stopping(tiny_config(epochs=4), 3)
    state = trained(config, 2)
    state.best = replace(state.best, epoch=1, weights={"mu.bias": torch.tensor([1.0, 2.0])})
    save_checkpoint(paths, config, state)
    best = load_newest(paths, config, CPU).best
    assert (best.epoch, best.loss) == (1, state.best.loss)
    assert best.weights["mu.bias"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("version", [2, 3])
def test_a_checkpoint_of_an_earlier_release_is_restored(paths, tiny_config, version):
    config = tiny_config()
    state = trained(config)
    save_checkpoint(paths, config, state)
    old = json.loads(config.canonical_json()) | {"version": version + 1}
    del old["model"]["activation"], old["train"]["early_stopping"], old["data"]["train_images"]
    change(paths, version=version, best=None, config=json.dumps(old))
    found = load_newest(paths, config, CPU)
    assert (found.epoch, found.best) == (1, None)
    assert torch.equal(found.model.mu.weight, state.model.mu.weight)


def test_a_state_is_restored_on_the_device_of_the_run(paths, tiny_config):
    """A checkpoint of a GPU can be loaded where there is none; meta stands for another device."""
    config = tiny_config()
    save_checkpoint(paths, config, TrainState.new(config, CPU))
    found = load_newest(paths, config, torch.device("meta"))
    assert {weights.device.type for weights in found.model.parameters()} == {"meta"}


def test_the_newest_two_checkpoints_are_kept_until_the_results_are_there(paths, tiny_config):
    config = tiny_config()
    state = TrainState.new(config, CPU)
    for epoch in (8, 9, 10):
        state.epoch = epoch
        save_checkpoint(paths, config, state)
    assert paths.checkpoints() == [paths.checkpoint(10), paths.checkpoint(9)]
    remove_checkpoints(paths)
    assert paths.checkpoints() == []


def test_a_checkpoint_that_another_process_removes_in_the_same_moment_is_no_error(
    paths, tiny_config, monkeypatch
):
    config = tiny_config()
    state = TrainState.new(config, CPU)
    unlink = Path.unlink

    def unlink_twice(path, *, missing_ok=False):
        unlink(path, missing_ok=True)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_twice)
    for epoch in (1, 2, 3):
        state.epoch = epoch
        save_checkpoint(paths, config, state)
    remove_checkpoints(paths)
    assert paths.checkpoints() == []


@pytest.mark.parametrize("content", [b"", b"half", b"\x80\x02h", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(
    paths, tiny_config, caplog, content
):
    config = tiny_config()
    save_checkpoint(paths, config, trained(config))
    paths.checkpoint(2).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert load_newest(paths, config, CPU).epoch == 1
    (line,) = caplog.messages
    assert re.fullmatch(r"checkpoint-000002\.pt is damaged and skipped \(.+\)", line)
    assert "None" not in line


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": 1}, "version 1 is not 4"),
        ({"version": None}, "version None is not 4"),
        ({"config": "{"}, "its configuration is not JSON: .*"),
        ({"model": {}}, r"Error\(s\) in loading state_dict for VAE:"),
        ({"optimizer": {"state": {}, "param_groups": []}}, "loaded state dict has a .*"),
    ],
)
def test_what_is_no_state_of_the_run_is_refused(paths, tiny_config, values, message):
    config = tiny_config()
    save_checkpoint(paths, config, trained(config))
    change(paths, **values)
    assert refused(paths, config, message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 1}, "made with seed = 1, this run has 0"),
        ({"learning_rate": 0.5}, r"made with train\.learning_rate = 0\.5, this run has 0\.001"),
        ({"hidden_sizes": [7]}, r"made with model\.hidden_sizes = \[7\], this run has \[32\]"),
        ({"seed": 1, "epochs": 9}, "made with seed = 1, this run has 0"),
    ],
)
def test_the_first_setting_that_differs_is_named(paths, tiny_config, settings, message):
    other = tiny_config(**settings)
    save_checkpoint(paths, other, trained(other))
    assert refused(paths, tiny_config(), message)


def test_a_setting_that_one_configuration_lacks_is_named(paths, tiny_config, monkeypatch):
    """A later release may store a setting that has the same name on one side only."""
    config = tiny_config()
    save_checkpoint(paths, config, trained(config))
    dump, more = RunConfig.model_dump, iter([{"more": 1}, {}])
    monkeypatch.setattr(RunConfig, "__eq__", lambda *_: False)
    monkeypatch.setattr(RunConfig, "model_dump", lambda self, **o: dump(self, **o) | next(more))
    assert refused(paths, config, "made with more = 1, this run has None")
