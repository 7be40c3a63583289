"""What sbatch prints is believed only where it can be nothing else than the id of the job."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.sbatch import read_job_id

OTHER_LINES = (
    st.text(st.characters(codec="utf-8"), max_size=30)
    .map(lambda text: f"x{text}")
    .filter(lambda text: not any(re.match(r"\s*(\d|Sub)", line) for line in text.splitlines()))
)
FORMS = ("{}", "{};alpha", "Submitted batch job {}", "Submitted batch job {} on cluster alpha")


@given(st.integers(1, 10**9), OTHER_LINES, OTHER_LINES, st.sampled_from(FORMS))
def test_an_id_is_found_between_whatever_a_site_prints(number, before, after, form):
    assert read_job_id(f"{before}\n{form.format(number)}\n{after}\n") == str(number)


@given(OTHER_LINES)
def test_no_id_is_made_up(text):
    with pytest.raises(SchedulerError, match="a job may have been submitted"):
        read_job_id(text)
