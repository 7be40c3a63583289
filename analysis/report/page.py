"""The page: everything that a sweep shows, rendered into one HTML file that needs nothing else."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from io import BytesIO

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from analysis.figures import FIGURES, captions, style
from analysis.findings import Finding, records
from analysis.formats import format_cell
from analysis.load import Sweep
from analysis.output import Drawing, Skipped, Table, draw_figure, saver
from analysis.report import explorer, story
from analysis.report.provenance import CAPTION, provenance
from analysis.selection import MissingIngredient
from analysis.tables import TABLES

PAGE = "report.html"
SVG_BYTES = 100_000  # a larger one takes less room as pixels
PIXELS_PER_INCH = 125  # on the screen: text of 7 pt is as large as the page's small print
MIME = {"svg": "image/svg+xml", "webp": "image/webp"}

# Captions are Markdown of ours, but hold names out of files: no links, images or HTML.
_MARKDOWN = MarkdownIt("zero").enable(["backticks", "table"])


@dataclass(frozen=True)
class Picture:
    """An image for the page: its data as a URI, its size in CSS pixels, and what it shows."""

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""
    run_ids: Sequence[str] = ()


@dataclass(frozen=True)
class Grid:
    """A table for the page: for each cell what is shown, and what it is sorted by."""

    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[tuple[str, object]]]


@dataclass(frozen=True)
class Content:
    """What the page shows. Reasons by name say why a figure or table is not there."""

    sweep: Sweep
    findings: Sequence[Finding]
    tables: Mapping[str, Grid]
    pictures: Mapping[str, Picture]
    planes: Sequence[explorer.Plane]
    reasons: Mapping[str, str]


def gather(
    sweep: Sweep,
    tables: Sequence[Table],
    omitted: Mapping[str, str],
    findings: Sequence[Finding],
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Content:
    """Draw the figures, and put everything into the form that the page has it in."""
    pictures, reasons = {}, dict(omitted)
    for name in track(list(FIGURES)):
        drawing = draw_figure(sweep, name)
        if isinstance(drawing, Skipped):
            reasons[name] = drawing.reason
        else:
            pictures[name] = picture(drawing)
    try:
        planes = explorer.planes(sweep)
    except MissingIngredient as error:
        planes, reasons[story.EXPLORER] = [], str(error)
    shown = {t.name: grid(t.for_readers, t.caption) for t in tables if t.for_readers is not None}
    return Content(sweep, findings, shown, pictures, planes, reasons)


def render(content: Content) -> str:
    """Return the page as HTML; the same content gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("analysis.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "markdown": markdown,
        "number": records.number,
        "sentence": captions.sentence,
    }
    environment.globals |= {"asset": asset, "between": records.between, "map_of": map_of}
    sweep = content.sweep
    return environment.get_template("report.html.j2").render(
        content=content,
        sweep=sweep,
        facts=facts(sweep),
        partial=captions.sentence(sweep.partial_note),
        sections=story.complete(list(content.pictures), list(content.tables)),
        what=FIGURES | TABLES,
        count=records.count(content.findings),
        introduction=records.INTRODUCTION,
        provenance=grid(provenance(sweep), CAPTION),
        radius=explorer.PRIOR_RADIUS,
        share=explorer.PRIOR_SHARE,
        colours=style.DIGIT_COLOURS,
    )


def facts(sweep: Sweep) -> dict[str, str]:
    """Say in a few words what the sweep consists of."""
    configs = [run.config for run in sweep.runs]
    sizes = sorted({config.model.latent_size for config in configs})
    epochs = sorted({config.train.epochs for config in configs})
    return {
        "Sweep": sweep.root.resolve().name,
        "Dataset": f"{sweep.data.title}, {sweep.data.counts['test']:,} test images",
        "Runs": f"{len(sweep.runs)} of {len(sweep.runs) + len(sweep.gaps)}",
        "Latent sizes": captions.listed(sizes),
        "Epochs": captions.listed(epochs),
        "Training": captions.seeds(sweep.runs),
    }


def picture(drawing: Drawing) -> Picture:
    """Embed a figure."""
    caption, run_ids = captions.without_sources(drawing.caption)
    first_sentence = re.split(r"(?<=[.:])\s", caption, maxsplit=1)[0]
    embedded = embed(drawing.figure, first_sentence.replace("`", ""))
    return replace(embedded, caption=caption, run_ids=run_ids)


def embed(figure: Figure, alt: str) -> Picture:
    """Save a figure as SVG, or as WebP if that is too large, in a data URI."""
    content, kind = _saved(figure, "svg"), "svg"
    if len(content) > SVG_BYTES:
        content, kind = _saved(figure, "webp"), "webp"
    uri = f"data:{MIME[kind]};base64,{base64.b64encode(content).decode()}"
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    return Picture(uri, width, height, alt)


def _saved(figure: Figure, suffix: str) -> bytes:
    file = BytesIO()
    saver(figure, suffix)(file)
    return file.getvalue()


def map_of(plane: explorer.Plane) -> Picture:
    """Embed the map of a latent plane."""
    alt = f"Map of the {plane.title}'s latent plane: the codes of the test images, by digit."
    return embed(plane.map, alt)


def grid(table: pd.DataFrame, caption: str) -> Grid:
    """Render the cells of a table; numbers are sorted by their unrounded values."""
    table = table.convert_dtypes()  # numbers stay whole beside gaps
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    rows = [
        [(format_cell(value), "" if pd.isna(value) else value) for value in row]
        for row in table.itertuples(index=False)
    ]
    return Grid(caption, [str(name) for name in table.columns], numeric, rows)


def markdown(text: str) -> Markup:
    """Render paragraphs, code and tables; everything else is escaped."""
    return Markup(_MARKDOWN.render(text))


def asset(name: str) -> Markup:
    """Return the text of a style or script of ours, to stand in the page."""
    return Markup((files("analysis.report") / "templates" / name).read_text("utf-8"))
