"""The sections of the page, in the order of the article.

Figures and tables that no section names come last, in a section of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.figures.anomaly import outliers
from analysis.sweep.load import StoredDataset

EXPLORER = "explorer"


@dataclass(frozen=True)
class Section:
    """A part of the page: what is asked or said, and the figures and tables that show it.

    Titles and texts have places for the words of `StoredDataset.worded`, and for ``{outliers}``.
    `of_digits` is said first where the classes are digits.
    """

    name: str
    title: str
    text: str
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    of_digits: str = ""

    def worded(self, data: StoredDataset) -> "Section":
        """Return the section in the words for a dataset."""
        text = self.text.replace("{outliers}", outliers(data))
        if data.noun == "digit":
            text = self.of_digits + text
        return replace(self, title=data.worded(self.title), text=data.worded(text))


SECTIONS = (
    Section(
        "data",
        "The {subjects}",
        "Images of one {noun} resemble each other: laid out so that neighbours stay neighbours, "
        "they fall into groups. What tells them apart may therefore need far fewer numbers than "
        "there are pixels. The space of these numbers is the latent space.",
        figures=("digits", "digits_embedding"),
    ),
    Section(
        "autoencoder",
        "An autoencoder compresses",
        "An encoder reduces an image to a few numbers, its code; a decoder makes an image of them "
        "again. Both learn from the difference between the two. The fewer the numbers, the more "
        "is lost, and the fuzzier the image.",
        figures=("architectures", "latent_sizes"),
    ),
    Section(
        "unregularised",
        "Nobody told it where to put its codes",
        "To draw a new {subject}, one decodes a code that no image gave. But which? The "
        "autoencoder may put its codes anywhere, and leave gaps in which the decoder never learned "
        "anything. Noise that knows nothing of the codes may hit the gaps. What is a weakness "
        "here should help to find {outliers}: they come back distorted.",
        figures=("noise", "code_map", "anomaly"),
        tables=("auroc",),
    ),
    Section(
        "training",
        "Three models, trained alike",
        "The variational autoencoder (VAE) encodes an image as a normal distribution instead of a "
        "point, and pays for every distribution that is unlike the standard normal one: that is "
        "the KL. The conditional VAE (CVAE) is also told the {noun}, in encoder and decoder.",
        figures=("loss_curves",),
        tables=("summary",),
    ),
    Section(
        "errors",
        "Which {plural} are hard, and how many latents are enough",
        "More latents should help the "
        "autoencoder throughout, and the VAE only as long as a latent is worth its KL.",
        figures=("by_digit", "selection"),
        tables=("per_digit_error", "latent_size_choice", "published"),
        of_digits="Straight strokes should be easier to keep than loops. ",
    ),
    Section(
        "reconstruction",
        "From image to image",
        "The first way to make {subjects} uses both parts: encode a test image, and decode its "
        "code. What is fuzzy here is the price of the bottleneck, and of the noise it was trained "
        "with.",
        figures=("reconstructions",),
    ),
    Section(
        "generation",
        "From noise to image",
        "The second way uses the decoder alone: draw noise from a standard normal distribution, "
        "and decode it. A Gaussian mixture, fitted to the codes of the training images, tells a "
        "decoder that cannot draw from one that was given the wrong noise.",
        figures=("generated", "generators", "closest_pairs"),
        tables=("sample_quality", "control", "memorisation"),
    ),
    Section(
        "latents",
        "What the latent spaces look like",
        "If the KL did its work, the codes of all images together look like the noise that will "
        "be decoded. A CVAE need not encode the {noun}, which it is told; so its codes should say "
        "less about it.",
        figures=("latent_pca", "tsne", "latent_diagnostics", "probe_curves"),
        tables=("latent_space", "probes"),
    ),
    Section(
        EXPLORER,
        "What a latent means",
        "With two latents, the whole space can be seen. Move the point: the trained decoder runs "
        "in this page and draws what the model makes of that place. Where does one {noun} turn "
        "into another? Does a CVAE keep the {noun} that it is told, and change its style? What "
        "does the autoencoder draw in the gaps between its codes?",
        figures=("latent_grid", "traversals", "interpolations"),
        tables=("smoothness",),
    ),
)


def complete(figures: Sequence[str], tables: Sequence[str], data: StoredDataset) -> list[Section]:
    """Return the sections, with a last one for figures and tables that none of them shows."""
    sections = [section.worded(data) for section in SECTIONS]
    left_figures = tuple(f for f in figures if all(f not in s.figures for s in SECTIONS))
    left_tables = tuple(t for t in tables if all(t not in s.tables for s in SECTIONS))
    if not left_figures + left_tables:
        return sections
    further = Section("further", "Further results", "", left_figures, left_tables)
    return [*sections, further]
