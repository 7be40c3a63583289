"""A GPU that torch has no code for must be named with the wheel to install, before the queue."""

import warnings

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
        (["compute_70"], (7, 0), True),
        (["compute_75"], (7, 0), False),
        (["sm_", "native", "sm_70"], (7, 0), True),  # names of no number are passed over
        (["sm_70_x"], (7, 0), True),
        (["xx_70"], (7, 0), False),
        ([], (7, 0), False),
    ],
)
def test_which_devices_a_wheel_serves(architectures, capability, runs):
    assert supports(architectures, *capability) == runs


def test_the_advice_for_a_v100_names_the_wheel():
    wheel = "pip install torch --index-url https://download.pytorch.org/whl/cu126"
    assert advice(7) == f"install a wheel that still has them: {wheel}"
    assert advice(8) == "install a newer torch, see https://pytorch.org/get-started"


@pytest.fixture
def gpu(monkeypatch):
    """Let torch see a GPU; the function sets what torch and a kernel on it say."""

    def see(capability, architectures, kernel=lambda: None):
        def ask():
            warnings.warn("this torch does not fit", stacklevel=1)
            return capability

        ones = torch.ones

        def on_the_gpu(*shape, device):
            assert device == "cuda"
            kernel()
            return ones(*shape)

        monkeypatch.setattr(torch, "ones", on_the_gpu)
        monkeypatch.setattr(torch, "__version__", "2.9")
        for name, value in {
            "is_available": lambda: True,
            "get_device_capability": ask,
            "get_device_name": lambda: "Tesla",
            "get_arch_list": lambda: architectures,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    return see


def test_a_gpu_that_torch_has_no_kernels_for_is_named_with_the_remedy(gpu):
    gpu((7, 0), ["sm_75", "sm_80"])
    start = "torch 2.9 has no kernels for Tesla (sm_70), only sm_75, sm_80; "
    assert gpu_problem() == start + advice(7)


def test_a_kernel_is_run_to_be_sure(gpu):
    gpu((8, 9), ["sm_86"])
    assert gpu_problem() is None

    def fail():
        raise RuntimeError("CUDA error: no kernel image\nCompile with ...")

    gpu((8, 9), ["sm_86"], fail)
    assert gpu_problem() == "a kernel failed on Tesla: CUDA error: no kernel image"


@pytest.mark.parametrize(("cuda", "built"), [(None, "no CUDA at all"), ("13.0", "13.0")])
def test_a_torch_that_sees_no_gpu_says_what_it_was_built_for(monkeypatch, cuda, built):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch, "__version__", "2.9")
    assert gpu_problem() == f"torch 2.9 (built for {built}) sees no GPU here"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_kernel_runs_on_the_gpu():
    assert gpu_problem() is None
