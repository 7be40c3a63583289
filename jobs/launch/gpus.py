"""The GPUs of this machine that the user may use, found without torch."""

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

    If CUDA_VISIBLE_DEVICES is set, the GPUs are its devices up to the first one that is not valid,
    as CUDA reads them. Otherwise they are the numbers that nvidia-smi lists; there are none if
    nvidia-smi fails or does not answer.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = (name.strip() for name in allowed.split(","))
        return tuple(takewhile(DEVICE.fullmatch, names))
    # An indented line names a part of a GPU (MIG), so it is not counted.
    return tuple(GPU_LINE.findall(_listing()))


def _listing() -> str:
    """Return the output of ``nvidia-smi -L``; empty if the command fails or does not answer."""
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
            # If the driver hangs, even a killed nvidia-smi may never end, and subprocess.run would
            # wait for it for ever.
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            return ""
    return listing.decode(errors="replace") if process.returncode == 0 else ""
