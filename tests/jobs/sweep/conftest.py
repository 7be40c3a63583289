from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.scheduler.submissions import Submission, write_submission
from jobs.sweep.folder import Sweep, lay_out
from jobs.sweep.spec import load_spec


@pytest.fixture
def sweep(weird: Path, spec: Path) -> Sweep:
    """A sweep of two runs that have not been started."""
    loaded = load_spec(spec)
    return lay_out(loaded, loaded.runs("spec"), weird / "sweep")


@pytest.fixture
def submit(sweep: Sweep) -> Callable[..., Submission]:
    """A function that records a submission of the sweep's runs, as job 77."""

    def record(**values) -> Submission:
        known = {"number": 1, "job_name": "aevae-abcdef-1", "run_ids": sweep.runs.current}
        known |= {"gpus": 1, "timeout_min": 60, "max_num_timeout": 3, "job_id": "77"}
        known |= {"git_commit": None, "git_dirty": None}
        known |= {"submitted_at": "2026-01-01T00:00:00+00:00"}
        submission = Submission(**known | values)
        write_submission(sweep.paths, submission)
        return submission

    return record
