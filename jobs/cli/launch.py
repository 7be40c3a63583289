"""Training a sweep on this machine or a cluster, or one run in this process."""

import os
import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aevae.errors import ExitCode, InputError, Interrupted
from jobs.cli.console import ChosenDataDir, SweepDir, messages, say

if TYPE_CHECKING:
    from aevae.config import RunConfig
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.folder import Sweep
    from jobs.sweep.spec import SweepSpec


def sweep(
    spec: Annotated[Path, typer.Argument(help="TOML file, or the name of a shipped one.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep; default: runs/<name>.")
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            help="local, debug (in this process), auto, or a cluster profile: a TOML file or the "
            "name of a shipped one."
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at once; default: one per GPU or core, at most 8."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, which replaces the file's value.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Short for --set data.dataset=...")] = None,
    data_dir: ChosenDataDir = None,
    only: Annotated[list[str] | None, typer.Option(help="Run ids to run; default: all.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the runs, or the batch script, and stop.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Write the sweep's folder and stop.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="After submitting, follow the runs to their end.")
    ] = False,
    then_analyse: Annotated[
        bool,
        typer.Option("--then-analyse", help="Submit also the analysis, to start after the runs."),
    ] = False,
) -> None:
    """Train the missing runs of a sweep; done runs are skipped, interrupted runs are resumed."""
    from jobs.scheduler.profile import choose_cluster
    from jobs.sweep.folder import check_launch, lay_out

    chosen = choose_cluster(cluster)
    loaded = _load(spec, settings or [], dataset, data_dir, chosen)
    if not isinstance(chosen, str):
        chosen = chosen.model_copy(update={"data_dir": loaded.execution.data_dir})
    runs = loaded.runs(f"{spec} with --set" if settings or dataset else str(spec))
    suffix = f"-{dataset}" if dataset is not None else ""
    folder = out or Path("runs") / f"{loaded.name}{suffix}"
    for duplicate in loaded.duplicates:
        say(f"{duplicate} is named more than once; its runs are trained once")
    if dry_run:
        _show_plan(runs, folder, chosen, only or [])
        return
    check_launch(loaded, runs, folder)
    laid_out = lay_out(loaded, runs, folder)
    if prepare:
        _say_how_by_hand(laid_out)
    elif isinstance(chosen, str):
        launch_here(laid_out, only or [], chosen, jobs)
    else:
        submit(laid_out, only or [], chosen, watch=watch, then_analyse=then_analyse)


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
    settings: list[str],
    dataset: str | None,
    data_dir: Path | None,
    cluster: "ClusterProfile | str",
) -> "SweepSpec":
    """Read the specification, and add the settings of the command line and of the profile."""
    from aevae.data.sources import look_up
    from jobs.scheduler.profile import settle_execution
    from jobs.sweep.spec import load_spec

    named = [] if dataset is None else [f'data.dataset="{dataset}"']
    loaded = load_spec(spec, [*settings, *named])
    profile = None if isinstance(cluster, str) else cluster
    execution = settle_execution(loaded.execution, profile, data_dir)
    loaded = loaded.model_copy(update={"execution": execution})
    if loaded.data.fingerprint:
        return loaded
    return loaded.on(loaded.data.of(look_up(loaded.data.dataset, execution.data_dir)))


def _show_plan(
    runs: "Sequence[RunConfig]",
    folder: Path,
    cluster: "ClusterProfile | str",
    only: list[str],
) -> None:
    """Print the runs or, for a cluster, the batch script and what it may cost."""
    from aevae.files.layout import SweepPaths

    if isinstance(cluster, str):
        for planned in runs:
            print(planned.run_id)  # noqa: T201 - output for scripts
        say(f"{len(runs)} runs would go to {folder}")
        return
    from aevae.files.filesystem import as_given
    from jobs.launch.code import code_folder
    from jobs.launch.script import batch_script, check_folder, gpu_hours
    from jobs.launch.slurm import next_number

    paths = SweepPaths(as_given(folder))
    check_folder(paths.root)
    count = len(only) or len(runs)
    number, code = next_number(paths), code_folder(paths)
    print(batch_script(paths, number, cluster, count, code=code))  # noqa: T201 - output for scripts
    say(
        f"{count} runs, at most {gpu_hours(cluster, count):.1f} GPU-hours; each of up to "
        f"{cluster.max_num_timeout} requeues at the time limit may add as much"
    )


