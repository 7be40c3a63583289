"""A GPU that torch has no code for must be named with the wheel to install, before the queue."""

import pytest
import torch

from aevae.training.device import advice, gpu_problem, supports

CU126 = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
CU130 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        (CU126, (7, 0), True),
        (CU130, (7, 0), False),  # a V100 with PyPI's default wheel
        (CU130, (7, 5), True),
        (CU126, (8, 9), True),  # code for 8.6 runs on 8.9, but not the other way round
        (["sm_89"], (8, 6), False),
        (CU130, (12, 1), True),
        (["compute_70"], (9, 0), True),
        (["sm_90a"], (9, 0), True),
        ([], (7, 0), False),
    ],
)
def test_which_devices_a_wheel_serves(architectures, capability, runs):
    assert supports(architectures, *capability) == runs


def test_the_advice_for_a_v100_names_the_wheel():
    assert "cu126" in advice(7)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_machine_without_a_gpu_is_told_so():
    assert "sees no GPU here" in gpu_problem()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_kernel_runs_on_the_gpu():
    assert gpu_problem() is None
