"""The GPUs of this machine that the user may use, found without importing torch."""

import os
import re
import subprocess
from contextlib import suppress
from itertools import takewhile

TIMEOUT_S = 10
GPU_LINE = re.compile(r"^GPU (\d+): ", re.MULTILINE)
DEVICE = re.compile(r"\d+|(GPU|MIG)-[-/\w]+")


def usable_gpus() -> tuple[str, ...]:
    """Return names of GPUs, each of which can be the value of CUDA_VISIBLE_DEVICES.

    Where the user has set CUDA_VISIBLE_DEVICES, these are the devices in it, as CUDA reads it: up
    to the first one that is not valid. Else they are the numbers that nvidia-smi lists. A
    nvidia-smi that fails or does not answer lists none.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = (name.strip() for name in allowed.split(","))
        return tuple(takewhile(DEVICE.fullmatch, names))
    # A line within that of a GPU names a part of it (MIG); a GPU may be named "... Laptop GPU".
    return tuple(GPU_LINE.findall(_listing()))


def _listing() -> str:
    """Return what ``nvidia-smi -L`` prints; nothing if it fails or does not answer."""
    command = ["nvidia-smi", "-L"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    assert process.stdout is not None
    with process.stdout:
        try:
            listing, _ = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            # A driver in trouble may hold it for ever, and subprocess.run would wait as long.
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            return ""
    return listing.decode(errors="replace") if process.returncode == 0 else ""
