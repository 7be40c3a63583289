"""Training must learn, follow its schedule, and go on exactly where it was stopped."""

import math
import signal

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from aevae.config import ModelConfig, TrainConfig
from aevae.data.sources import load_dataset
from aevae.errors import Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.training.loop import DeviceImages, TrainState, kl_weight_at, learning_rate_at, train
from aevae.training.run import choose_device, execute

CPU = torch.device("cpu")


PEAK = 0.5
LENGTHS = [5, 10, 37, 1000]


def rates(schedule, steps):
    config = TrainConfig(learning_rate=PEAK, schedule=schedule)
    return [learning_rate_at(config, step, steps) for step in range(steps)]


def torch_rates(steps, schedule, **settings):
    """Rates of the first steps under one of torch's own schedulers."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=PEAK)
    scheduler = schedule(optimizer, **settings)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_the_constant_rate_is_constant():
    assert rates("constant", 37) == [PEAK] * 37


@pytest.mark.parametrize("steps", LENGTHS)
def test_the_cosine_schedule_is_torch_s(steps):
    expected = torch_rates(steps, CosineAnnealingLR, T_max=steps)
    assert rates("cosine", steps) == pytest.approx(expected)


@pytest.mark.parametrize("steps", LENGTHS)
def test_the_one_cycle_schedule_is_torch_s_with_a_last_step_that_is_never_taken(steps):
    """Torch reaches the end of the schedule in its last step, we reach it one step later.

    Step i of ours is therefore step i of a cycle of torch's that has one step more. Torch puts its
    peak at step pct_start * total_steps - 1; ours is at 30 % of the steps.
    """
    shape = {"max_lr": PEAK, "div_factor": 25, "final_div_factor": 1e4, "cycle_momentum": False}
    start = (0.3 * steps + 1) / (steps + 1)
    longer = torch_rates(steps, OneCycleLR, total_steps=steps + 1, pct_start=start, **shape)
    found = rates("one-cycle", steps)
    assert found == pytest.approx(longer)
    # Torch's cycle of as many steps falls in the same way, one step earlier.
    same = torch_rates(steps, OneCycleLR, total_steps=steps, pct_start=0.3, **shape)
    falling = math.ceil(0.3 * steps)
    assert found[falling:] == pytest.approx(same[falling - 1 : -1])


def test_the_kl_weight_warms_up_linearly():
    config = ModelConfig(kind="vae", latent_size=2, kl_weight=2.0, kl_warmup_epochs=4)
    assert [kl_weight_at(config, epoch) for epoch in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert kl_weight_at(ModelConfig(kind="vae", latent_size=2), 0) == 1


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_every_model_learns(kind, tiny_config, weird):
    config = tiny_config(kind, epochs=12)
    dataset = load_dataset(config.data, weird)
    images, val = (
        DeviceImages.of(split.images, split.labels, CPU) for split in (dataset.train, dataset.val)
    )
    state = TrainState.new(config, CPU)
    assert list(train(config, state, images, val)) == list(range(1, 13))
    loss = state.history["val/loss"]
    assert loss[-1] < 0.8 * loss[0]
    if kind != "ae":
        total = [
            a + b for a, b in zip(state.history["val/sse"], state.history["val/kl"], strict=True)
        ]
        assert loss == pytest.approx(total, rel=1e-5)
        assert state.history["val/kl"][-1] > 0


def test_a_stopped_run_goes_on_bit_for_bit(weird, tiny_config, plan):
    config = tiny_config("cvae", epochs=4)
    found = []
    for stops in (False, True):
        sweep = SweepPaths(weird / str(stops))
        paths = plan(sweep, config)
        if stops:
            stop = StopRequest()
            stop.signal = signal.SIGUSR2
            with pytest.raises(Interrupted, match="SIGUSR2 after epoch 1"):
                execute(sweep, config.run_id, ExecutionConfig(threads=1), stop)
            assert [p.name for p in paths.checkpoints()] == ["checkpoint-000001.pt"]
        execute(sweep, config.run_id, ExecutionConfig(threads=1), StopRequest())
        with open_results(paths.results) as results:
            found.append({name: results.array(name).tobytes() for name in results.file.layout})
            assert results.provenance["attempt"] == 1 + stops
    differing = {name for name in found[0] if found[0][name] != found[1][name]}
    assert differing == {"history/epoch_seconds"}


def test_a_missing_device_is_said_at_once():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(RunFailed, match="no_device: device 'cuda' was asked for"):
        choose_device("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_to_about_the_same_loss_as_the_cpu(tiny_config, weird):
    config = tiny_config(epochs=5)
    dataset = load_dataset(config.data, weird)
    losses = []
    for device in (CPU, torch.device("cuda")):
        images, val = (
            DeviceImages.of(s.images, s.labels, device) for s in (dataset.train, dataset.val)
        )
        state = TrainState.new(config, device)
        list(train(config, state, images, val))
        losses.append(state.history["val/loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
