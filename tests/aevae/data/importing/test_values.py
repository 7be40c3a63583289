"""Values that were guessed wrong train quietly: each kind has one answer, and it is said."""

import numpy as np
import pytest

from aevae.errors import InputError

SHAPE = (20, 4, 4)
LEVELS = np.arange(320).reshape(SHAPE) % 256


def fractions(dtype="f8"):
    return np.linspace(0, 1, 320).reshape(SHAPE).astype(dtype)


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (LEVELS.astype("u1"), LEVELS, ""),
        (LEVELS / 255, LEVELS, "float64 from 0 to 1 became 0 to 255"),
        ((LEVELS / 255).astype("f4"), LEVELS, "float32 from 0 to 1 became 0 to 255"),
        ((LEVELS / 255).astype(">f4"), LEVELS, "from 0 to 1 became 0 to 255"),
        (fractions(), np.rint(fractions() * 255), "rounded to 1/255"),
        (fractions() + 5e-7, np.rint(fractions() * 255), "rounded to 1/255"),
        (LEVELS.astype("f4"), LEVELS, "whole numbers from 0 to 255 were float32"),
        (LEVELS.astype("i8"), LEVELS, "whole numbers from 0 to 255 were int64"),
        (LEVELS.astype("u2"), LEVELS, "whole numbers from 0 to 255 were uint16"),
        (LEVELS.astype(">u2") * 257, LEVELS, "uint16 was scaled from 0..65535 to 0..255"),
        ((LEVELS * 257 + 128).clip(0, 65535).astype("u2"), LEVELS, "largest value was 65535"),
        (LEVELS > 99, np.where(LEVELS > 99, 255, 0), "False and True became 0 and 255"),
    ],
)
def test_every_kind_of_value_has_one_meaning_that_is_said(stage, npz, values, expected, said):
    staged = stage(npz(x_train=values, x_test=values))
    assert np.array_equal(staged.array("train/image"), expected)
    assert np.array_equal(staged.array("test/image"), expected)
    if said:
        assert said in staged.remarks
    else:
        assert staged.remarks == ""
    assert ("rounded" in staged.remarks) == ("rounded" in said)


def with_value(value, dtype="f8"):
    values = (LEVELS / 255).astype(dtype)
    values[3, 0, 0] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (with_value(np.nan), "x_train: NaN or infinity in image 3"),
        (with_value(np.inf), "x_train: NaN or infinity in image 3"),
        (with_value(-0.5), "x_train has negative values, down to -0.5"),
        (with_value(-1, "i2"), "x_train has negative values, down to -1"),
        (with_value(1.5), "x_train has fractions above 1, up to 1.5: divide"),
        (LEVELS * 2.0, "x_train has values up to 510"),
        (LEVELS * 2, r"x_train \(int64\) has values up to 510"),
        (LEVELS.astype("u4") * 70_000, r"x_train \(uint32\) has values up to"),
        (LEVELS * 1j, "x_train holds complex128, which are not intensities"),
        (LEVELS.astype("U3"), "x_train holds <U3, which are not intensities"),
        (LEVELS.astype("M8[s]"), "x_train holds datetime64"),
    ],
)
def test_values_without_a_meaning_are_refused_by_name(stage, npz, values, message):
    with pytest.raises(InputError, match=message):
        stage(npz(x_train=values, x_test=values[:2]))
    assert not stage.data_dir.exists()


def test_two_splits_of_two_kinds_are_refused(stage, npz):
    with pytest.raises(InputError, match=r"x_train holds from 0 to 1, but .*x_test whole numbers"):
        stage(npz(x_train=LEVELS / 255, x_test=LEVELS * 1.0))
