"""Names of the dimensions of stored arrays."""

from aevae.files import names

IMAGE = ("row", "column", "channel")
LATENT = ("latent",)
_LEADING = {
    "samples": ("sample",),
    "traversal": ("dimension", "step"),
    "interpolation": ("line", "step"),
    "history": ("epoch",),
    names.WEIGHTS: ("output", "input"),
}
_PLANES = ("class", "z2", "z1")  # only a conditional model has a plane for each class
_OF_AN_IMAGE = ("image", "draw")  # up to schema 3, each image has several importance samples


def dimensions(name: str, count: int, image_dimensions: int) -> tuple[str, ...]:
    """Return the names of the dimensions of an array.

    Parameters
    ----------
    name
        Name of the array, such as ``test/mu``.
    count
        How many dimensions it has.
    image_dimensions
        How many an image has: 2, or 3 in colour.
    """
    group, last = name.split("/")[0], name.split("/")[-1]
    if name == names.interpolation(names.PAIR):
        return ("line", "end")
    inner: tuple[str, ...] = ()
    if last == names.IMAGE or last.startswith("reconstruction"):
        inner = IMAGE[:image_dimensions]
    elif last in (names.MU, names.LOGVAR, names.Z) and group != names.WEIGHTS:
        inner = LATENT
    outer = count - len(inner)
    if group == "grid":
        return (*_PLANES[-outer:], *inner)
    return (*_LEADING.get(group, _OF_AN_IMAGE)[:outer], *inner)
