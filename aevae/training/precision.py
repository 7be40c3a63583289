"""The number format in which the products of the networks are computed during training.

Weights, losses, KL and the optimiser's state are float32 in every format, and so is evaluation.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Format = Literal["float32", "tf32", "bfloat16", "float16"]
# TF32 products take float32 numbers, of whose mantissas they use ten bits.
DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
LEAST_GAIN = 1.2  # the conversions of mixed precision cost about a fifth of a step


@dataclass(frozen=True)
class Precision:
    """Format of the products, and what it needs of the training loop."""

    format: Format = "float32"

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers that a product takes."""
        return DTYPES[self.format]

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context in which linear layers convert their inputs to this format."""
        enabled = self.dtype != torch.float32
        return torch.autocast(device.type, self.dtype if enabled else None, enabled=enabled)

    @contextmanager
    def tf32(self) -> Iterator[None]:
        """Let float32 products forward and backward use TF32 if this is the format."""
        if self.format != "tf32":
            yield
            return
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)

    def scaler(self, device: torch.device) -> torch.amp.GradScaler:
        """Return what keeps small gradients from becoming zero in float16.

        The other formats have the range of float32, so their scaler changes nothing. Source:
        Micikevicius et al., Mixed Precision Training (2018), section 3.2.
        """
        return torch.amp.GradScaler(device.type, enabled=self.format == "float16")


FLOAT32 = Precision()


def choose_precision(wanted: str, device: torch.device) -> tuple[Precision, str]:
    """Turn the setting ``train.precision`` into a format for a device, and say why in one line.

    ``mixed`` is obeyed also where it gains nothing; ``auto`` then means float32.
    """
    if wanted == "float32":
        return FLOAT32, "float32"
    fastest, reason = fastest_precision(device)
    if fastest == FLOAT32 and wanted == "mixed":
        return Precision("bfloat16"), f"bfloat16, as asked for; {reason}"
    return fastest, f"{fastest.format}: {reason}"


def fastest_precision(device: torch.device) -> tuple[Precision, str]:
    """Return the format that a device gains most from, and the reason."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        name = f"{torch.cuda.get_device_name(device)} (sm_{major}{minor})"
        if major >= 8:
            # On an H200 as fast as bfloat16 or faster, since nothing is converted, and closer to
            # float32.
            return Precision("tf32"), f"{name} computes float32 products in TF32"
        if major == 7:
            return Precision("float16"), f"{name} computes in float16, but not in bfloat16"
        return FLOAT32, f"{name} has no tensor cores"
    gain = bfloat16_gain(device)
    said = f"a product in bfloat16 takes {1 / gain:.2f} of the time of one in float32"
    return (Precision("bfloat16") if gain >= LEAST_GAIN else FLOAT32), said


def advice(*, use_gpu: bool) -> str:
    """Say which format training gains from on this machine, and how to get it."""
    device = torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")
    fastest, reason = fastest_precision(device)
    if fastest == FLOAT32:
        return f"float32 is the fastest format here: {reason}"
    return f'train.precision = "mixed" makes training faster here, by {fastest.format}: {reason}'


def bfloat16_gain(device: torch.device) -> float:
    """Measure how many times as fast as in float32 a matrix product is in bfloat16.

    This is measured and not looked up, because it depends on the processor, on the library that
    torch computes with and on variables such as ``ONEDNN_MAX_CPU_ISA``. It takes some 0.1 s.
    """
    wide = torch.rand(512, 784, device=device)
    sides = {DTYPES[name]: wide.to(DTYPES[name]) for name in ("float32", "bfloat16")}
    least = dict.fromkeys(sides, float("inf"))
    for _ in range(5):
        for dtype, matrix in sides.items():
            least[dtype] = min(least[dtype], _seconds(matrix))
    return least[torch.float32] / least[torch.bfloat16]


def _seconds(matrix: Tensor) -> float:
    started = time.perf_counter()
    (matrix.t() @ matrix)[0, 0].item()  # waits for the device
    return time.perf_counter() - started
