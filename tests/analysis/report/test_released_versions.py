"""A release must read what every earlier one wrote, and find the same numbers in it."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).parents[2] / "data"
# Upper bounds on what the KL consists of; both bounds have taken their place.
NOT_SHOWN = (
    "mutual_information",
    "mutual_information_se",
    "total_correlation",
    "dimension_wise_kl",
)
RELEASED = sorted(path.name for path in DATA.glob("schema-*"))


@pytest.fixture(scope="module", params=RELEASED)
def released(request, tmp_path_factory):
    """A copy of the sweep that a released version wrote, so that nothing is written beside it."""
    copy = tmp_path_factory.mktemp("released") / request.param
    return Path(shutil.copytree(DATA / request.param, copy))


def test_every_run_is_intact(released, analyse):
    checked = analyse("check", released, cwd=released)
    assert checked.returncode == 0, checked.stdout
    assert "6 of 6 runs ok" in checked.stdout


def test_the_report_is_whole_and_its_tables_are_those_of_the_former_release(released, analyse):
    reported = analyse("report", released, "--to", released / "out", cwd=released)
    assert reported.returncode == 0, reported.stderr
    assert (released / "out" / "report.html").stat().st_size > 1_000_000
    expected = sorted((DATA / "expected" / released.name).glob("*.csv"))
    assert expected
    for path in expected:
        before, found = pd.read_csv(path), pd.read_csv(released / "out" / path.name)
        kept = [name for name in before if name not in NOT_SHOWN]
        named = [name for name in kept if before[name].dtype.kind not in "f"]
        pd.testing.assert_frame_equal(
            found[kept].sort_values(named, ignore_index=True),
            before[kept].sort_values(named, ignore_index=True),
            rtol=1e-4,
        )
