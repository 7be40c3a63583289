"""What the tests of the importers share: small sources, and an import of them."""

import numpy as np
import pytest

from aevae.data.importing.prepare import Options
from aevae.data.importing.stage import add
from aevae.files.images import check_images, open_images


def silent(what, done, total):
    """Show no progress."""


class Staged:
    """Import a source in a test; what came of it."""

    def __init__(self, data_dir):
        self.data_dir = data_dir

    def __call__(self, *sources, name="mine", **options):
        self.outcome = add(sources, Options(name, **options), self.data_dir, silent)
        self.checked = check_images(self.outcome.path)
        return self

    def array(self, name):
        with open_images(self.outcome.path, self.checked) as file:
            return file.array(name)

    @property
    def remarks(self):
        return "\n".join(self.checked.remarks)


@pytest.fixture
def stage(weird):
    """Import into a folder of its own, which does not exist yet."""
    return Staged(weird / "data")


@pytest.fixture
def images():
    """Thirty grey images of 6 x 5 pixels, and labels 0, 1, 2."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (30, 6, 5), dtype=np.uint8), np.arange(30) % 3


@pytest.fixture
def npz(weird):
    """Write arrays into an .npz file."""

    def write(**arrays):
        np.savez_compressed(weird / "mine.npz", **arrays)
        return weird / "mine.npz"

    return write
