"""What an error of one pixel costs: squared error against binary cross-entropy.

r is a reconstructed value and t the true one, both in [0, 1]. The cross-entropy of Bernoulli
distributions is -t log r - (1 - t) log(1 - r): Bishop, Pattern Recognition and Machine Learning
(2006), eq. 4.90. It is least at r = t, where it is the entropy of t and not 0, so costs are
compared above that least value: the excess is KL(Bernoulli(t) || Bernoulli(r)).
"""

import numpy as np
from scipy.special import rel_entr, xlogy

from analysis.maths.metrics import Floats

Values = Floats | float


def squared_error(r: Values, t: Values) -> Floats:
    """Return (r - t)^2."""
    return np.asarray(np.square(np.subtract(r, t)))


def cross_entropy(r: Values, t: Values) -> Floats:
    """Return the binary cross-entropy, in nats."""
    return np.asarray(-xlogy(t, r) - xlogy(np.subtract(1, t), np.subtract(1, r)))


def cross_entropy_excess(r: Values, t: Values) -> Floats:
    """Return the cross-entropy above its least value, which it has at r = t, in nats."""
    return np.asarray(rel_entr(t, r) + rel_entr(np.subtract(1, t), np.subtract(1, r)))


def squared_error_slope(r: Values, t: Values) -> Floats:
    """Return the derivative of the squared error with respect to r: 2 (r - t)."""
    return np.asarray(2 * np.subtract(r, t))


def cross_entropy_slope(r: Values, t: Values) -> Floats:
    """Return the derivative of the cross-entropy with respect to r: (r - t) / (r (1 - r)).

    With respect to the input of the sigmoid that gives r, it is r - t: symmetrical again.
    """
    return np.asarray(np.subtract(r, t) / (r * np.subtract(1, r)))
