import numpy as np

from aevae.training.evaluation.samples import _mixture_samples


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
