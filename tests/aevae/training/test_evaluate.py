"""What is stored of a trained model must be what the file format says it is."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from aevae.data.outliers import make_outliers
from aevae.data.sources import Dataset
from aevae.files.fields import evaluation_fields
from aevae.files.hdf5 import check_layout
from aevae.files.names import SAMPLERS
from aevae.models.networks import Autoencoder, build_model, one_hot
from aevae.models.samplers import mixture
from aevae.training.evaluation import evaluator, importance, outliers
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.evaluation.planes import traversal
from aevae.training.loop import DeviceImages
from aevae.training.seeds import derive_seed
from analysis.maths import metrics

CPU = torch.device("cpu")


def test_the_mixture_draws_what_the_codes_are_like():
    rng = np.random.default_rng(0)
    # Two clusters of correlated dimensions, and one that is dead.
    near = rng.standard_normal((3000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    codes = np.concatenate([near, near[:1500] * 0.5 + 20])
    codes = np.column_stack([codes, np.zeros(len(codes))]).astype(np.float32)
    z = mixture(2, codes, 20_000, np.random.default_rng(1))
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
def evaluated(request, tiny_config, small_evaluation, few_digits, weird):
    config = tiny_config(request.param)
    dataset = few_digits
    model = build_model(config, seed=1)
    with torch.no_grad():
        # The images differ visibly, the codes lie far from zero, and the second one varies more.
        model.output.weight *= 20
        model.mu.weight *= torch.tensor([[2.0], [8.0]])
        model.mu.bias += torch.tensor([3.0, -6.0])
    train_data = DeviceImages.of(dataset.train, 10, CPU)
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
    # The first two images of each digit, then the first one and that of the next digit: figures of
    # several runs show the same images.
    one, two = np.array([np.flatnonzero(labels == digit)[:2] for digit in digits]).T
    assert first.tolist() == [*one, *one]
    assert second.tolist() == [*two, *np.roll(one, -1)]
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
    variational = "train/logvar" in arrays
    fitted = "mixture_of_means" if variational else "mixture"
    prior, mixture = (arrays[f"samples/{name}/z"] for name in ("prior", fitted))
    assert np.abs(prior).max() < 4
    assert 0.6 < prior.std() < 1.5
    codes = arrays["train/mu"]
    distance = np.abs(mixture - codes.mean(axis=0)) / codes.std(axis=0)
    assert distance.max() < 4
    for name, z in (("prior", prior), (fitted, mixture)):
        # Ten samples: a conditional model is asked for each digit once.
        assert arrays.get(f"samples/{name}/label", np.arange(10)).tolist() == list(range(10))
        images = arrays[f"samples/{name}/image"]
        assert np.abs(evaluated.decoded(z, np.arange(10)) - images).max() <= ROUNDING


BATCH = 8  # a split has several batches, and the last one is smaller


class Textbook:
    """The evaluation as a tutorial would write it, from a configuration, a model and a seed."""

    def __init__(self, config, model):
        self.config = config
        self.model = model

    def generator(self, purpose):
        return torch.Generator().manual_seed(derive_seed(self.config.seed, purpose))

    def batches(self, images, labels, name):
        binarise = self.generator(f"binarise-{name}")
        for rows in torch.arange(len(images)).split(BATCH):
            x = torch.from_numpy(images[rows]).flatten(1) / 255
            if self.config.model.dynamic_binarisation:
                x = torch.bernoulli(x, generator=binarise)
            yield x, one_hot(torch.from_numpy(labels[rows]).long(), 10)

    def split(self, images, labels, name):
        """Values of each image by name; reconstructions as grey levels, not rounded."""
        noise, parts = self.generator(f"sample-{name}"), []
        for x, y in self.batches(images, labels, name):
            mu, logvar = self.model.encode(x, y)
            p = torch.sigmoid(self.model.decode(mu, y))
            values = {"mu": mu, "sse_at_mean": ((p - x) ** 2).sum(1)}
            values["reconstruction_at_mean"] = p * 255
            if logvar is not None:
                q = Normal(mu, (logvar / 2).exp())
                z = mu + q.scale * torch.empty_like(mu).normal_(generator=noise)
                p = torch.sigmoid(self.model.decode(z, y))
                kl = kl_divergence(q, Normal(0, 1)).sum(1)
                values |= {"logvar": logvar, "z": z, "kl": kl}
                values |= {"sse_at_sample": ((p - x) ** 2).sum(1)}
                values |= {"reconstruction_at_sample": p * 255}
            parts.append(values)
        return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}

    def log_weights(self, images, labels, count):
        noise, rows = self.generator("importance"), []
        for x, y in self.batches(images, labels, "test"):
            mu, logvar = self.model.encode(x, y)
            q, draws = Normal(mu, (logvar / 2).exp()), []
            for _ in range(count):
                z = mu + q.scale * torch.empty_like(mu).normal_(generator=noise)
                p = torch.sigmoid(self.model.decode(z, y))
                if self.config.model.likelihood == "bernoulli":
                    likelihood = -functional.binary_cross_entropy(p, x, reduction="none").sum(1)
                else:
                    likelihood = Normal(p, math.sqrt(0.5)).log_prob(x).sum(1)
                prior = Normal(0, 1).log_prob(z).sum(1)
                draws.append(likelihood + prior - q.log_prob(z).sum(1))
            rows.append(torch.stack(draws, dim=1))
        return torch.cat(rows).numpy()


@pytest.mark.parametrize(
    ("kind", "latent_size", "settings"),
    [
        ("ae", 3, {}),
        ("vae", 2, {"likelihood": "bernoulli", "dynamic_binarisation": True}),
        ("cvae", 2, {}),
    ],
)
def test_an_evaluation_is_what_a_textbook_gives(
    kind, latent_size, settings, tiny_config, small_evaluation, few_digits, weird, monkeypatch
):
    """An evaluation can be repeated with torch alone, from its settings and the run's seed."""
    monkeypatch.setattr(evaluator, "BATCH", BATCH)

    def make(name, split, folder):
        assert folder == weird
        return make_outliers(name, split, folder)

    monkeypatch.setattr(outliers, "make_outliers", make)
    config = tiny_config(kind, latent_size, seed=5, **settings)
    # What is fitted on training codes is fitted on those of the images of the training.
    data = config.data.model_copy(update={"train_images": 25})
    config = config.model_copy(update={"data": data})
    # The second chunk of importance samples is smaller.
    monkeypatch.setattr(importance, "CHUNK", 3)
    evaluation = small_evaluation.model_copy(
        update={"samples_per_sampler": 20, "importance_samples": 5}
    )
    dataset = few_digits
    model = build_model(config, seed=1)
    with torch.no_grad():
        model.mu.weight *= 20
        train_data = DeviceImages.of(dataset.train, 10, CPU)
        arrays = evaluate(config, evaluation, model, dataset, train_data, weird)
        book = Textbook(config, model)
        expected = {}
        for name in ("train", "val", "test"):
            split = getattr(dataset, name)
            for key, value in book.split(split.images, split.labels, name).items():
                expected[f"{name}/{key}"] = value
        for name in evaluation.outliers:
            images, labels = make_outliers(name, dataset.test, weird)
            for key, value in book.split(images, labels, name).items():
                expected[f"outliers/{name}/{key}"] = value
        if kind != "ae":
            samples = evaluation.importance_samples
            weights = book.log_weights(dataset.test.images, dataset.test.labels, samples)
            weights = weights.astype("f8")
            expected["test/elbo"] = weights.mean(axis=1)
            expected["test/iwae_bound"] = metrics.iwae_bound(weights)
            expected["test/effective_sample_size"] = metrics.effective_sample_size(weights)
    layout = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    check_layout(layout, evaluation_fields(config, evaluation))
    made_of_images = [name for name in arrays if name.startswith(("train", "val", "test", "out"))]
    for name in made_of_images:
        if "reconstruction" in name:
            images = expected[name].reshape(arrays[name].shape)
            assert np.abs(images - arrays[name]).max() <= ROUNDING
        else:
            np.testing.assert_allclose(arrays[name], expected[name], rtol=1e-4, atol=1e-4)
    shape = (20, latent_size)
    rng = np.random.default_rng(derive_seed(5, "samples-prior"))
    assert np.array_equal(arrays["samples/prior/z"], rng.standard_normal(shape, dtype=np.float32))
    fitted = "mixture" if kind == "ae" else "mixture_of_means"
    rng = np.random.default_rng(derive_seed(5, f"samples-{fitted}"))
    codes = arrays["train/mu"][:25]
    drawn = mixture(evaluation.mixture_components, codes, 20, rng)
    assert np.array_equal(arrays[f"samples/{fitted}/z"], drawn)
    varied = arrays["traversal/dim"][0]
    ends = arrays["traversal/z"][0, [0, -1], varied]
    mean, sigma = codes[:, varied].mean(), codes[:, varied].std()
    assert ends == pytest.approx([mean - 3 * sigma, mean + 3 * sigma], rel=1e-5)
    digits = np.unique(dataset.test.labels)
    for sampler in SAMPLERS if kind == "cvae" else ():
        labels = arrays[f"samples/{sampler}/label"]
        assert np.array_equal(labels, np.repeat(digits, 20 // len(digits)))


def test_dimensions_that_tell_nothing_keep_their_order(tiny_config, small_evaluation):
    config = tiny_config("ae", 40)
    run = evaluator.Evaluator(config, small_evaluation, build_model(config), CPU)
    arrays = {f"{split}/mu": np.zeros((3, 40), dtype=np.float32) for split in ("train", "test")}
    with torch.no_grad():
        found = traversal(run, arrays, arrays["train/mu"], 0)
    assert found["traversal/dim"].tolist() == list(range(40))


def test_a_dimension_that_does_not_vary_is_drawn_within_a_hundredth_of_the_others():
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.normal(0, 100, 2000), np.full(2000, 1000)]).astype(np.float32)
    z = mixture(1, codes, 20_000, rng)
    # The mean variance of both dimensions, and a ten-thousandth of it.
    assert z[:, 1].std() == pytest.approx(math.sqrt(1e-4 * 100**2 / 2), rel=0.1)
    z = mixture(1, np.zeros((50, 2), dtype=np.float32), 20_000, rng)
    assert z.std() == pytest.approx(1e-3, rel=0.1)


def test_less_codes_than_components_are_fitted_all_the_same():
    codes = np.array([[1.0, 2.0], [1.0, 2.0], [1.5, 2.0]], dtype=np.float32)
    z = mixture(10, codes, 40, np.random.default_rng(0))
    assert z.shape == (40, 2)
    assert np.abs(z - [1.2, 2.0]).max() < 0.5
