"""The analysis as a job that waits for the runs of its sweep."""

import sys
from pathlib import Path

from aevae.files.layout import SweepPaths
from jobs.launch.code import keep_code
from jobs.launch.slurm import clean_environment
from jobs.scheduler.commands import ask, cancel_jobs, queued_jobs
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile
from jobs.scheduler.request import command_line
from jobs.scheduler.submissions import job_name, read_submissions
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
    queue = queued_jobs([name, *(s.job_name for s in read_submissions(paths))])
    cancel_jobs([job.key for job in queue.values() if job.name == name])
    awaited = sorted({job.key.partition("_")[0] for job in queue.values() if job.name != name})
    asked = {"partition": profile.partition, "account": profile.account, "qos": profile.qos}
    options = command_line({name: value for name, value in asked.items() if value is not None})
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
    with clean_environment():
        printed = ask("sbatch", "--parsable", *options, script, variables=variables)
    return printed.strip().partition(";")[0]
