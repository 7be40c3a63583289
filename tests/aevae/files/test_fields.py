"""What will not fit into a file is refused before a run is trained for hours."""

import re

import pytest

from aevae.files import hdf5
from aevae.files.fields import check_storable, evaluation_fields, training_fields
from aevae.files.hdf5 import InvalidFile
from aevae.models.networks import build_model

SIZES = {"N_train": 30, "N_val": 10, "N_test": 20, "N_fashion-mnist": 5}


@pytest.mark.parametrize(
    ("latent_size", "hidden_sizes", "largest"),
    [(2, [1000, 7], "encoder.0"), (2, [7, 900, 1100], "encoder.4"), (500, [1, 5000], "mu")],
)
def test_the_largest_layer_must_fit(
    tiny_config, small_evaluation, monkeypatch, latent_size, hidden_sizes, largest
):
    config = tiny_config("cvae", latent_size, hidden_sizes=hidden_sizes)
    outputs, inputs = build_model(config).state_dict()[f"{largest}.weight"].shape
    monkeypatch.setattr(hdf5, "MAX_DATASET_BYTES", 4 * outputs * inputs)
    check_storable(config, small_evaluation, SIZES)
    monkeypatch.setattr(hdf5, "MAX_DATASET_BYTES", 4 * outputs * inputs - 1)
    expected = re.escape(f"weights/*: shape ({inputs}, {outputs}) is larger than")
    with pytest.raises(InvalidFile, match=f"^{expected}"):
        check_storable(config, small_evaluation, SIZES)


@pytest.mark.parametrize(
    ("size", "first"),
    [("N_val", "val/mu"), ("N_fashion-mnist", "outliers/fashion-mnist/sse_at_mean")],
)
def test_the_number_of_images_decides(tiny_config, small_evaluation, size, first):
    evaluation = small_evaluation.model_copy(update={"outliers": ("noise", "fashion-mnist")})
    check_storable(tiny_config("cvae"), evaluation, SIZES)
    with pytest.raises(InvalidFile, match=rf"^{first}: shape \(1073741824,"):
        check_storable(tiny_config("cvae"), evaluation, SIZES | {size: 2**30})


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_only_a_parameter_may_have_any_shape(tiny_config, small_evaluation, kind):
    config = tiny_config(kind)
    fields = [*training_fields(config), *evaluation_fields(config, small_evaluation)]
    assert [field.path for field in fields if field.dims is None] == ["weights/*"]


def test_outliers_made_of_test_images_are_as_many_and_others_are_not(tiny_config, small_evaluation):
    evaluation = small_evaluation.model_copy(update={"outliers": ("rotated", "fashion-mnist")})
    fields = {field.path: field.dims for field in evaluation_fields(tiny_config(), evaluation)}
    for name in ("sse_at_mean", "kl"):
        assert fields[f"outliers/rotated/{name}"] == fields[f"test/{name}"]
        assert fields[f"outliers/fashion-mnist/{name}"] == ("N_fashion-mnist",)
