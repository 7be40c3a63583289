"""The page: everything that a sweep shows, rendered into one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis import figures, tables
from analysis.figures.recipe import Skipped, write_figure
from analysis.figures.registry import RECIPES
from analysis.findings import ClaimResult, records
from analysis.measures.study import Study
from analysis.report import explorer, story
from analysis.report.parts import Grid, Picture, embed, grid, markdown, picture
from analysis.report.provenance import CAPTION, provenance
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import MissingIngredient, SweepResults
from analysis.sweep.reference import described, values_of_axes
from analysis.tables.recipe import Table
from analysis.write import prose

PAGE = "report.html"
MOST_BUTTONS = 12  # classes that a conditional model is asked for by buttons; more stand in a list
FIRST_ASKED = 3  # the class that is asked for at first
FIGURES = figures.FIGURES | figures.EVIDENCE
TABLES = tables.TABLES | tables.EVIDENCE


@dataclass(frozen=True)
class Content:
    """What the page shows. Reasons by name say why a figure, a table or the explorer is missing.

    `reference` is the part of the sweep that is its reference cell; without axes, the sweep itself.
    """

    sweep: SweepResults
    reference: SweepResults
    findings: Sequence[ClaimResult]
    tables: Mapping[str, Grid]
    pictures: Mapping[str, Picture]
    planes: Sequence[explorer.LatentPlane]
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Drawn:
    """A figure whose files are written, and its picture if it is for the page."""

    name: str
    files: Sequence[Path]
    picture: Picture | None


def draw(
    study: Study, folder: Path, formats: Sequence[str], paged: bool, name: str
) -> Drawn | Skipped:
    """Draw the figure of this name and write its files; make a picture of it if it is `paged`."""
    drawing = RECIPES[name].drawn(study)
    if isinstance(drawing, Skipped):
        return drawing
    files = write_figure(drawing, folder, formats)
    return Drawn(name, files, picture(drawing) if paged else None)


def gather(
    study: Study,
    findings: Sequence[ClaimResult],
    made: Sequence[Table],
    omitted: Mapping[str, str],
    drawn: Iterable[Drawn | Skipped],
) -> Content:
    """Put everything into the form that the page has it in; figures are taken one by one."""
    pictures, reasons = {}, dict(omitted)
    for figure in drawn:
        if isinstance(figure, Skipped):
            reasons[figure.name] = figure.reason
        elif figure.picture is not None:
            pictures[figure.name] = figure.picture
    try:
        planes = explorer.planes(study)
    except MissingIngredient as error:
        planes, reasons[story.EXPLORER] = [], str(error)
    grids = {t.name: grid(t.for_readers, t.caption) for t in made if t.for_readers is not None}
    reference = study.reference.sweep
    return Content(study.sweep, reference, findings, grids, pictures, planes, reasons)


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
        "capitalised": records.capitalised,
        "sentence": prose.sentence,
        "worded": content.sweep.data.worded,
    }
    environment.globals |= {"asset": asset, "embed": embed}
    environment.globals |= {"said": records.said, "shared": records.shared}
    sweep = content.sweep
    return environment.get_template("report.html.j2").render(
        content=content,
        sweep=sweep,
        facts=facts(sweep) | varied(content.reference),
        partial=prose.sentence(sweep.partial_note),
        data=sweep.data,
        sections=story.complete(list(content.pictures), list(content.tables), content.reference),
        heading=story.heading(sweep),
        question=story.question(sweep),
        what={name: sweep.data.worded(what) for name, what in (FIGURES | TABLES).items()},
        count=records.count(content.findings),
        groups=records.grouped(content.findings),
        introduction=" ".join(
            filter(None, [records.INTRODUCTION, records.tested_at(content.reference)])
        ),
        provenance=grid(provenance(sweep), CAPTION),
        prior_share=explorer.PRIOR_SHARE,
        most_buttons=MOST_BUTTONS,
        first_asked=min(FIRST_ASKED, max(0, sweep.data.classes - 1)),
    )


def facts(sweep: SweepResults) -> dict[str, str]:
    """Say in a few words what the sweep consists of."""
    configs = [run.config for run in sweep.runs]
    sizes = sorted({config.model.latent_size for config in configs})
    data = sweep.data
    subsets = any(config.data.train_images != "all" for config in configs)
    return {
        "Sweep": sweep.root.resolve().name,
        "Dataset": f"{data.title}, {data.counts['test']:,} test images",
        **({} if data.noun == "digit" else {"Images": _images(data)}),
        "Runs": f"{len(sweep.runs)} of {len(sweep.runs) + len(sweep.gaps)}",
        "Latent sizes": prose.listed(sizes),
        **({"Training images": prose.trained_images(sweep.runs)} if subsets else {}),
        "Epochs": prose.epochs(sweep.runs),
        "Training": prose.seeds(sweep.runs),
    }


def varied(reference: SweepResults) -> dict[str, str]:
    """Say what varies in a sweep with axes, and what its reference cell is."""
    if not reference.axes:
        return {}
    return {"Varied": values_of_axes(reference), "Reference cell": described(reference)}


def _images(data: StoredDataset) -> str:
    height, width, *channels = data.image_shape
    classes = f"{data.classes} {data.plural}" if data.classes else "no labels"
    return f"{height} x {width} pixels, {'in colour' if channels else 'grey'}; {classes}"


def asset(name: str) -> Markup:
    """Return the text of a style or script of ours, to stand in the page."""
    return Markup((resources.files("analysis.report") / "templates" / name).read_text("utf-8"))
