"""What is stored of a trained model must be what the file format says it is."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import norm

from aevae.data.sources import Dataset, load_dataset
from aevae.models.networks import Autoencoder, build_model, one_hot
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.evaluation.samples import _mixture_samples
from aevae.training.loop import DeviceImages


def test_the_mixture_draws_what_the_codes_are_like():
    rng = np.random.default_rng(0)
    # Two clusters of correlated dimensions, and one that is dead.
    near = rng.standard_normal((3000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    codes = np.concatenate([near, near[:1500] * 0.5 + 20])
    codes = np.column_stack([codes, np.zeros(len(codes))]).astype(np.float32)
    z = _mixture_samples(2, codes, 20_000, np.random.default_rng(1))
    assert z.dtype == np.float32
    far = z[:, 0] > 10
    assert abs(far.mean() - 1 / 3) < 0.02
    for drawn, real in ((z[~far], codes[:3000]), (z[far], codes[3000:])):
        np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), atol=0.05)
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(real.T), atol=0.05)
    # The components are mixed up: labels given in order must not follow them.
    assert abs(far[:10_000].mean() - far[10_000:].mean()) < 0.03


@dataclass(frozen=True)
class Evaluated:
    """A small model with random weights, and all that was computed from it on real digits."""

    model: Autoencoder
    dataset: Dataset
    arrays: dict[str, np.ndarray]

    def decoded(self, z, digits):
        """Decode codes (..., 2) with digits (...) by the model itself, to grey levels 0 to 255."""
        labels = np.broadcast_to(digits, z.shape[:-1]).reshape(-1).astype(np.int64)
        y = one_hot(torch.as_tensor(labels), 10)
        with torch.no_grad():
            logits = self.model.decode(torch.as_tensor(z).reshape(-1, 2), y)
        return (torch.sigmoid(logits).numpy() * 255).reshape(*z.shape[:-1], 28, 28)


@pytest.fixture(params=["ae", "vae", "cvae"])
def evaluated(request, tiny_config, small_evaluation, weird):
    config = tiny_config(request.param)
    dataset = load_dataset(config.data, weird)
    model = build_model(config, seed=1)
    with torch.no_grad():
        # The images differ visibly, the codes lie far from zero, and the second one varies more.
        model.output.weight *= 20
        model.mu.weight *= torch.tensor([[2.0], [8.0]])
        model.mu.bias += torch.tensor([3.0, -6.0])
    train_data = DeviceImages.of(dataset.train, 10, torch.device("cpu"))
    arrays = evaluate(config, small_evaluation, model, dataset, train_data, weird)
    return Evaluated(model, dataset, arrays)


# Half a grey level is the rounding of what is stored; the rest is the order of summation.
ROUNDING = 0.5 + 1e-2


def test_a_line_runs_from_the_first_image_of_its_pair_to_the_second(evaluated):
    arrays, labels = evaluated.arrays, evaluated.dataset.test.labels
    first, second = arrays["interpolation/pair"].T
    z, images = arrays["interpolation/z"], arrays["interpolation/image"].astype(int)
    codes, whole = arrays["test/mu"], arrays["test/reconstruction_at_mean"].astype(int)
    np.testing.assert_allclose(z[:, 0], codes[first], rtol=1e-6)
    np.testing.assert_allclose(z[:, -1], codes[second], rtol=1e-6)
    np.testing.assert_allclose(z[:, 1], (codes[first] + codes[second]) / 2, rtol=1e-6)
    # The ends show the reconstructions, hence a conditional model is told the label of each.
    assert np.abs(images[:, 0] - whole[first]).max() <= 1
    assert np.abs(images[:, -1] - whole[second]).max() <= 1
    digits = np.arange(10)
    assert labels[first].tolist() == [*digits, *digits]
    assert labels[second].tolist() == [*digits, *np.roll(digits, -1)]
    assert (first != second).all()
    # Else a line that runs backwards would pass.
    assert np.abs(images[:, 0] - images[:, -1]).max(axis=(1, 2)).min() > 4


@pytest.mark.parametrize("name", ["quantile", "range"])
def test_a_grid_has_z1_along_its_columns_and_z2_along_its_rows(evaluated, name):
    z, images = (evaluated.arrays[f"grid/{name}/{part}"] for part in ("z", "image"))
    codes = evaluated.arrays["test/mu"]
    low, high = np.full(2, norm.ppf(0.025)), np.full(2, norm.ppf(0.975))
    if name == "range":
        low, high = codes.min(axis=0), codes.max(axis=0)
    planes = z.reshape(-1, *z.shape[-3:])
    for plane in planes:
        middle = (low + high) / 2
        for line in plane:  # a row: z1 rises, z2 stands still
            assert line[[0, -1], 0] == pytest.approx([low[0], high[0]])
            assert np.ptp(line[:, 1]) == 0
        for line in plane.swapaxes(0, 1):
            assert line[:, 1] == pytest.approx([low[1], middle[1], high[1]], abs=1e-5)
            assert np.ptp(line[:, 0]) == 0
    digits = np.arange(10).reshape(10, 1, 1) if len(planes) == 10 else 0
    assert np.abs(evaluated.decoded(z, digits) - images).max() <= ROUNDING


def test_a_traversal_goes_from_minus_to_plus_three_sigma_most_informative_first(evaluated):
    arrays = evaluated.arrays
    z, images, codes = (arrays[name] for name in ("traversal/z", "traversal/image", "train/mu"))
    # By construction the second dimension varies more with the image than the first.
    assert arrays["traversal/dim"].tolist() == [1, 0]
    for row, varied in enumerate([1, 0]):
        mean, sigma = codes[:, varied].mean(), codes[:, varied].std()
        expected = [mean - 3 * sigma, mean, mean + 3 * sigma]
        assert z[row, :, varied] == pytest.approx(expected, rel=1e-5)
        assert z[row, :, 1 - varied] == pytest.approx(arrays["test/mu"][0, 1 - varied])
    label = evaluated.dataset.test.labels[0]
    assert np.abs(evaluated.decoded(z, label) - images).max() <= ROUNDING


def test_prior_samples_ignore_the_codes_and_the_mixture_follows_them(evaluated):
    arrays = evaluated.arrays
    prior, mixture = arrays["samples/prior/z"], arrays["samples/gmm/z"]
    assert np.abs(prior).max() < 4
    assert 0.6 < prior.std() < 1.5
    codes = arrays["train/mu"]
    distance = np.abs(mixture - codes.mean(axis=0)) / codes.std(axis=0)
    assert distance.max() < 4
    for name, z in (("prior", prior), ("gmm", mixture)):
        # Ten samples: a conditional model is asked for each digit once.
        assert arrays.get(f"samples/{name}/label", np.arange(10)).tolist() == list(range(10))
        images = arrays[f"samples/{name}/image"]
        assert np.abs(evaluated.decoded(z, np.arange(10)) - images).max() <= ROUNDING
