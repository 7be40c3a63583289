import h5py
import numpy as np
import pytest
from sklearn.decomposition import PCA

from analysis.measures.pca import pca_errors
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("d", [2, 20])
def test_errors_are_those_of_images_rebuilt_by_another_solver(study, complete_dir, split, d):
    with h5py.File(complete_dir / "dataset.h5") as file:
        train, images = (file[f"{s}/image"][()].reshape(-1, 784) / 255 for s in ("train", split))
    pca = PCA(d, svd_solver="full").fit(train)
    rebuilt = pca.inverse_transform(pca.transform(images))
    expected = ((images - rebuilt) ** 2).sum(axis=1)
    assert pca_errors(study)[split, d] == pytest.approx(expected, rel=1e-4)


def test_more_components_than_training_images_add_nothing(build_sweep, make_config, tmp_path):
    configs = [make_config("ae", d) for d in (60, 100)]
    errors = pca_errors(Study(open_sweep(build_sweep(tmp_path / "s", configs))))
    assert np.array_equal(errors["test", 60], errors["test", 100])
