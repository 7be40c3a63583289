"""The sections of the page, in the order of the article, with what holds for a sweep.

Figures and tables that no section names come last, in a section of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.figures.anomaly import outliers
from analysis.sweep.load import SweepResults
from analysis.sweep.reference import described, values_of_axes
from analysis.write import prose

EXPLORER = "explorer"
COUNTS = ("No models", "One model", "Two models", "Three models", "Four models", "Five models")


@dataclass(frozen=True)
class Said:
    """Words that are said only where they hold: `where` is one of the words of `traits`."""

    where: str
    words: str


@dataclass(frozen=True)
class Section:
    """A part of the page: what is asked or said, and the figures and tables that show it.

    Titles and texts have places for the words of `StoredDataset.worded`, for ``{outliers}``, for
    ``{training}``, which says how many models there are and whether they were trained alike, and
    for ``{axes}`` and ``{reference}``, which name what varies in a sweep and its reference cell.
    A section that has a `where` is shown only where this word of `traits` holds.
    """

    name: str
    title: str | tuple[str | Said, ...]
    text: str | tuple[str | Said, ...]
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    where: str = ""

    def worded(self, sweep: SweepResults) -> "Section":
        """Return the section in the words for a sweep."""
        return replace(self, title=_worded(self.title, sweep), text=_worded(self.text, sweep))


def _worded(parts: str | tuple[str | Said, ...], sweep: SweepResults) -> str:
    """Join what holds for a sweep."""
    true, joined = traits(sweep), ""
    for part in (parts,) if isinstance(parts, str) else parts:
        if isinstance(part, str):
            joined += part
        elif part.where in true:
            joined += part.words
    joined = joined.replace("{outliers}", outliers(sweep.data))
    joined = joined.replace("{axes}", values_of_axes(sweep))
    joined = joined.replace("{reference}", described(sweep))
    return sweep.data.worded(joined.replace("{training}", _training(sweep)))


def traits(sweep: SweepResults) -> set[str]:
    """Return what is true of the images and the models of a sweep, in the words of `Said`."""
    data, models = sweep.data, sweep.runs
    codes, posterior = bool(prose.deterministic(models)), bool(prose.variational(models))
    true = {
        "labels": data.classes > 0,
        "no labels": not data.classes,
        "digits": data.noun == "digit",
        "codes": codes,
        "posterior": posterior,
        "no posterior": not posterior,
        "codes and posterior": codes and posterior,
        "told": bool(prose.conditional(models)),
        "axes": bool(sweep.axes),
        "learnt variance": any(kind.learns_variance for kind in prose.kinds(models)),
    }
    return {word for word, holds in true.items() if holds}


def _training(sweep: SweepResults) -> str:
    """Say how many models there are, and whether they were trained alike."""
    count = len({run.model for run in sweep.runs})
    models = COUNTS[count] if count < len(COUNTS) else f"{count} models"
    alike = len({run.config.train for run in sweep.runs}) == 1
    if count == 1:
        return f"{models} and its training"
    return f"{models}, trained alike" if alike else f"{models} and their training"


SECTIONS = (
    Section(
        "data",
        "The {subjects}",
        (
            Said(
                "labels",
                "Images of one {noun} resemble each other: laid out so that neighbours stay "
                "neighbours, they fall into groups. ",
            ),
            Said("no labels", "Many images resemble others. "),
            "What tells them apart may therefore need far fewer numbers than there are pixels. The "
            "space of these numbers is the latent space.",
        ),
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
        "{training}",
        (
            Said("no posterior", "The autoencoder learns from the error of its images alone."),
            Said(
                "posterior",
                "The variational autoencoder (VAE) encodes an image as a normal distribution "
                "instead of a point, and pays for every distribution that is unlike the standard "
                "normal one: that is the KL.",
            ),
            Said(
                "told",
                " The conditional VAE (CVAE) is also told the {noun}, in encoder and decoder.",
            ),
            Said(
                "learnt variance",
                " The sigma-VAE also learns how large the errors of its images are.",
            ),
        ),
        figures=("likelihood_costs", "loss_curves"),
        tables=("pixel_costs", "summary"),
    ),
    Section(
        "errors",
        (
            Said("labels", "Which {plural} are hard, and how many latents are enough"),
            Said("no labels", "How many latents are enough"),
        ),
        (
            Said("digits", "Straight strokes should be easier to keep than loops. "),
            "More latents should help ",
            Said("codes", "the autoencoder throughout"),
            Said("codes and posterior", ", and "),
            Said("posterior", "the VAE only as long as a latent is worth its KL"),
            ".",
        ),
        figures=("by_digit", "selection"),
        tables=("per_digit_error", "latent_size_choice", "published"),
    ),
    Section(
        "reconstruction",
        "From image to image",
        (
            "The first way to make {subjects} uses both parts: encode a test image, and decode its "
            "code. What is fuzzy here is the price of the bottleneck",
            Said("posterior", ", and of the noise it was trained with"),
            ".",
        ),
        figures=("reconstructions",),
    ),
    Section(
        "generation",
        "From noise to image",
        "The second way uses the decoder alone: draw noise from a standard normal distribution, "
        "and decode it. Noise from Gaussians that are fitted on latents of the training images "
        "tells a decoder that cannot draw from one that was given the wrong noise. Several judges, "
        "which are classifiers of real images, say what can be recognised.",
        figures=("generated", "generators", "reliability", "closest_pairs"),
        tables=("sample_quality", "calibration", "control", "memorisation"),
    ),
    Section(
        "latents",
        "What the latent spaces look like",
        (
            Said(
                "posterior",
                "If the KL did its work, the codes of all images together look like the noise that "
                "will be decoded.",
            ),
            Said(
                "no posterior",
                "Nothing makes the codes of all images together look like the noise that is "
                "decoded.",
            ),
            Said(
                "told",
                " A CVAE need not encode the {noun}, which it is told; so its codes should say "
                "less about it.",
            ),
        ),
        figures=("latent_pca", "tsne", "latent_diagnostics", "probe_curves"),
        tables=("latent_space", "probes"),
    ),
    Section(
        EXPLORER,
        "What a latent means",
        (
            "With two latents, the whole space can be seen. Move the point: the trained decoder "
            "runs in this page and draws what the model makes of that place.",
            Said("labels", " Where does one {noun} turn into another?"),
            Said("told", " Does a CVAE keep the {noun} that it is told, and change its style?"),
            Said("codes", " What does the autoencoder draw in the gaps between its codes?"),
        ),
        figures=("latent_grid", "neighbouring_regions", "traversals", "interpolations"),
        tables=("smoothness", "plane_structure"),
    ),
    Section(
        "settings",
        "What the settings change",
        "What varies among the runs of this sweep: {axes}. The figures above show the runs at the "
        "reference cell, {reference}, and the findings were tested on these runs; the tables have "
        "all runs. Here one or two settings change at a time, and the others stay as they are at "
        "the reference cell.",
        figures=(
            "by_setting",
            "rate_distortion",
            "decoder_variance",
            "seen_by_setting",
            "two_settings",
        ),
        where="axes",
    ),
)


def heading(sweep: SweepResults) -> str:
    """Name the way from the first to the last kind of model of a sweep."""
    steps = {"codes": "autoencoder", "posterior": "VAE", "told": "conditional VAE"}
    found = [step for trait, step in steps.items() if trait in _steps(sweep)]
    return f"From {found[0]} to {found[-1]}" if len(found) > 1 else f"The {found[0]}"


def question(sweep: SweepResults) -> str:
    """Ask what the page answers about the models of a sweep."""
    steps, told = _steps(sweep), sweep.data.worded("told which {noun} it sees (CVAE)")
    start = "an autoencoder (AE)" if "codes" in steps else "a variational autoencoder (VAE)"
    changes = []
    if {"codes", "posterior"} <= steps:
        changes.append("becomes a variational autoencoder (VAE)")
    if "told" in steps:
        changes.append(f"is then {told}" if changes else f"is {told}")
    if not changes:
        return f"What does {start} keep of its images, and what does it draw by itself?"
    return f"What changes, and what is gained, when {start} {' and '.join(changes)}?"


def _steps(sweep: SweepResults) -> set[str]:
    """Return the traits of `traits` that are steps of the article's path."""
    kinds = prose.kinds(sweep.runs)
    plain = any(kind.variational and not kind.conditional for kind in kinds)
    return (traits(sweep) - {"posterior"}) | ({"posterior"} if plain else set())


def complete(figures: Sequence[str], tables: Sequence[str], sweep: SweepResults) -> list[Section]:
    """Return the sections, with a last one for figures and tables that none of them shows.

    The sweep, or its part at the reference cell, decides the words.
    """
    true = traits(sweep) | {""}
    sections = [section.worded(sweep) for section in SECTIONS if section.where in true]
    left_figures = tuple(f for f in figures if all(f not in s.figures for s in SECTIONS))
    left_tables = tuple(t for t in tables if all(t not in s.tables for s in SECTIONS))
    if not left_figures + left_tables:
        return sections
    further = Section("further", "Further results", "", left_figures, left_tables)
    return [*sections, further]
