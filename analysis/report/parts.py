"""Figures and tables in the form that the page has them in."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import pandas as pd
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from analysis.figures.recipe import Drawing, saver
from analysis.write.formats import format_cell

PIXELS_PER_INCH = 125  # on the screen: text of 7 pt is as large as the page's small print

# Captions are our own Markdown but contain names from files, which must not become links or HTML.
_MARKDOWN = MarkdownIt("zero").enable(["backticks", "table"])


@dataclass(frozen=True)
class Picture:
    """An image: its data as a URI, its size in CSS pixels, and what it shows."""

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""
    run_ids: Sequence[str] = ()


@dataclass(frozen=True)
class Grid:
    """A table: for each cell what is shown, and what it is sorted by."""

    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[tuple[str, object]]]


def picture(drawing: Drawing) -> Picture:
    """Embed a drawing; the start of its caption describes it to those who cannot see it."""
    caption = "\n\n".join([drawing.caption, *drawing.further])
    first_sentence = re.split(r"(?<=[.:])\s", caption, maxsplit=1)[0]
    embedded = embed(drawing.figure, first_sentence.replace("`", ""))
    return replace(embedded, caption=caption, run_ids=[run.run_id for run in drawing.runs])


def embed(figure: Figure, alt: str) -> Picture:
    """Save a figure as WebP in a data URI."""
    file = BytesIO()
    saver(figure, "webp")(file)
    uri = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    return Picture(uri, width, height, alt)


def grid(table: pd.DataFrame, caption: str) -> Grid:
    """Render the cells of a table; numbers are sorted by their unrounded values."""
    table = table.convert_dtypes()  # numbers stay whole beside gaps
    numeric = [
        pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        for dtype in table.dtypes
    ]
    rows = [
        [(format_cell(value), "" if pd.isna(value) else value) for value in row]
        for row in table.itertuples(index=False)
    ]
    return Grid(caption, [str(name) for name in table.columns], numeric, rows)


def markdown(text: str) -> Markup:
    """Render paragraphs, code and tables; everything else is escaped."""
    return Markup(_MARKDOWN.render(text))
