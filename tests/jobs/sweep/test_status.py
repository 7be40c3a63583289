"""Files that hold anything do not keep the states of a sweep from being shown."""

import shutil

from jobs.sweep.folder import check_launch, lay_out
from jobs.sweep.state import State
from jobs.sweep.status import sweep_status
from jobs.sweep.to_launch import runs_to_launch


def test_one_folder_that_cannot_be_read_spoils_one_row_and_no_launch(sweep):
    unreadable, other = sweep.runs.current
    folder = sweep.paths.run(unreadable).root
    shutil.rmtree(folder)
    folder.symlink_to(folder)  # whoever looks into it gets an error
    first, second = sweep_status(sweep)
    assert (first.run_id, first.state) == (unreadable, State.UNKNOWN)
    assert "Too many levels of symbolic links" in first.reason
    assert (second.run_id, second.state) == (other, State.PLANNED)
    runs = sweep.spec.runs("spec")
    check_launch(sweep.spec, runs, sweep.paths.root)
    assert lay_out(sweep.spec, runs, sweep.paths.root).runs == sweep.runs
    said = []
    assert runs_to_launch([first, second], [], said.append) == [other]
    assert said == ["1 run is unknown (--only RUN_ID takes one over): left alone"]


def test_a_result_that_cannot_be_read_is_unknown_and_not_damaged(sweep):
    paths = sweep.paths.run(sweep.runs.current[0])
    for path in (paths.trained, paths.evaluation):
        path.symlink_to("/proc/self/mem")  # the kernel refuses its bytes with EIO
    status = sweep_status(sweep)[0]
    assert status.state is State.UNKNOWN
    assert "Input/output error" in status.reason