def _say_how_by_hand(sweep: "Sweep") -> None:
    from jobs.scheduler.profile import SLURM_FILES

    folder, script = (shlex.quote(str(p)) for p in (sweep.paths.root, SLURM_FILES / "train.sbatch"))
    indices = _ranges([sweep.runs.index[run_id] for run_id in sweep.runs.current])
    count = len(sweep.runs.current)
    say(f"{count} runs; by hand: SWEEP_DIR={folder} sbatch --array={indices} {script}")


def _ranges(numbers: list[int]) -> str:
    """Write numbers as SLURM does, for example ``0-3,7``."""
    # Within a range, the difference of a number and its position is constant.
    groups = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ranges = [[number for _, number in group] for _, group in groups]
    return ",".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in ranges)


def submit(
    sweep: "Sweep",
    only: list[str],
    profile: "ClusterProfile",
    *,
    watch: bool,
    then_analyse: bool,
) -> None:
    """Submit the missing runs of a sweep, or those of `only`, to a cluster."""
    from jobs.cli.watch import follow_states
    from jobs.launch.analysis_job import submit_analysis
    from jobs.launch.slurm import submit_missing
    from jobs.sweep.state import State

    submitted = submit_missing(sweep, only, profile, say)
    say(f"{submitted} runs submitted; to see them: aevae status {sweep.paths.root} --watch")
    if then_analyse:
        say(f"job {submit_analysis(sweep.paths, profile)}: the analysis, after all runs")
    if watch and any(status.state is not State.DONE for status in follow_states(sweep)):
        raise typer.Exit(ExitCode.INCOMPLETE)


def launch_here(
    sweep: "Sweep", only: list[str], cluster: Literal["local", "debug"], jobs: int | None
) -> None:
    """Execute the missing runs of a sweep, or those of `only`, on this machine."""
    from jobs.cli.status_display import shown, summary_line
    from jobs.launch.local import run_debug, run_local
    from jobs.scheduler.queue import WatchedJobs
    from jobs.sweep.state import State
    from jobs.sweep.status import sweep_status
    from jobs.sweep.to_launch import runs_to_launch

    queue = WatchedJobs(sweep.paths)
    statuses = sweep_status(sweep, only, queue.look())
    done = sum(status.state is State.DONE for status in statuses)
    say(f"{sweep.paths.root}: {done} of {len(statuses)} runs are done")
    unfinished = [status for status in statuses if status.state is not State.DONE]
    # A local run has no time limit, so a run that ran out of time on a cluster is launched.
    missing = runs_to_launch(unfinished, only, say, more_time={s.run_id for s in unfinished})
    # These runs still run although their launcher was killed. This launcher waits for them.
    missing += [s.run_id for s in unfinished if s.state is State.RUNNING and s.job is None]
    completed = True
    if missing and cluster == "debug":
        run_debug(sweep, missing)
    elif missing:
        with shown(messages) as show:
            completed = run_local(
                sweep,
                missing,
                jobs,
                lambda: show(sweep_status(sweep, missing, queue.look())),
            )
    final = sweep_status(sweep, only, queue.look())
    say(summary_line(final))
    if not completed:
        raise Interrupted("a signal")
    unfinished = [status for status in final if status.state is not State.DONE]
    for status in unfinished:
        say(
            f"{status.run_id} {status.state}: {status.reason}; "
            f"see aevae logs {sweep.paths.root} {status.run_id}"
        )
    if unfinished:
        raise typer.Exit(ExitCode.INCOMPLETE)
