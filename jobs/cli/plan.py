"""Showing what a launch would do, before it does anything."""

import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.cli.console import say

if TYPE_CHECKING:
    from aevae.config import RunConfig
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.folder import Sweep


def show_plan(
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


def say_how_by_hand(sweep: "Sweep") -> None:
    """Say how to submit the runs of a sweep with sbatch."""
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
