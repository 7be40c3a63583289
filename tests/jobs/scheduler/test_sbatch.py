"""What sbatch prints is believed only where it can be nothing else than the id of the job."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scheduler import commands
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.sbatch import NotSubmitted, read_job_id, submit_script

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


@pytest.mark.parametrize("answer", ["5\n6", "Submitted batch job 5\nSubmitted batch job 6\n7"])
def test_of_two_ids_neither_is_believed(answer):
    last = answer.splitlines()[-1]
    said = rf"^the answer of sbatch cannot be read \('{last}'\); a job may have been submitted$"
    with pytest.raises(SchedulerError, match=said):
        read_job_id(answer)


def test_an_answer_that_is_nothing_or_long_is_shown_short():
    with pytest.raises(SchedulerError, match=r"cannot be read \(nothing\); a job may"):
        read_job_id("\n \n")
    with pytest.raises(SchedulerError, match=rf"cannot be read \('{'a' * 59}\); a job may"):
        read_job_id("a" * 100)


def test_a_script_is_given_to_sbatch_as_it_is_and_removed(fake, tmp_path):
    fake(
        "sbatch", f"cat \"$1\" >'{tmp_path}/given'; echo \"$1\" >'{tmp_path}/path'; echo '77;alpha'"
    )
    text = "#!/bin/bash\n# ü $HOME 'a'\n"
    assert submit_script(text) == "77"
    assert (tmp_path / "given").read_text(encoding="utf-8") == text
    assert not Path((tmp_path / "path").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "sbatch: error: Batch job submission failed: Invalid qos specification\\n\\n"
            "  sbatch: see sbatch: error: of the manual\\nOur site: use --qos=long",
            "Batch job submission failed: Invalid qos specification; "
            "see sbatch: error: of the manual; Our site: use --qos=long",
        ),
        ("", "exit code 3"),
    ],
)
def test_a_script_that_sbatch_refuses_is_no_job_and_all_it_said_is_told(fake, said, reason):
    fake("sbatch", f"printf '{said}' >&2; echo 5; exit 3")
    with pytest.raises(NotSubmitted, match=f"^{re.escape(reason)}$"):
        submit_script("x")


def test_where_there_is_no_sbatch_no_job_was_submitted(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotSubmitted, match=r"^there is no sbatch on this machine$"):
        submit_script("x")


def test_an_sbatch_that_does_not_answer_may_have_submitted_a_job(fake, monkeypatch):
    monkeypatch.setattr(commands, "TIMEOUT_S", 0.2)
    fake("sbatch", "exec sleep 100")
    said = r"^sbatch did not answer within 0\.2 s; a job may have been submitted$"
    with pytest.raises(SchedulerError, match=said) as caught:
        submit_script("x")
    assert not isinstance(caught.value, NotSubmitted)
