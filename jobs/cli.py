"""The `aevae` command. Each command imports what it needs, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aevae.errors import InputError, Interrupted, RunFailed
from jobs.scheduler import SchedulerError

if TYPE_CHECKING:
    from jobs.cluster import ClusterProfile
    from jobs.spec import SweepSpec
    from jobs.sweep import Sweep

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: a checkpoint is on disk, run it again

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Train sweeps of autoencoders, VAEs and conditional VAEs; here or on a cluster.",
    epilog="Example: aevae sweep quickstart && aevae status runs/quickstart",
)
messages = Console(stderr=True)

SweepDir = Annotated[Path, typer.Argument(help="Folder of the sweep, such as runs/paper.")]
DataDir = Annotated[
    Path,
    typer.Option(envvar="AEVAE_DATA_DIR", help="Folder of the datasets (holds MNIST/raw)."),
]


def main() -> None:
    """Run the command; bad input is one line on standard error."""
    try:
        app()
    except InputError as error:
        _fail(str(error), EXIT_USAGE)
    except (RunFailed, SchedulerError) as error:
        _fail(str(error), EXIT_FAILED)
    except Interrupted as error:
        _fail(f"interrupted by {error}; run the same command again to go on", EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        _fail("stopped", 130)


@app.command(epilog="Example: aevae fetch --dataset mnist --data-dir /scratch/data")
def fetch(
    dataset: Annotated[str, typer.Option(help="mnist, fashion-mnist or digits.")] = "mnist",
    data_dir: DataDir = Path("data"),
    timeout: Annotated[float, typer.Option(help="Seconds that each way may take.")] = 300,
) -> None:
    """Stage and verify a dataset (once, on a machine with a network)."""
    from aevae.data import IDX_SOURCES
    from aevae.fetch import fetch as fetch_dataset

    if dataset == "digits":
        messages.print("digits come with scikit-learn: nothing to fetch")
        return
    if dataset not in IDX_SOURCES:
        names = ", ".join([*IDX_SOURCES, "digits"])
        raise InputError(f"dataset must be one of {names}, got {dataset!r}")
    with messages.status(f"fetching {dataset}"):
        fetch_dataset(
            dataset,
            data_dir,
            timeout_s=timeout,
            say=lambda line: messages.print(line, highlight=False, soft_wrap=True),
        )


@app.command(epilog="Example: aevae sweep quickstart --set train.epochs=2 --out runs/short")
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
        int | None, typer.Option(min=1, help="Runs at once; default: one per core or GPU.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value in place of the file's.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Short for --set data.dataset=...")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="AEVAE_DATA_DIR", help="Folder of the datasets; default: data."),
    ] = None,
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
        bool, typer.Option("--then-analyse", help="Submit the analysis too, after all runs.")
    ] = False,
) -> None:
    """Train what is missing of a sweep; done runs are skipped, interrupted ones resume."""
    from jobs.cluster import choose_cluster
    from jobs.spec import load_spec
    from jobs.sweep import check_launch, lay_out

    chosen = choose_cluster(cluster)
    overrides = list(settings or [])
    if dataset is not None:
        overrides.append(f'data.dataset="{dataset}"')
    loaded = load_spec(spec, overrides)
    execution = loaded.execution if isinstance(chosen, str) else chosen.adapt(loaded.execution)
    location = (data_dir or execution.data_dir).absolute()
    execution = execution.model_copy(update={"data_dir": location})
    loaded = loaded.model_copy(update={"execution": execution})
    suffix = f"-{dataset}" if dataset is not None else ""
    folder = out or Path("runs") / f"{loaded.name}{suffix}"
    for duplicate in loaded.duplicates:
        messages.print(f"{duplicate} is named more than once; its runs are trained once")
    if dry_run and not isinstance(chosen, str):
        _show_script(loaded, folder, str(spec), chosen, only or [])
        return
    if dry_run:
        for run in loaded.runs(str(spec)):
            print(run.run_id)  # noqa: T201 - output for scripts
        messages.print(f"{len(loaded.runs(str(spec)))} runs would go to {folder}", highlight=False)
        return
    check_launch(loaded, folder)
    laid_out = lay_out(loaded, folder, str(spec))
    if prepare:
        messages.print(f"{laid_out.paths.root}: {len(laid_out.runs)} runs", soft_wrap=True)
    elif isinstance(chosen, str):
        _launch(laid_out, only or [], chosen, jobs)
    else:
        _submit(laid_out, only or [], chosen, watch=watch, then_analyse=then_analyse)


def _show_script(
    spec: "SweepSpec", folder: Path, source: str, profile: "ClusterProfile", only: list[str]
) -> None:
    from aevae.paths import SweepPaths
    from jobs.slurm import batch_script, check_folder, gpu_hours, next_number

    paths = SweepPaths(folder.resolve())
    check_folder(paths.root)
    runs = len(only) or len(spec.runs(source))
    print(batch_script(paths, next_number(paths), profile, runs))  # noqa: T201 - output for scripts
    messages.print(
        f"{runs} runs, at most {gpu_hours(profile, runs):.1f} GPU-hours; each of up to "
        f"{profile.max_num_timeout} requeues at the time limit may add as much",
        highlight=False,
        soft_wrap=True,
    )


def _submit(
    sweep: "Sweep",
    only: list[str],
    profile: "ClusterProfile",
    *,
    watch: bool,
    then_analyse: bool,
) -> None:
    from jobs.analysis_job import submit_analysis
    from jobs.slurm import submit_missing

    def say(line: str) -> None:
        messages.print(line, highlight=False, soft_wrap=True)

    submitted = submit_missing(sweep, sweep.select(only), profile, say)
    say(f"{submitted} runs submitted; to see them: aevae status {sweep.paths.root} --watch")
    if then_analyse:
        say(f"job {submit_analysis(sweep.paths, profile)}: the analysis, after all runs")
    if watch:
        status(sweep.paths.root, watch=True)


def _launch(sweep: "Sweep", only: list[str], cluster: str, jobs: int | None) -> None:
    from jobs.display import shown, summary_line
    from jobs.local import default_jobs, run_debug, run_local
    from jobs.status import sweep_status

    statuses = sweep_status(sweep, only)
    missing = [s.run_id for s in statuses if s.state != "done" and s.job is None]
    queued = [s.run_id for s in statuses if s.state != "done" and s.job is not None]
    done = len(statuses) - len(missing) - len(queued)
    messages.print(
        f"{sweep.paths.root}: {done} of {len(statuses)} runs are done",
        highlight=False,
        soft_wrap=True,
    )
    if queued:
        messages.print(f"{len(queued)} runs have jobs in a queue: left alone", highlight=False)
    completed = True
    if missing and cluster == "debug":
        run_debug(sweep, missing)
    elif missing:
        with shown(messages) as show:
            completed = run_local(sweep, missing, jobs or default_jobs(len(missing)), show)
    final = sweep_status(sweep, only)
    messages.print(summary_line(final), highlight=False)
    if not completed:
        _fail("stopped; run the same command again to go on", EXIT_INTERRUPTED)
    unfinished = [status for status in final if status.state != "done"]
    for status in unfinished:
        messages.print(
            f"{status.run_id} {status.state}: {status.reason}; "
            f"see aevae logs {sweep.paths.root} {status.run_id}",
            highlight=False,
            soft_wrap=True,
        )
    if unfinished:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: aevae run runs/paper --index 3")
def run(
    sweep_dir: SweepDir,
    run_id: Annotated[str | None, typer.Argument(help="Which run.")] = None,
    index: Annotated[
        int | None, typer.Option(min=0, help="Which run, counted from 0 as in sweep --dry-run.")
    ] = None,
) -> None:
    """Train one run in this process; exit 75 if it was interrupted and can go on."""
    import logging

    from aevae.attempt import LOG_FORMAT
    from aevae.execution import StopRequest
    from jobs.sweep import Sweep

    opened = Sweep.open(sweep_dir)
    if (run_id is None) == (index is None):
        raise InputError("give either a RUN_ID or --index")
    if index is not None:
        if index >= len(opened.runs):
            raise InputError(f"--index must be below {len(opened.runs)}, got {index}")
        run_id = opened.runs[index].run_id
    assert run_id is not None
    opened.select([run_id])
    stop = StopRequest().install()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # After everything that can be wrong cheaply: torch takes seconds to import.
    from aevae.run import execute

    execute(opened.paths, run_id, opened.spec.execution, stop)


@app.command(epilog="Example: aevae status runs/paper --watch")
def status(
    sweep_dir: SweepDir,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw until no run is active.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Show the state of every run. Exit 0 if all are done, else 1."""
    import json
    import time

    from jobs.display import shown, status_table
    from jobs.queue import used_gpu_hours
    from jobs.status import sweep_status
    from jobs.sweep import Sweep

    opened = Sweep.open(sweep_dir)
    statuses = sweep_status(opened)
    if watch:
        with shown(messages) as show:
            show(statuses)
            while any(s.state in ("pending", "running") for s in statuses):
                # A scheduler is shared by many: it is asked seldom.
                time.sleep(10 if opened.paths.submissions() else 1)
                statuses = sweep_status(opened)
                show(statuses)
    elif as_json:
        print(json.dumps([vars(s) for s in statuses], indent=1))  # noqa: T201 - output for scripts
    else:
        Console().print(status_table(statuses))
        hours = used_gpu_hours(opened.paths)
        if hours is not None:
            Console().print(f"{hours:.2f} GPU-hours used", highlight=False)
    if any(s.state != "done" for s in statuses):
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: aevae logs runs/paper vae-z020-s0-1f3a9c2e --follow")
def logs(
    sweep_dir: SweepDir,
    run_id: Annotated[str, typer.Argument(help="Which run.")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
) -> None:
    """Print what the newest attempt at a run said."""
    import time

    from jobs.signals import live_attempt
    from jobs.sweep import Sweep

    opened = Sweep.open(sweep_dir)
    paths = opened.paths.run(opened.select([run_id])[0])
    attempts = paths.attempts()
    if not attempts:
        raise InputError(f"{run_id} was not started yet")
    sys.stdout.write(attempts[-1].stdout.read_text() if attempts[-1].stdout.exists() else "")
    with attempts[-1].stderr.open(encoding="utf-8", errors="replace") as file:
        while True:
            alive = follow and live_attempt(paths) is not None
            sys.stdout.write(file.read())
            sys.stdout.flush()
            if not alive:
                return
            time.sleep(0.5)


@app.command(epilog="Example: aevae cancel runs/paper")
def cancel(
    sweep_dir: SweepDir,
    run_ids: Annotated[list[str] | None, typer.Argument(help="Runs; default: the sweep.")] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to save before KILL.")] = 60,
) -> None:
    """Stop runs here or in a queue; they save a checkpoint, and the next sweep resumes them."""
    from jobs.cancel import cancel_queued
    from jobs.local import stop_launcher
    from jobs.signals import stop_and_wait
    from jobs.sweep import Sweep

    opened = Sweep.open(sweep_dir)
    runs = [opened.paths.run(name) for name in opened.select(run_ids or [])]
    launcher_stopped = not run_ids and stop_launcher(opened)
    with messages.status("waiting for the runs to save and stop"):
        stopped = cancel_queued(opened, [paths.run_id for paths in runs], grace)
        stopped += stop_and_wait(runs, grace, lambda line: messages.print(line, soft_wrap=True))
    if launcher_stopped:
        messages.print("the launcher was told to stop")
    for name in stopped:
        messages.print(f"stopped {name}", highlight=False)
    if not stopped and not launcher_stopped:
        messages.print("nothing was running")


@app.command(epilog="Example: aevae doctor --cluster v100 --data-dir /scratch/data --on-node")
def doctor(
    cluster: Annotated[str, typer.Option(help="As for sweep; local: this machine.")] = "local",
    dataset: Annotated[str, typer.Option(help="What will be trained on.")] = "mnist",
    data_dir: DataDir = Path("data"),
    out: Annotated[Path, typer.Option(help="Folder for sweeps.")] = Path("runs"),
    on_node: Annotated[
        bool, typer.Option("--on-node", help="Check on a node of the cluster, as a job.")
    ] = False,
) -> None:
    """Check that the cluster, the data, the output folder and the GPU are fit for a sweep."""
    import jobs.doctor
    from jobs.cluster import choose_cluster

    chosen = choose_cluster(cluster)
    profile = None if isinstance(chosen, str) else chosen
    if profile is not None and profile.data_dir is not None:
        data_dir = profile.data_dir
    if on_node:
        if profile is None:
            raise InputError(f"--on-node needs a cluster profile, got --cluster {cluster}")
        paths = ["--data-dir", str(data_dir.absolute()), "--out", str(out.absolute())]
        arguments = ["--cluster", cluster, "--dataset", dataset, *paths]
        raise typer.Exit(jobs.doctor.on_node(profile, arguments))
    failed = False
    for finding in jobs.doctor.examine(profile, dataset, data_dir, out):
        failed |= finding.verdict == "failed"
        print(f"{finding.verdict:<8} {finding.subject:<7} {finding.detail}")  # noqa: T201 - output
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _fail(message: str, code: int) -> None:
    messages.print(f"aevae: {message}", style="red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
