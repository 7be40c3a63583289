import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import norm

from analysis.maths import aggregate
from analysis.maths.aggregate import measure_densities

N, VARIANCE = 4000, 0.2


def densities(covariance, mean=0.0, labels=None):
    """Those of posteriors of variance 0.2 whose aggregate is N(mean, covariance)."""
    rng = np.random.default_rng(0)
    d = len(covariance)
    within = VARIANCE * np.eye(d)
    mu = rng.multivariate_normal(np.full(d, mean), covariance - within, N).astype("f4")
    z = mu + np.sqrt(VARIANCE) * rng.standard_normal((N, d), dtype="f4")
    rows = np.arange(0, N, 2)
    return measure_densities(z[rows], rows, mu, np.full((N, d), np.log(VARIANCE), "f4"), labels)


def is_around(bracket, truth, width):
    """Whether a bracket holds a value, within three standard errors, and is no wider than said."""
    low, high = bracket.ends
    slack = 3 * bracket.error + 1e-6
    return low - slack < truth < high + slack and high - low < width


def test_gaussians_have_the_known_information_correlation_and_divergence():
    correlation, mean = 0.7, 0.5
    covariance = np.array([[1, correlation], [correlation, 1]])
    found = densities(covariance, mean)
    determinant = 1 - correlation**2
    information = 0.5 * np.log(determinant / VARIANCE**2)
    total_correlation = -0.5 * np.log(determinant)
    assert is_around(found.mutual_information, information, width=0.01)
    assert is_around(found.total_correlation, total_correlation, width=0.01)
    assert is_around(found.dimension_wise_kl, 2 * 0.5 * mean**2, width=0.01)
    assert is_around(found.divergence, total_correlation + 2 * 0.5 * mean**2, width=0.01)
    # The finer the posteriors, the less is known of q(z): still on both sides of the truth.
    assert found.divergence.low.mean() < found.divergence.high.mean()


def test_standard_normal_latents_without_classes_have_no_divergence():
    found = densities(np.eye(3))
    for nothing in (found.divergence, found.total_correlation, found.dimension_wise_kl):
        assert is_around(nothing, 0, width=0.02)
    assert found.class_information is None


def test_narrow_posteriors_are_counted_in_up_to_log_n_and_left_out_without_limit():
    mu = np.random.default_rng(0).normal(size=(50, 3)).astype("f4")
    found = measure_densities(mu, np.arange(50), mu, np.full_like(mu, -20))
    low, high = found.mutual_information.ends
    assert low == pytest.approx(np.log(50))
    assert 1e3 < high < np.inf


@pytest.mark.parametrize(("apart", "truth", "read"), [(0, 0, 0.5), (20, np.log(2), 1)])
def test_the_class_is_read_as_far_as_the_posteriors_tell_it(apart, truth, read):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(1000) % 2)
    mu = (apart * labels[:, None] + rng.normal(size=(1000, 2))).astype("f4")
    rows = np.arange(0, 1000, 2)
    z = mu + rng.standard_normal((1000, 2), dtype="f4")
    found = measure_densities(z[rows], rows, mu, np.zeros_like(mu), labels)
    assert is_around(found.class_information, truth, width=0.1)
    assert found.hits.mean() == pytest.approx(read, abs=0.07)


def test_a_class_of_one_image_is_no_reason_for_an_infinite_bound():
    labels = np.array([0, 1, 1, 1])
    mu = np.arange(4, dtype="f4")[:, None]
    found = measure_densities(mu, np.arange(4), mu, np.zeros_like(mu), labels)
    assert np.isfinite(found.class_information.ends).all()


# Three images of two classes, two latents; the second posterior is the narrow one.
Z = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.5]], dtype="f4")
MU = np.array([[0.0, -1.5], [1.8, 0.2], [-1.0, 1.0]], dtype="f4")
LOGVAR = np.log(np.array([[1.0, 0.5], [0.04, 0.01], [0.3, 2.0]], dtype="f4"))
LABELS = np.array([0, 0, 1])


@pytest.mark.parametrize("values", [500_000, 6])  # of a chunk: all draws, or two
def test_densities_are_exact_whatever_the_chunks(values, monkeypatch):
    monkeypatch.setattr(aggregate, "VALUES", values)
    rows = np.array([0, 2, 1])
    found = measure_densities(Z[rows], rows, MU, LOGVAR, LABELS)
    # Densities of SciPy, indexed by draw, posterior and latent.
    each = norm.pdf(Z[rows][:, None].astype("f8"), MU, np.exp(LOGVAR.astype("f8") / 2))
    whole, others = each.prod(axis=2), ~np.eye(3, dtype=bool)[rows]
    same = LABELS[rows][:, None] == LABELS
    expected = {
        "own": np.log(whole[~others]),
        "prior": norm.logpdf(Z[rows]).sum(axis=1),
        "joint": (np.log((whole * others).sum(axis=1) / 2), np.log(whole.mean(axis=1))),
        "marginals": (
            np.log((each * others[..., None]).sum(axis=1) / 2).sum(axis=1),
            np.log(each.mean(axis=1)).sum(axis=1),
        ),
    }
    for name in ("own", "prior"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-5)
    for name in ("joint", "marginals"):
        bracket = getattr(found, name)
        assert bracket.low == pytest.approx(expected[name][0], rel=1e-5)
        assert bracket.high == pytest.approx(expected[name][1], rel=1e-5)
    known = np.log((whole * same).sum(axis=1) / whole.sum(axis=1))
    assert found.label.high == pytest.approx(known, rel=1e-5)
    guess = (whole * same * others).sum(axis=1) / (whole * others).sum(axis=1)
    assert found.label.low == pytest.approx(np.log(0.999 * guess + 0.0005), rel=1e-5)
    assert found.label_entropy == pytest.approx(np.log(3) - 2 / 3 * np.log(2))


def test_a_latent_alone_has_between_the_points_of_a_spline_the_density_of_all_posteriors(
    monkeypatch,
):
    rng = np.random.default_rng(0)
    mu = rng.normal(size=(3000, 2)).astype("f4")
    deviation = rng.uniform(0.05, 1, mu.shape).astype("f4")
    mu[0], deviation[0] = 9, 0.05  # far from all others, where the density is not smooth
    z = mu + deviation * rng.standard_normal(mu.shape, dtype="f4")
    rows = np.arange(0, 3000, 2)
    given = z[rows], rows, mu, 2 * np.log(deviation)
    splines = []
    monkeypatch.setattr(
        aggregate, "CubicSpline", lambda *known: splines.append(known) or CubicSpline(*known)
    )
    found = measure_densities(*given).marginals
    assert len(splines) == 2
    monkeypatch.setattr(aggregate, "LEAST_POINTS", np.inf)
    exact = measure_densities(*given).marginals
    assert found.low == pytest.approx(exact.low, abs=2e-4)
    assert found.high == pytest.approx(exact.high, abs=2e-4)
