"""The analysis as a job that waits for the runs of its sweep."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from aevae.files.layout import SweepPaths
from jobs.launch.code import keep_code
from jobs.launch.container import python_lines, python_words
from jobs.launch.script import check_folder, directives, setup_lines
from jobs.scheduler.commands import SchedulerError, cancel_jobs, queued_jobs_named
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.request import Options
from jobs.scheduler.sbatch import NotSubmitted, submit_script
from jobs.scheduler.submissions import job_name
from jobs.sweep.launcher import launcher_lock


def submit_analysis(paths: SweepPaths, profile: ClusterProfile) -> str:
    """Submit the analysis of a sweep whose runs were submitted; return its job id.

    The analysis starts when no job of the sweep is left. It does not matter how the runs ended,
    because otherwise a failed run would keep the analysis waiting for ever. The analysis itself
    says which runs are missing. An analysis job that still waits is cancelled and replaced.

    Raises
    ------
    SchedulerError
        SLURM cannot be asked, or refused the job.
    InputError
        Another launcher is at work on the sweep.
    """
    try:
        return _submit(paths, profile)
    except NotSubmitted as refusal:
        said = f"the runs were submitted, but sbatch refused the analysis ({refusal})"
    except SchedulerError as error:
        said = f"the runs were submitted, but submitting the analysis failed: {error}"
    raise SchedulerError(f"{said}; the same command submits the analysis again")


def _submit(paths: SweepPaths, profile: ClusterProfile) -> str:
    name = job_name(paths, "analysis")
    jobs = SweepJobs.of(paths)
    if jobs.error is not None:
        raise SchedulerError(jobs.error)
    cluster = jobs.clusters.to_name(profile.clusters)
    cancel_jobs([job.key for job in queued_jobs_named(name, cluster)], cluster)
    with launcher_lock(paths):
        code = keep_code(paths)
    return submit_script(analysis_script(paths, profile, code, jobs.queued_ids))


def analysis_script(
    paths: SweepPaths, profile: ClusterProfile, code: Path | None, awaited: Sequence[str] = ()
) -> str:
    """Return the batch script of the analysis: its options, followed by slurm/analysis.sbatch.

    Parameters
    ----------
    paths, profile
        The sweep, and what its jobs ask for.
    code
        Copy of the code that the job runs; None for the installed code.
    awaited
        Ids of the jobs that must end before the analysis starts.
    """
    check_folder(paths.root)
    request = profile.analysis_request
    options: Options = {"job-name": job_name(paths, "analysis"), "output": str(paths.analysis_log)}
    if awaited:
        options["dependency"] = f"afterany:{':'.join(awaited)}"
    command = [*python_words(request, [paths.root]), "-m", "analysis.cli"]
    return "\n".join(
        [
            "#!/bin/bash",
            *directives({"open-mode": "append"} | request.options | options),
            *("", "# setup", *setup_lines(request.setup), *python_lines(request, code)),
            *("", "# settings of slurm/analysis.sbatch, whose text follows"),
            f'analysis() {{ {shlex.join(command)} "$@"; }}',
            f"SWEEP_DIR={shlex.quote(str(paths.root))}",
            *("AEVAE_ANALYSIS=analysis", "AEVAE_CODE=", ""),
            (SLURM_FILES / "analysis.sbatch").read_text(encoding="utf-8"),
        ]
    )
