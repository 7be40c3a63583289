"""Showing what a launch would do, before it does anything."""

import shlex
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from aevae.errors import InputError, RunFailed
from aevae.words import counted
from jobs.cli.console import say

if TYPE_CHECKING:
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.folder import Sweep


def show_plan(sweep: "Sweep", run_ids: Sequence[str], cluster: "ClusterProfile | str") -> None:
    """Print some runs or, for a cluster, their batch script, and what they comprise and may cost.

    Parameters
    ----------
    sweep
        The sweep; nothing of it need be written yet.
    run_ids
        Runs that would be launched.
    cluster
        Where: ``local``, ``debug`` or the profile of a cluster.
    """
    from jobs.cli.overview import overview
    from jobs.sweep.configs import read_configs

    lines = list(overview(list(read_configs(sweep, run_ids).values())))
    if isinstance(cluster, str):
        print("\n".join(run_ids))  # noqa: T201 - output for scripts
        lines.append(f"{counted(len(run_ids), 'run')} would go to {sweep.paths.root}")
    else:
        lines.append(_print_script(sweep, len(run_ids), cluster))
    for line in lines:
        say(line)


def show_objections(sweep: "Sweep", run_ids: Sequence[str]) -> None:
    """Print what a launch of some runs would say: that it is refused, or that they are short."""
    from jobs.sweep.folder import check_launch, few_steps

    try:
        check_launch(sweep.spec, list(sweep.cells.values()), sweep.paths.root)
        if note := few_steps(sweep, run_ids):
            say(note)
    except (InputError, RunFailed, OSError) as error:
        say(f"a launch would be refused: {error}")


def _print_script(sweep: "Sweep", runs: int, profile: "ClusterProfile") -> str:
    """Print the batch script of a number of runs, and return a line about what they may cost."""
    from jobs.launch.code import code_folder
    from jobs.launch.script import batch_script, check_folder, gpu_hours
    from jobs.launch.slurm import next_number

    check_folder(sweep.paths.root)
    number, code = next_number(sweep.paths), code_folder(sweep.paths)
    script = batch_script(sweep.paths, number, profile, runs, code=code)
    print(script)  # noqa: T201 - output for scripts
    return (
        f"{counted(runs, 'run')}, at most {gpu_hours(profile, runs):.1f} GPU-hours; each of up to "
        f"{profile.max_num_timeout} requeues at the time limit may add as much"
    )


def say_how_by_hand(sweep: "Sweep") -> None:
    """Say how to submit the runs of a sweep with sbatch."""
    from jobs.scheduler.profile import SLURM_FILES

    folder, script = (shlex.quote(str(p)) for p in (sweep.paths.root, SLURM_FILES / "train.sbatch"))
    indices = _ranges([sweep.runs.index[run_id] for run_id in sweep.runs.current])
    count = len(sweep.runs.current)
    say(f"{counted(count, 'run')}; by hand: SWEEP_DIR={folder} sbatch --array={indices} {script}")


def _ranges(numbers: list[int]) -> str:
    """Write numbers as SLURM does, for example ``0-3,7``."""
    # Within a range, the difference of a number and its position is constant.
    groups = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ranges = [[number for _, number in group] for _, group in groups]
    return ",".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in ranges)
