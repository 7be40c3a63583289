"""Training a sweep on this machine or a cluster, or one run in this process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aevae.errors import InputError
from jobs.cli.console import SweepDir, say

if TYPE_CHECKING:
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.spec import SweepSpec

# The options of `aevae sweep --help`, by subject.
WHAT = "Which runs"
WHERE = "Where"
HOW = "What happens"


def sweep(
    spec: Annotated[Path, typer.Argument(help="TOML file, or the name of a shipped one.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Replace a setting of the file.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    grids: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="KEY=V1,V2",
            help="Train every cell with each of these values.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Short for --set data.dataset=NAME.", rich_help_panel=WHAT
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUNS",
            help="Only these: ids, 'vae-*' or d=20. May be given again.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the sweep. Default: runs/NAME.", rich_help_panel=WHERE
        ),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="local, debug (in this process), auto, or a profile: a TOML file or a shipped "
            "name.",
            rich_help_panel=WHERE,
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Runs at once. Default: one per GPU or core, at most 8.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="AEVAE_DATA_DIR",
            help="Folder of the datasets. Default: that of the profile or file, or data.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the runs or the batch script, and stop.", rich_help_panel=HOW
        ),
    ] = False,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Write the sweep's folder, and stop.", rich_help_panel=HOW),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Start more than 200 runs without asking.", rich_help_panel=HOW),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="After submitting, follow the runs to their end.", rich_help_panel=HOW
        ),
    ] = False,
    then_analyse: Annotated[
        bool,
        typer.Option(
            "--then-analyse", help="Submit the analysis too, after the runs.", rich_help_panel=HOW
        ),
    ] = False,
) -> None:
    """Train the missing runs of a sweep; done runs are skipped, interrupted runs are resumed."""
    from jobs.cli.overview import confirm
    from jobs.cli.plan import say_how_by_hand, show_objections, show_plan
    from jobs.cli.start import launch_here, submit
    from jobs.scheduler.profile import choose_cluster
    from jobs.sweep.folder import Sweep, check_launch, few_steps, lay_out
    from jobs.sweep.selection import select_runs
    from jobs.sweep.spec import named_source

    chosen = choose_cluster(cluster)
    overrides = [*(settings or []), *([] if dataset is None else [f'data.dataset="{dataset}"'])]
    loaded = _load(spec, overrides, grids or [], data_dir, chosen)
    if not isinstance(chosen, str):
        chosen = chosen.model_copy(update={"data_dir": loaded.execution.data_dir})
    runs = loaded.runs(named_source(spec, overrides, grids or []), say)
    suffix = f"-{dataset}" if dataset is not None else ""
    folder = out or Path("runs") / f"{loaded.name}{suffix}"
    for duplicate in loaded.duplicates:
        say(f"{duplicate} is named more than once; its runs are trained once")
    if not dry_run:
        check_launch(loaded, runs, folder)
    foreseen = Sweep.foresee(loaded, runs, folder)
    wanted = select_runs(foreseen, only or [])
    if dry_run:
        show_plan(foreseen, wanted.run_ids, chosen)
        show_objections(foreseen, wanted.run_ids)
        return
    if prepare:
        say_how_by_hand(lay_out(loaded, runs, folder))
        return
    confirm(foreseen, wanted.run_ids, yes=yes)
    laid_out = lay_out(loaded, runs, folder)
    if note := few_steps(foreseen, wanted.run_ids):
        say(note)
    if isinstance(chosen, str):
        launch_here(laid_out, wanted, chosen, jobs)
    else:
        submit(laid_out, wanted, chosen, watch=watch, then_analyse=then_analyse)


def run(
    sweep_dir: SweepDir,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    index: Annotated[
        int | None,
        typer.Option(min=0, help="Index in the sweep's runs.json, from 0; instead of RUN_ID."),
    ] = None,
    capture: Annotated[
        bool, typer.Option("--capture", help="Write all output only to files in the run's folder.")
    ] = False,
    in_job: Annotated[
        bool,
        typer.Option(
            "--in-job", help="For batch scripts: this SLURM job was submitted to train the run."
        ),
    ] = False,
) -> None:
    """Train one run in this process; exit 75 if it was interrupted and can be resumed."""
    import logging

    from aevae.execution import StopRequest
    from aevae.files.attempt import LOG_FORMAT, SlurmJob
    from aevae.files.runs import check_listed
    from aevae.training.run import execute
    from jobs.sweep.folder import Sweep

    if in_job and "SLURM_JOB_ID" not in os.environ:
        raise InputError("--in-job is for the script of a SLURM job: there is no SLURM_JOB_ID")
    job = SlurmJob.of_environment() if in_job else None
    opened = Sweep.open(sweep_dir)
    check_listed(opened.paths)
    if (run_id is None) == (index is None):
        raise InputError("give either a RUN_ID or --index")
    if index is not None:
        planned = opened.runs.planned
        if index >= len(planned):
            raise InputError(f"--index must be below {len(planned)}, got {index}")
        run_id = planned[index]
    assert run_id is not None
    opened.select([run_id])
    stop = StopRequest().install()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    spec = opened.spec
    execute(
        *(opened.paths, run_id, spec.execution, spec.evaluation, stop),
        capture=capture,
        slurm_job=job,
    )


def _load(
    spec: Path,
    overrides: list[str],
    grids: list[str],
    data_dir: Path | None,
    cluster: "ClusterProfile | str",
) -> "SweepSpec":
    """Read the specification, and add the settings of the command line and of the profile."""
    from aevae.data.sources import look_up
    from jobs.scheduler.profile import settle_execution
    from jobs.sweep.spec import load_spec

    loaded = load_spec(spec, overrides, grids)
    profile = None if isinstance(cluster, str) else cluster
    execution = settle_execution(loaded.execution, profile, data_dir)
    loaded = loaded.model_copy(update={"execution": execution})
    if loaded.data.fingerprint:
        return loaded
    return loaded.on(loaded.data.of(look_up(loaded.data.dataset, execution.data_dir)))
