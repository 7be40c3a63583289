"""Before a sweep: stage a dataset, check the machine and the cluster."""

from pathlib import Path
from typing import Annotated

import typer

from aevae.errors import ExitCode, InputError
from jobs.cli.console import ChosenDataDir, DataDir, messages, say


def fetch(
    dataset: Annotated[str, typer.Option(help="mnist or fashion-mnist.")] = "mnist",
    data_dir: DataDir = Path("data"),
    timeout: Annotated[float, typer.Option(help="Seconds allowed for each source.")] = 300,
) -> None:
    """Stage and verify a dataset (once, on a machine with a network)."""
    from aevae.data.fetch import fetch as fetch_dataset
    from aevae.data.idx import IDX_SOURCES
    from aevae.data.packaged import PACKAGED

    if dataset in PACKAGED:
        say(f"{dataset}: these images are a part of scikit-learn, so there is nothing to fetch")
        return
    if dataset not in IDX_SOURCES:
        names = ", ".join([*IDX_SOURCES, *PACKAGED])
        raise InputError(f"dataset must be one of {names}, got {dataset!r}")
    with messages.status(f"fetching {dataset}"):
        fetch_dataset(dataset, data_dir, timeout_s=timeout, say=say)


def doctor(
    cluster: Annotated[
        str, typer.Option(help="local (this machine), auto, or a cluster profile.")
    ] = "local",
    dataset: Annotated[str, typer.Option(help="Dataset to train on.")] = "mnist",
    data_dir: ChosenDataDir = None,
    out: Annotated[Path, typer.Option(help="Folder for sweeps.")] = Path("runs"),
    on_node: Annotated[
        bool, typer.Option("--on-node", help="Check in a job on a node of the cluster.")
    ] = False,
) -> None:
    """Check that the cluster, the data, the output folder and the GPU can be used for a sweep."""
    import jobs.cli.doctor
    from aevae.execution import ExecutionConfig
    from jobs.launch.on_node import examine_on_node
    from jobs.scheduler.profile import choose_cluster, settle_execution

    chosen = choose_cluster(cluster)
    profile = None if isinstance(chosen, str) else chosen
    data = settle_execution(ExecutionConfig(), profile, data_dir).data_dir
    if on_node:
        if profile is None:
            raise InputError(f"--on-node needs a cluster profile, got --cluster {cluster}")
        paths = ["--data-dir", str(data), "--out", str(out.absolute())]
        arguments = ["--cluster", cluster, "--dataset", dataset, *paths]
        existing = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
        folders = [existing, *(p for p in (data, Path(cluster).absolute().parent) if p.exists())]
        raise typer.Exit(examine_on_node(profile, arguments, folders))
    failed = False
    for finding in jobs.cli.doctor.examine(profile, dataset, data, out):
        failed |= finding.verdict == "failed"
        print(f"{finding.verdict:<8} {finding.subject:<9} {finding.detail}")  # noqa: T201 - output
    if failed:
        raise typer.Exit(ExitCode.INCOMPLETE)
