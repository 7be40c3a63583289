"""On a full or read-only disk, existing files stay, and the message says the reason."""

import os
import subprocess

import pytest

from aevae.files.attempt import read_record
from aevae.files.layout import SweepPaths
from aevae.files.schema import check_results

KIB = 1024


@pytest.fixture
def disk(weird):
    """Mount a small file system; yield it and a function that leaves a given number of KiB free."""
    place = weird / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "aevae", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user cannot mount a filesystem")
    filler = place / "filler"

    def leave_free(kib):
        filler.unlink(missing_ok=True)
        if kib is not None:
            status = os.statvfs(place)
            filler.write_bytes(bytes(status.f_bavail * status.f_frsize - kib * KIB))

    yield place, leave_free
    subprocess.run(["umount", place], check=True)


# This is too little for a checkpoint, for trained.h5, and for evaluation.h5.
@pytest.mark.parametrize(
    ("free_kib", "lost"),
    [
        (300, "checkpoint-000001.pt"),
        (1300, "trained.h5"),
        (1700, "evaluation.h5"),
    ],
)
def test_12_a_run_on_a_full_disk_fails_with_the_reason_and_succeeds_when_there_is_room(
    disk, weird, spec, aevae, free_kib, lost
):
    place, leave_free = disk
    sweep = SweepPaths(place / "sweep")
    # The evaluation needs more room than all before it.
    large = ("--set", "evaluation.samples_per_sampler=1000")
    assert aevae("sweep", spec, "--out", sweep.root, "--prepare", *large, cwd=weird).returncode == 0
    leave_free(free_kib)
    run = sweep.planned()[0]
    full = aevae("run", sweep.root, run.run_id, cwd=weird)
    assert full.returncode == 1
    message = full.stderr.splitlines()[-1]
    assert message.startswith("aevae: disk_full: [Errno 28] No space left on device: ")
    assert lost in message
    assert read_record(run.attempts()[-1]).reason == "disk_full"
    assert not list(sweep.root.rglob(".*.tmp"))
    leave_free(None)
    again = aevae("run", sweep.root, run.run_id, cwd=weird)
    assert again.returncode == 0, again.stderr
    check_results(run)


def test_12_a_run_that_cannot_even_be_claimed_leaves_nothing(disk, weird, spec, aevae):
    place, leave_free = disk
    sweep = SweepPaths(place / "sweep")
    assert aevae("sweep", spec, "--out", sweep.root, "--prepare", cwd=weird).returncode == 0
    leave_free(0)
    run = sweep.planned()[0]
    result = aevae("run", sweep.root, run.run_id, cwd=weird)
    assert result.returncode == 1
    assert result.stderr.startswith("aevae: [Errno 28] No space left on device: ")
    assert len(result.stderr.splitlines()) == 1
    assert not list((run.root / "attempts").iterdir())


def test_12_a_run_without_room_for_a_beat_is_one_line(disk, weird, spec, aevae):
    place, leave_free = disk
    sweep = SweepPaths(place / "sweep")
    assert aevae("sweep", spec, "--out", sweep.root, "--prepare", cwd=weird).returncode == 0
    first, second = sweep.planned()
    assert aevae("run", sweep.root, first.run_id, cwd=weird).returncode == 0
    leave_free(8)  # enough for a record and a log; then not even the failure can be recorded
    full = aevae("run", sweep.root, second.run_id, cwd=weird)
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1].startswith("aevae: [Errno 28] No space left on device: ")
    assert not list(sweep.root.rglob(".*.tmp"))


def test_12_a_sweep_that_cannot_be_laid_out_is_one_line(disk, weird, spec, aevae):
    place, leave_free = disk
    leave_free(0)
    result = aevae("sweep", spec, "--out", place / "sweep", cwd=weird)
    assert result.returncode == 1
    assert result.stderr.startswith("aevae: [Errno 28] No space left on device: ")
    assert len(result.stderr.splitlines()) == 1
    files = [path for path in (place / "sweep").rglob("*") if path.is_file()]
    assert all(path.name == "launcher.lock" and path.stat().st_size == 0 for path in files)


def test_29_an_output_that_cannot_be_written_is_refused(disk, weird, spec, aevae):
    place, _ = disk
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    result = aevae("sweep", spec, "--out", place / "sweep", cwd=weird)
    assert result.returncode == 2
    assert result.stderr == f"aevae: cannot write to {place}\n"


@pytest.mark.nightly
def test_12_output_of_the_analysis_on_a_full_disk_is_one_line(disk, weird, spec, aevae, analyse):
    place, leave_free = disk
    assert aevae("sweep", spec, "--out", weird / "sweep", cwd=weird).returncode == 0
    for command in (["tables"], ["figures", "--only", "digits"], ["embed", "--only", "images"]):
        out = place / command[0]
        out.mkdir()
        leave_free(8)
        result = analyse(*command, weird / "sweep", "--to", out, cwd=weird)
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1].startswith("aevae-analysis: [Errno 28] No space left")
        assert "Traceback" not in result.stderr
        assert not list(out.rglob(".*.tmp"))
        leave_free(None)
    assert analyse(*command, weird / "sweep", "--to", out, cwd=weird).returncode == 0
