"""Whether the installed torch can run on this machine's GPU, and how a CPU computes."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Make the CPU take numbers below 1.2e-38 as 0.

    Many processors compute with such numbers at a fraction of their speed. The gradients of pixels
    that are always black are as small: with them, a step of an AE took 2.8 times as long. Threads
    inherit this mode when they are started, so torch must not have computed before.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def gpu_problem() -> str | None:
    """Return what is wrong with the GPU or torch, and what to install; None if a kernel ran.

    torch reports a GPU as available even if torch has no code for this GPU. So this function checks
    the list of architectures and runs a small kernel.
    """
    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA at all"
        return f"torch {torch.__version__} (built for {built}) sees no GPU here"
    with warnings.catch_warnings():
        # torch would warn of the problems that this function returns.
        warnings.simplefilter("ignore")
        major, minor = torch.cuda.get_device_capability()
        name = torch.cuda.get_device_name()
        known = torch.cuda.get_arch_list()
        if not supports(known, major, minor):
            return (
                f"torch {torch.__version__} has no kernels for {name} (sm_{major}{minor}), only "
                f"{', '.join(known)}; {advice(major)}"
            )
        try:
            torch.ones(8, 8, device="cuda").matmul(torch.ones(8, 8, device="cuda")).sum().item()
        except RuntimeError as error:
            return f"a kernel failed on {name}: {str(error).splitlines()[0]}"
    return None


def supports(architectures: list[str], major: int, minor: int) -> bool:
    """Return whether code for one of `architectures` runs on compute capability `major`.`minor`.

    Machine code (``sm_70``) runs on devices with the same major version and the same or a higher
    minor version. Intermediate code (``compute_70``) runs on this version and all newer ones.
    """
    for architecture in architectures:
        kind, _, number = architecture.partition("_")
        digits = "".join(character for character in number if character.isdigit())
        if not digits:
            continue
        theirs = (int(digits[:-1]), int(digits[-1]))
        same = theirs[0] == major and theirs[1] <= minor
        if (kind == "sm" and same) or (kind == "compute" and theirs <= (major, minor)):
            return True
    return False


def advice(major: int) -> str:
    """Return which torch to install for a device with this major compute capability."""
    if major <= 7:
        index = "https://download.pytorch.org/whl/cu126"
        return f"install a wheel that still has them: pip install torch --index-url {index}"
    return "install a newer torch, see https://pytorch.org/get-started"
