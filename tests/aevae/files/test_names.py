"""Files of every release are read by the names that their documentation lists."""

import pytest

from aevae.files import names

RENAMED = {
    "test/sse_at_mean": "test/sse_mean",
    "val/sse_at_sample": "val/sse_sample",
    "test/reconstruction_at_mean": "test/recon_mean",
    "test/reconstruction_at_sample": "test/recon_sample",
    "test/log_importance_weights": "test/log_weights",
    "outliers": "ood",
    "outliers/noise/sse_at_mean": "ood/noise/sse_mean",
    "outliers/noise/kl": "ood/noise/kl",
    "history/val/sse": "history/val/sse",
    "weights/mu.bias": "weights/mu.bias",
}


@pytest.mark.parametrize(("name", "first"), RENAMED.items())
def test_a_dataset_is_found_by_the_name_that_the_first_release_gave_it(name, first):
    assert names.name_in_schema_1(name) == first
    assert names.name_from_schema_1(first) == name


def test_values_of_outliers_are_named_as_those_of_a_split():
    assert names.of_split("test", names.KL) == "test/kl"
    assert names.of_outliers("noise", names.SSE_AT_MEAN) == "outliers/noise/sse_at_mean"
