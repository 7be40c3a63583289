"""The rates and weights of a run must be those that its configuration names."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, MultiStepLR, OneCycleLR

from aevae.config import ModelConfig, TrainConfig
from aevae.training.loop import kl_weight_at, learning_rate_at

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


@pytest.mark.parametrize("steps", LENGTHS)
def test_the_triangular_schedule_is_torch_s_in_the_middle_of_each_step(steps):
    """Half a step of ours is one step of torch's, so its odd steps are the middles of ours."""
    shape = {"base_lr": 0, "max_lr": PEAK, "step_size_up": steps, "cycle_momentum": False}
    halves = torch_rates(2 * steps, CyclicLR, **shape)
    assert rates("triangular", steps) == pytest.approx(halves[1::2])


def test_the_steps_are_torch_s():
    config = TrainConfig(
        epochs=10, learning_rate=PEAK, schedule="steps", step_epochs=[2, 3, 9], step_factor=0.3
    )
    milestones = {"milestones": [2 * 7, 3 * 7, 9 * 7], "gamma": 0.3}  # of 7 batches an epoch
    expected = torch_rates(70, MultiStepLR, **milestones)
    assert [learning_rate_at(config, step, 70) for step in range(70)] == pytest.approx(expected)


def test_the_steps_can_be_those_of_the_iwae_paper():
    """Burda et al. (2016), section 5: 3^i epochs with the rate 0.001 * 10^(-i/7), i = 0 to 7."""
    ends = [1, 4, 13, 40, 121, 364, 1093]
    config = TrainConfig(
        epochs=3280, schedule="steps", step_epochs=ends, step_factor=0.719685673001152
    )
    found = [learning_rate_at(config, epoch, 3280) for epoch in range(3280)]
    stages = [[1e-3 * 10 ** (-i / 7)] * 3**i for i in range(8)]
    assert found == pytest.approx([rate for stage in stages for rate in stage], rel=1e-12)


def test_the_kl_weight_warms_up_linearly():
    config = ModelConfig(kind="vae", latent_size=2, kl_weight=2.0, kl_warmup_epochs=4)
    assert [kl_weight_at(config, epoch) for epoch in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert kl_weight_at(ModelConfig(kind="vae", latent_size=2), 0) == 1
