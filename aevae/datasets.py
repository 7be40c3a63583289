"""Descriptions of datasets, which are known before images are read; the built-in datasets."""

import math
from dataclasses import dataclass

DIGITS = tuple(map(str, range(10)))


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Description of a dataset: its identity, and what the sizes of the networks depend on.

    Parameters
    ----------
    name
        Name in specifications.
    title
        Name in texts and figures.
    fingerprint
        SHA-256 of the images and labels; see `aevae.data.source_images.fingerprint`. Empty if
        it is known only after the images have been read.
    image_shape
        Shape of an image: (height, width), or (height, width, 3) if it is in colour.
    class_names
        Names of the classes, in the order of the labels; empty if the images have no labels.
    noun
        Word for a class in texts: digit, letter, class.
    train_images, test_images
        Number of images for training and validation, and for testing.
    """

    name: str
    title: str
    fingerprint: str
    image_shape: tuple[int, ...] = (28, 28)
    class_names: tuple[str, ...] = DIGITS
    noun: str = "digit"
    train_images: int
    test_images: int

    @property
    def values(self) -> int:
        """Number of values of an image: its pixels, times 3 in colour."""
        return math.prod(self.image_shape)


BUILT_IN = {
    images.name: images
    for images in (
        ImageSet(
            name="mnist",
            title="MNIST",
            fingerprint="52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141",
            train_images=60_000,
            test_images=10_000,
        ),
        ImageSet(
            name="fashion-mnist",
            title="Fashion-MNIST",
            fingerprint="51bad0352284eacba9865b8317af0b9281dae4f52f7f667217f2ee65f7069790",
            class_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            noun="class",
            train_images=60_000,
            test_images=10_000,
        ),
        ImageSet(
            name="digits",
            title="scikit-learn's digits",
            fingerprint="0fccb48ddb3c71c510046a739abe8280aa26254a8635502f4caa4fdac410450e",
            train_images=1437,
            test_images=360,
        ),
        ImageSet(
            name="sample-patches",
            title="patches of scikit-learn's pictures",
            # Empty, because versions of the JPEG library differ in the last bit of some pixels.
            fingerprint="",
            image_shape=(32, 32, 3),
            class_names=("temple", "flower"),
            noun="picture",
            train_images=5700,
            test_images=1700,
        ),
    )
}
