"""What the commands do, apart from `cli`: so ``--help`` need not import pandas and matplotlib.

Each function returns the exit code: 0 ok, 1 incomplete. Results go to stdout; gaps, progress and
what was skipped to stderr.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from aevae.errors import ExitCode
from aevae.files.atomic import publish_text
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.runs import read_runs
from analysis import figures, findings, tables
from analysis.comparison import figure as comparison_figure
from analysis.comparison import readers
from analysis.comparison import table as comparison_table
from analysis.comparison.comparison import Comparison
from analysis.comparison.members import Member, label_folders
from analysis.figures import FIGURE_FORMATS
from analysis.figures.recipe import Skipped, write_figure
from analysis.figures.registry import RECIPES
from analysis.findings import records
from analysis.measures import kept
from analysis.measures.embedding import scores
from analysis.measures.embedding.compute import compute_all, find_missing
from analysis.measures.embedding.sources import Source, find_sources, source_names
from analysis.measures.processes import side_by_side, usable_cores
from analysis.measures.study import Study
from analysis.report import page
from analysis.sweep.load import SweepResults, open_sweep
from analysis.sweep.reference import described, parse_at
from analysis.tables import recipe
from analysis.tables.registry import compute_measures, make_tables
from analysis.write import prose, terminal
from analysis.write.folder import prepare_folder
from analysis.write.formats import FORMATS

OK, INCOMPLETE = ExitCode.OK, ExitCode.INCOMPLETE
STYLES = {"ok": "green", "missing": "yellow"}
EMBEDDINGS = "embeddings"  # below the folder for the output


def check(folder: Path) -> int:
    """Validate every results file and print one line per planned run."""
    sweep = _open(folder)
    found = {run.run_id: ("ok", "") for run in sweep.runs}
    found |= {gap.run_id: (gap.state, gap.reason) for gap in sweep.gaps}
    table = Table("run", "state", "reason", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for run_id in read_runs(SweepPaths(folder)).current:
        state, reason = found[run_id]
        table.add_row(run_id, Text(state, style=STYLES.get(state, "red")), Text(reason))
    console = terminal.stdout()
    console.print(table)
    console.print(f"{len(sweep.runs)} of {len(found)} runs ok", highlight=False)
    # Into the folder of an older release without this list, no run is launched.
    relaunched = SweepPaths(folder).run_list.exists()
    if relaunched and any(gap.state == "damaged" for gap in sweep.gaps):
        terminal.note(
            "remove each damaged file; `aevae sweep` with the same arguments writes it again"
        )
    return INCOMPLETE if sweep.gaps else OK


def write_tables(folder: Path, to: Path | None, formats: Sequence[str], allow_partial: bool) -> int:
    """Write the tables and print the first: the errors by class, if there are classes."""
    output, code = _open_for_output(folder, to, allow_partial)
    if output is None:
        return INCOMPLETE
    output.prepare_tables(tables.TABLES)
    made, _ = output.write_tables(list(tables.TABLES), formats)
    _print_first(made)
    terminal.list_files(output.written)
    return code


def write_figures(
    folder: Path,
    to: Path | None,
    names: Sequence[str],
    formats: Sequence[str],
    allow_partial: bool,
    at: Sequence[str] = (),
) -> int:
    """Draw figures; those whose ingredients the sweep lacks are skipped with the reason.

    Without names, every figure is drawn that the sweep can show.
    """
    output, code = _open_for_output(folder, to, allow_partial, at)
    if output is None:
        return INCOMPLETE
    drawn = output.write_figures(names or list(figures.FIGURES), formats)
    skipped = [figure.name for figure in drawn if isinstance(figure, Skipped)]
    terminal.list_files(output.written)
    return code if allow_partial else max(code, _code_of_skipped(skipped, names))


def write_findings(
    folder: Path, to: Path | None, allow_partial: bool, at: Sequence[str] = ()
) -> int:
    """Test the claims of the article, write the findings with their evidence, print an overview."""
    output, code = _open_for_output(folder, to, allow_partial, at)
    if output is None:
        return INCOMPLETE
    output.prepare_tables(tables.EVIDENCE)
    found = output.write_findings()
    output.write_tables(list(tables.EVIDENCE), list(FORMATS))
    list(output.write_figures(list(figures.EVIDENCE), FIGURE_FORMATS))
    terminal.print_table(records.overview(found))
    terminal.stdout().print(Text(records.count(found)))
    terminal.list_files(output.written)
    return code


def write_report(folder: Path, to: Path | None, allow_partial: bool, at: Sequence[str] = ()) -> int:
    """Write all there is, tables, findings and figures, and one page that shows it."""
    output, code = _open_for_output(folder, to, allow_partial, at)
    if output is None:
        return INCOMPLETE
    first, *others = [*tables.TABLES, *tables.EVIDENCE]
    made, omitted = output.write_tables([first], list(FORMATS))
    _print_first(made)  # now, since the rest takes minutes
    output.prepare_tables(others)
    more, omitted_too = output.write_tables(others, list(FORMATS))
    made, omitted = [*made, *more], omitted | omitted_too
    found = output.write_findings()
    drawings = output.write_figures(list(page.FIGURES), FIGURE_FORMATS, paged=True)
    content = page.gather(output.study, found, made, omitted, drawings)
    publish_text(output.folder / page.PAGE, page.render(content))
    terminal.stdout().print(Text(records.count(found)))
    terminal.list_files([*output.written, output.folder / page.PAGE])
    return code


def compare(folders: Sequence[Path], to: Path, formats: Sequence[str], allow_partial: bool) -> int:
    """Compare the cells of sweeps with those of the first, and print the table for readers."""
    labels = label_folders(folders)
    sweeps = [_open(folder) for folder in folders]
    named = dict(zip(labels, sweeps, strict=True))
    code = max(_report_gaps(sweep, allow_partial, f"{name}: ") for name, sweep in named.items())
    if not all(sweep.runs for sweep in sweeps):
        return INCOMPLETE
    first, *others = [Member.of(label, sweep) for label, sweep in named.items()]
    comparison = Comparison.of(first, others)
    target = prepare_folder(to)
    data = comparison_table.make(
        comparison, lambda pairs: terminal.progress(pairs, "comparing cells")
    )
    made = readers.captioned(comparison, data)
    written = recipe.write_tables([made], target, [name for name in formats if name in FORMATS])
    if pictures := [name for name in formats if name in FIGURE_FORMATS]:
        written += write_figure(comparison_figure.drawing(comparison, data), target, pictures)
    _print_first([made])
    for text in made.notes:
        terminal.stdout().print(Text(text))
    terminal.list_files(written)
    return code


def embed(
    folder: Path,
    to: Path | None,
    names: Sequence[str],
    jobs: int | None,
    allow_partial: bool,
    at: Sequence[str] = (),
) -> int:
    """Compute the embeddings that are not there yet, and print their scores.

    Without names, everything that the sweep offers is embedded, and the scores are written to
    files; with names, they are only printed. Without a number of jobs, there is one per core.
    """
    output, code = _open_for_output(folder, to, allow_partial, at)
    if output is None:
        return INCOMPLETE
    study = output.study.reference
    sources, skipped = find_sources(study, names or source_names(study.sweep))
    for name, reason in skipped.items():
        terminal.note(f"skipped {name}: {reason}")
    _compute_missing(sources, jobs or usable_cores())
    table = scores.embedding_scores(study.sweep, sources)
    terminal.print_table(table)
    if not names:
        caption = scores.caption(study.sweep)
        if study.sweep.axes:
            caption += f" Computed at {described(study.sweep)}."
        caption = prose.with_partial(caption, study.sweep)
        made = recipe.Table("embedding_scores", "embedding_scores", table, table, caption)
        terminal.list_files(recipe.write_tables([made], output.folder, list(FORMATS)))
    return code if allow_partial else max(code, _code_of_skipped(skipped, names))


@dataclass(frozen=True)
class _Writer:
    """What a command computes, the folder that it writes to, and the files written so far."""

    study: Study
    folder: Path
    written: list[Path] = field(default_factory=list)

    def write_tables(
        self, names: Sequence[str], formats: Sequence[str]
    ) -> tuple[list[recipe.Table], dict[str, str]]:
        """Make and write tables, and say which are omitted; see `make_tables`."""
        made, omitted = make_tables(
            self.study, lambda items: terminal.progress(items, "computing tables"), names
        )
        for name, reason in omitted.items():
            terminal.note(f"omitted {self.study.data.file_name(name)}: {reason}")
        self.written.extend(recipe.write_tables(made, self.folder, formats))
        return made, omitted

    def prepare_tables(self, names: Iterable[str]) -> None:
        """Compute what takes long in tables, over all cores."""
        compute_measures(self.study, names, usable_cores())

    def write_findings(self) -> Sequence[findings.ClaimResult]:
        """Test the claims and write the findings."""
        found = findings.findings(
            self.study,
            lambda claims: terminal.progress(claims, "testing claims"),
            self._jobs(len(findings.CLAIMS)),
        )
        self.written.extend(records.write(self.study.reference.sweep, found, self.folder))
        return found

    def write_figures(
        self, names: Sequence[str], formats: Sequence[str], *, paged: bool = False
    ) -> Iterator[page.Drawn | Skipped]:
        """Draw figures and pass each on once its files are written; say which are skipped.

        Figures of many images are drawn by several processes, each with one figure in memory.
        With `paged`, what is passed on includes a picture for the page.
        """
        embedded = [source for name in names for source in RECIPES[name].embeddings]
        # Why something cannot be embedded is said with the figure that shows it.
        _compute_missing(find_sources(self.study, embedded)[0], usable_cores())
        self.prepare_tables(dict.fromkeys(n for name in names for n in RECIPES[name].needs))
        draw = partial(page.draw, self.study, self.folder, formats, paged)
        drawn = side_by_side(draw, names, self._jobs(len(names)), ordered=True)
        for name, figure in zip(terminal.progress(names, "drawing figures"), drawn, strict=True):
            if isinstance(figure, Skipped):
                terminal.note(f"skipped {self.study.data.file_name(name)}: {figure.reason}")
            else:
                self.written.extend(figure.files)
            yield figure

    def _jobs(self, tasks: int) -> int:
        """Return how many processes so many claims or figures are worth."""
        return usable_cores() if self.study.is_long(tasks) else 1


def _code_of_skipped(skipped: Collection[str], named: Collection[str]) -> int:
    """Return the exit code for outputs that a sweep cannot have.

    A sweep without labels or without some kind of model is complete nevertheless: what it cannot
    have is no failure, unless the user has named it.
    """
    return INCOMPLETE if skipped and named else OK


def _print_first(made: Sequence[recipe.Table]) -> None:
    if not made:  # the sweep lacks what it needs
        return
    if made[0].for_readers is not None:
        terminal.print_table(made[0].for_readers)
    terminal.stdout().print(Text(made[0].caption))


def _compute_missing(sources: Sequence[Source], jobs: int) -> None:
    """Compute the embeddings that are not there yet, showing on stderr which are at work."""
    console = terminal.stderr()
    missing, notes = find_missing(sources)
    for note in notes:
        console.print(Text(f"{note}; computing it again"))
    columns = SpinnerColumn(), TextColumn("t-SNE of {task.description}"), TimeElapsedColumn()
    display = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with display:
        lines = {source.name: display.add_task(source.title, start=False) for source in missing}
        waiting = iter(lines.values())
        for line in islice(waiting, jobs):
            display.start_task(line)
        for source, seconds in compute_all(missing, jobs):
            display.remove_task(lines[source.name])
            console.print(f"t-SNE of {source.title}: {seconds:.0f} s")
            for line in islice(waiting, 1):
                display.start_task(line)


def _open(folder: Path) -> SweepResults:
    def checking(planned: Sequence[RunPaths]) -> Iterable[RunPaths]:
        return terminal.progress(planned, "checking results")

    return open_sweep(folder, checking)


def _open_for_output(
    folder: Path, to: Path | None, allow_partial: bool, at: Sequence[str] | None = None
) -> tuple[_Writer | None, int]:
    """Open a sweep, report its gaps, and make the folder for what is written about it.

    Parameters
    ----------
    folder, to, allow_partial
        Arguments of the command.
    at
        Values of the reference cell; None if the command writes nothing that depends on it.

    Returns
    -------
    output, code
        None if there is nothing to write about; the exit code so far.
    """
    sweep = _open(folder)
    code = _report_gaps(sweep, allow_partial)
    if not sweep.runs:
        return None, code
    kept.remove_oldest()
    chosen = parse_at(sweep, at or ())
    target = prepare_folder(to or folder / "analysis")
    study = Study(sweep, target / EMBEDDINGS, chosen)
    if at is not None and sweep.axes:
        terminal.note(f"reference cell: {described(study.reference.sweep)} (--at changes it)")
    return _Writer(study, target), code


def _report_gaps(sweep: SweepResults, allow_partial: bool, before: str = "") -> int:
    """Print what is missing, with the name of the sweep `before` each line if there are several."""
    for gap in sweep.gaps:
        terminal.note(f"{before}{gap.run_id}: {gap.state}: {gap.reason}")
    if sweep.gaps:
        terminal.note(f"{before}{sweep.partial_note}")
    return INCOMPLETE if sweep.gaps and not allow_partial else OK
