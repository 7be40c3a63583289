"""The analysis as a job that waits for the runs of its sweep."""

import sys
from pathlib import Path

from aevae.files.layout import SweepPaths
from jobs.launch.code import keep_code
from jobs.scheduler.commands import SchedulerError, ask, cancel_jobs, queued_jobs_named
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.submissions import job_name
from jobs.sweep.launcher import launcher_lock


def submit_analysis(paths: SweepPaths, profile: ClusterProfile) -> str:
    """Submit the analysis to start when no job of the sweep is left; return its job id.

    It starts however the runs ended (a run that failed must not keep it waiting for ever), and
    says itself which are missing. An analysis that still waits is replaced.

    Raises
    ------
    SchedulerError
        SLURM cannot be asked, or refused.
    InputError
        Another launcher is at work on the sweep.
    """
    name = job_name(paths, "analysis")
    jobs = SweepJobs.of(paths)
    if jobs.error is not None:
        raise SchedulerError(jobs.error)
    cancel_jobs([job.key for job in queued_jobs_named(name) if job.name == name])
    awaited = jobs.queued_ids
    options = profile.options("partition", "account", "qos")
    if awaited:
        options.append(f"--dependency=afterany:{':'.join(awaited)}")
    command = Path(sys.executable).with_name("aevae-analysis")
    variables = {"SWEEP_DIR": str(paths.root), "AEVAE_ANALYSIS": str(command)}
    with launcher_lock(paths):
        code = keep_code(paths)
    if code is not None:
        variables["AEVAE_CODE"] = str(code)
    options += [f"--job-name={name}", f"--output={paths.analysis_log}"]
    script = str(SLURM_FILES / "analysis.sbatch")
    printed = ask("sbatch", "--parsable", *options, script, variables=variables)
    return printed.strip().partition(";")[0]
