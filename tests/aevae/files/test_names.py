"""Files of every release are read by the names that their documentation lists."""

import pytest

from aevae.files import names
from aevae.files.names import Translation
from aevae.kinds import KINDS

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
    translation = Translation(1, KINDS["vae"])
    assert translation.to_file(name) == first
    assert translation.from_file(first) == name


@pytest.mark.parametrize(("kind", "name"), [("ae", "mixture"), ("vae", "mixture_of_means")])
def test_the_one_mixture_of_older_files_is_read_by_what_it_was_fitted_on(kind, name):
    for version in (1, 2, 3, 4):
        translation = Translation(version, KINDS[kind])
        assert translation.samplers == ("prior", name)
        assert translation.to_file(f"samples/{name}/z") == "samples/gmm/z"
        assert translation.from_file("samples/gmm/z") == f"samples/{name}/z"
        # A set of outliers may have any name.
        assert translation.to_file(f"outliers/{name}/kl").endswith(f"/{name}/kl")
    assert Translation(5, KINDS[kind]).to_file(f"samples/{name}/z") == f"samples/{name}/z"


def test_values_of_outliers_are_named_as_those_of_a_split():
    assert names.of_split("test", names.KL) == "test/kl"
    assert names.of_outliers("noise", names.SSE_AT_MEAN) == "outliers/noise/sse_at_mean"
