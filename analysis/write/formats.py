"""A table as text: CSV for programs, Markdown and LaTeX for readers."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

LATEX_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "_%&#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


def to_csv(table: pd.DataFrame, caption: str, notes: Sequence[str] = ()) -> str:
    """Render as CSV without losing digits; `caption` and `notes` have no place in it."""
    del caption, notes
    return table.to_csv(index=False, lineterminator="\n")


def to_markdown(table: pd.DataFrame, caption: str, notes: Sequence[str] = ()) -> str:
    """Render as a Markdown table between its caption and its notes, a paragraph each."""
    return "\n\n".join([caption, markdown_rows(table), *notes]) + "\n"


def markdown_rows(table: pd.DataFrame) -> str:
    """Render as a Markdown table with aligned columns, without a caption."""
    columns = [
        [cell.replace("|", r"\|") for cell in (str(name), *map(format_cell, table[name]))]
        for name in table.columns
    ]
    widths = [max(3, *map(len, cells)) for cells in columns]
    numeric = [_is_numeric(table, name) for name in table.columns]
    lines = [
        "| " + " | ".join(_pad(*cell) for cell in zip(row, widths, numeric, strict=True)) + " |"
        for row in zip(*columns, strict=True)
    ]
    rules = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
    lines.insert(1, "| " + " | ".join(rules) + " |")
    return "\n".join(lines)


def to_latex(table: pd.DataFrame, caption: str, notes: Sequence[str] = ()) -> str:
    """Render as a LaTeX table for the booktabs package, with its notes below it."""
    align = "".join("r" if _is_numeric(table, name) else "l" for name in table.columns)
    rows = [[str(name).replace("_", " ") for name in table.columns]]
    rows += [[format_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [" & ".join(cell.translate(LATEX_SPECIAL) for cell in row) + r" \\" for row in rows]
    text = caption.translate(LATEX_SPECIAL)
    head = [r"\begin{table}", r"\centering", rf"\caption{{{text}}}"]
    body = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
    below = [line for note in notes for line in ("", rf"\noindent {note.translate(LATEX_SPECIAL)}")]
    foot = [r"\bottomrule", r"\end{tabular}", *below, r"\end{table}"]
    return "\n".join([*head, *body, *foot]) + "\n"


FORMATS: dict[str, tuple[str, Callable[[pd.DataFrame, str, Sequence[str]], str]]] = {
    "csv": (".csv", to_csv),
    "md": (".md", to_markdown),
    "latex": (".tex", to_latex),
}


def format_cell(value: Any) -> str:  # noqa: ANN401 - whatever a table holds
    """Render one value for a reader: a few significant digits, nothing for NaN."""
    if pd.isna(value):
        return ""
    if not isinstance(value, float):
        return str(value)
    if abs(value) < 0.1:
        return f"{value:.3g}"
    if abs(value) < 1:
        return f"{value:.3f}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def _is_numeric(table: pd.DataFrame, name: str) -> bool:
    return pd.api.types.is_numeric_dtype(table[name])


def _pad(cell: str, width: int, numeric: bool) -> str:
    return cell.rjust(width) if numeric else cell.ljust(width)
