"""The style of a drawn image, in numbers, and how far it is shared.

An image is taken for a distribution of ink: intensities in [0, 1], more is ink.
"""

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude

from analysis.maths.metrics import Floats

FEATURES = ("slant", "thickness", "width", "height")
SMOOTHING = 1.0  # pixels


def style_of(images: Floats) -> Floats:
    """Measure slant, stroke thickness, width and height.

    With second central moments m_xx, m_xy, m_yy of the ink, and y downwards: slant is
    -m_xy / m_yy, the shear that would set the strokes upright (positive to the right); width and
    height are the standard deviations of the ink. Thickness is twice the ink over the sum of the
    slopes of the smoothed image: of a long stroke, whose edges rise from 0 to 1 on both sides, that
    is its width; its ends make it a little less.

    Parameters
    ----------
    images
        Shape (..., H, W).

    Returns
    -------
    ndarray
        Shape (..., 4), in the order of `FEATURES`; NaN for an image without ink.
    """
    height, width = images.shape[-2:]
    y, x = np.mgrid[:height, :width]
    with np.errstate(invalid="ignore", divide="ignore"):
        ink = images.sum(axis=(-2, -1))
        weights = images / ink[..., None, None]
        dx = x - (weights * x).sum(axis=(-2, -1))[..., None, None]
        dy = y - (weights * y).sum(axis=(-2, -1))[..., None, None]
        xx, xy, yy = ((weights * m).sum(axis=(-2, -1)) for m in (dx * dx, dx * dy, dy * dy))
        edges = gaussian_gradient_magnitude(images, SMOOTHING, axes=(-2, -1)).sum(axis=(-2, -1))
        return np.stack([-xy / yy, 2 * ink / edges, np.sqrt(xx), np.sqrt(yy)], axis=-1)


def shared_part(values: Floats) -> float:
    """Intraclass correlation of rows that are measured at the same places.

    ICC(3,1) of Shrout and Fleiss (1979): rows are the labels (raters), columns the z (targets).
    Differences between the means of labels do not count. 1: all labels change alike with z; 0:
    independently of each other.

    Parameters
    ----------
    values
        Shape (C, Z): one feature for C labels at Z places. Places where one is NaN are left out.

    Returns
    -------
    float
        NaN with fewer than two labels or places.
    """
    known = values[:, np.isfinite(values).all(axis=0)]
    labels, places = known.shape
    if labels < 2 or places < 2:
        return float("nan")
    centred = known - known.mean(axis=1, keepdims=True)
    common = centred.mean(axis=0)
    between = labels * np.square(common).sum() / (places - 1)
    within = np.square(centred - common).sum() / ((places - 1) * (labels - 1))
    total = between + (labels - 1) * within
    return float((between - within) / total) if total > 0 else float("nan")
