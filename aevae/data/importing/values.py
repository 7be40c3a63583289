"""Conversion of values to uint8 intensities: one rule for all images, reported in a remark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aevae.data.importing.source import Array, Images, Progress, Source
from aevae.errors import InputError

VALID = "valid are whole numbers from 0 to 255, fractions from 0 to 1, and uint16 (0 to 65535)"
SLACK = 1e-6  # fractions may be below 0 or above 1 by this much, because of rounding
EXACT = 1e-3  # tolerance in units of 1/255; the error of single precision is smaller


@dataclass(frozen=True)
class Conversion:
    """A rule that converts values to intensities.

    Parameters
    ----------
    name
        Name of the rule in messages.
    apply
        Function that converts a block of values to uint8.
    remark
        Note for the user about the conversion; None if the values do not change.
    """

    name: str
    apply: Callable[[Array], Array]
    remark: str | None = None


@dataclass
class _Scan:
    """Range and kind of the values that were seen."""

    least: float = np.inf
    most: float = -np.inf
    whole: bool = True
    exact: bool = True  # every value is a multiple of 1/255

    def add(self, block: Array) -> None:
        self.least = min(self.least, float(block.min()))
        self.most = max(self.most, float(block.max()))
        if block.dtype.kind == "f":
            self.whole = self.whole and bool(np.all(block == np.rint(block)))
            # Values outside [0, 1] are no fractions, and 255 times the largest floats overflows.
            self.exact &= self.least >= -SLACK and self.most <= 1 + SLACK
            if self.exact:
                levels = block.astype(np.float64) * 255
                self.exact = bool(np.all(np.abs(levels - np.rint(levels)) < EXACT))


def conversion(images: Images, progress: Progress) -> Conversion:
    """Choose the rule for the values of an array; all are read, unless they are uint8 or bool.

    Raises
    ------
    InputError
        No rule fits: values are not numbers, NaN, negative, or too large.
    """
    dtype = images.dtype
    if dtype == np.uint8:
        return Conversion("uint8", lambda block: block)
    if dtype.kind == "b":
        return Conversion("bool", _from_bool, "False and True became 0 and 255")
    if dtype.kind not in "iuf":
        raise InputError(f"{images.title} holds {dtype}, which are not intensities; {VALID}")
    scan = _scan(images, progress)
    if scan.least < -SLACK or (dtype.kind != "f" and scan.least < 0):
        raise InputError(f"{images.title} has negative values, down to {scan.least:g}; {VALID}")
    if dtype.kind == "f":
        return _of_fractions(images, scan)
    return _of_whole_numbers(images, scan)


def _scan(images: Images, progress: Progress) -> _Scan:
    scan, done = _Scan(), 0
    for block in images.blocks(images.all_rows()):
        if block.size == 0:
            continue
        if block.dtype.kind == "f" and not np.all(np.isfinite(block)):
            row = done + int(np.argmin(np.isfinite(block).reshape(len(block), -1).all(axis=1)))
            raise InputError(f"{images.title}: NaN or infinity in image {row}; {VALID}")
        scan.add(block)
        done += len(block)
        progress("examining", done, images.shape[0])
    return scan


def _of_fractions(images: Images, scan: _Scan) -> Conversion:
    dtype = images.dtype
    if scan.most <= 1 + SLACK:
        remark = f"{dtype} from 0 to 1 became 0 to 255"
        if not scan.exact:
            remark += ", rounded to 1/255"
        return Conversion("from 0 to 1", _from_fractions, remark)
    if scan.whole and scan.most <= 255:
        return Conversion(
            "whole numbers from 0 to 255", _unchanged, f"whole numbers from 0 to 255 were {dtype}"
        )
    if scan.most <= 255:
        raise InputError(
            f"{images.title} has fractions above 1, up to {scan.most:g}: divide by the largest "
            f"possible value first; {VALID}"
        )
    raise InputError(f"{images.title} has values up to {scan.most:g}; {VALID}")


def _of_whole_numbers(images: Images, scan: _Scan) -> Conversion:
    dtype = images.dtype
    if scan.most <= 255:
        return Conversion(
            "whole numbers from 0 to 255", _unchanged, f"whole numbers from 0 to 255 were {dtype}"
        )
    if dtype.kind == "u" and dtype.itemsize == 2:
        return Conversion(
            "uint16",
            from_uint16,
            f"uint16 was scaled from 0..65535 to 0..255; the largest value was {scan.most:.0f}",
        )
    raise InputError(f"{images.title} ({dtype}) has values up to {scan.most:.0f}; {VALID}")


def same(rules: Sequence[Conversion], source: Source) -> list[str]:
    """Return the remarks on the values of all splits, which must have the same rule.

    Raises
    ------
    InputError
        Training and test images have different rules.
    """
    if len({rule.name for rule in rules}) > 1:
        titles = [part.images.title for part in source.parts().values()]
        raise InputError(
            f"{titles[0]} holds {rules[0].name}, but {titles[1]} {rules[1].name}: "
            "training and test images must have the same kind of values"
        )
    return [rule.remark for rule in rules if rule.remark is not None]


def from_uint16(block: Array) -> Array:
    """Scale 0..65535 to 0..255, rounded to the nearest."""
    return np.asarray((block.astype(np.uint32) + 128) // 257, dtype=np.uint8)


def _from_fractions(block: Array) -> Array:
    scaled: Any = np.clip(block.astype(np.float64) * 255, 0, 255)
    return np.asarray(np.rint(scaled), dtype=np.uint8)


def _from_bool(block: Array) -> Array:
    return np.asarray(block, dtype=np.uint8) * np.uint8(255)


def _unchanged(block: Array) -> Array:
    return np.asarray(block).astype(np.uint8)
