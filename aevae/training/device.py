"""Can this machine's GPU run the installed torch? To be asked before a job queues for it."""

import warnings

import torch


def gpu_problem() -> str | None:
    """Say what is wrong with the GPU or torch, and what to install; None if a kernel ran.

    torch reports a GPU as available even if it carries no code for it: only the list of
    architectures, and running something, tell.
    """
    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA at all"
        return f"torch {torch.__version__} (built for {built}) sees no GPU here"
    with warnings.catch_warnings():
        # torch warns of what is said below.
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
    """Whether code for one of `architectures` runs on a device of that compute capability.

    Machine code (``sm_70``) runs on its own major version, from its minor version on;
    intermediate code (``compute_70``) on everything newer.
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
    """What to install for a device of that generation."""
    if major <= 7:
        index = "https://download.pytorch.org/whl/cu126"
        return f"install a wheel that still has it: pip install torch --index-url {index}"
    return "install a newer torch, see https://pytorch.org/get-started"
