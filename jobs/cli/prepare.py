"""Before a sweep: stage the data, examine the machine and the cluster."""

from pathlib import Path
from typing import Annotated

import typer

from aevae.errors import ExitCode, InputError
from jobs.cli.console import ChosenDataDir, DataDir, messages, say


def fetch(
    dataset: Annotated[str, typer.Option(help="mnist, fashion-mnist or digits.")] = "mnist",
    data_dir: DataDir = Path("data"),
    timeout: Annotated[float, typer.Option(help="Seconds that each way may take.")] = 300,
) -> None:
    """Stage and verify a dataset (once, on a machine with a network)."""
    from aevae.data.fetch import fetch as fetch_dataset
    from aevae.data.sources import IDX_SOURCES

    if dataset == "digits":
        say("digits come with scikit-learn: nothing to fetch")
        return
    if dataset not in IDX_SOURCES:
        names = ", ".join([*IDX_SOURCES, "digits"])
        raise InputError(f"dataset must be one of {names}, got {dataset!r}")
    with messages.status(f"fetching {dataset}"):
        fetch_dataset(dataset, data_dir, timeout_s=timeout, say=say)


def doctor(
    cluster: Annotated[str, typer.Option(help="As for sweep; local: this machine.")] = "local",
    dataset: Annotated[str, typer.Option(help="What will be trained on.")] = "mnist",
    data_dir: ChosenDataDir = None,
    out: Annotated[Path, typer.Option(help="Folder for sweeps.")] = Path("runs"),
    on_node: Annotated[
        bool, typer.Option("--on-node", help="Check on a node of the cluster, as a job.")
    ] = False,
) -> None:
    """Check that the cluster, the data, the output folder and the GPU are fit for a sweep."""
    import jobs.cli.doctor
    from aevae.execution import ExecutionConfig
    from aevae.files.filesystem import as_given
    from jobs.scheduler.profile import choose_cluster, settle_execution

    chosen = choose_cluster(cluster)
    profile = None if isinstance(chosen, str) else chosen
    data = settle_execution(ExecutionConfig(), profile, data_dir).data_dir
    if on_node:
        if profile is None:
            raise InputError(f"--on-node needs a cluster profile, got --cluster {cluster}")
        paths = ["--data-dir", str(data), "--out", str(as_given(out))]
        arguments = ["--cluster", cluster, "--dataset", dataset, *paths]
        raise typer.Exit(jobs.cli.doctor.on_node(profile, arguments))
    failed = False
    for finding in jobs.cli.doctor.examine(profile, dataset, data, out):
        failed |= finding.verdict == "failed"
        print(f"{finding.verdict:<8} {finding.subject:<7} {finding.detail}")  # noqa: T201 - output
    if failed:
        raise typer.Exit(ExitCode.INCOMPLETE)
