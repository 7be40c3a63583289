import numpy as np
import pytest

from analysis import commands
from analysis.findings import findings
from analysis.measures import nearest_training, study
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient


@pytest.fixture
def several_processes(monkeypatch):
    """Two cores, and every measure and figure worth a process."""
    monkeypatch.setattr(study, "WORTHWHILE", 1)
    monkeypatch.setattr(commands, "usable_cores", lambda: 2)


def forbid(*_):
    raise AssertionError("computed again")


def lacking(_study, what):
    raise MissingIngredient(f"no {what}")


def test_measures_of_several_processes_equal_those_of_one(complete, several_processes, monkeypatch):
    runs = complete.runs[:3]
    alone, together = Study(complete), Study(complete)
    calls = [(nearest_training.sample_pairs, (run,)) for run in runs]
    expected = [nearest_training.sample_pairs(alone, run) for run in runs]
    together.compute(calls, jobs=2)
    monkeypatch.setattr(nearest_training, "_pairs", forbid)
    for run, one in zip(runs, expected, strict=True):
        other = nearest_training.sample_pairs(together, run)
        assert np.array_equal(other.rows, one.rows)
        assert np.array_equal(other.sse, one.sse)


def test_a_measure_that_two_tables_need_is_computed_once(complete, monkeypatch):
    sent = []

    def record(_work, parts, _jobs, *, ordered):
        assert ordered
        for _, calls in parts:
            sent.extend(calls)
            yield [(number, None) for _, (number,) in calls]

    monkeypatch.setattr(study, "side_by_side", record)
    monkeypatch.setattr(study, "WORTHWHILE", 1)
    known = Study(complete)
    known.compute([(forbid, (0,)), (forbid, (1,)), (forbid, (0,))], 2)
    assert sent == [(forbid, (0,)), (forbid, (1,))]
    assert [known.once(forbid, number) for number in (0, 1)] == [0, 1]


def test_why_a_process_could_not_compute_a_measure_is_known(complete, several_processes):
    without = Study(complete)
    without.compute([(lacking, (name,)) for name in ("codes", "outliers")], jobs=2)
    assert set(without._missing.values()) == {"no codes", "no outliers"}


def test_figures_of_several_processes_equal_those_of_one(
    complete_dir, tmp_path, several_processes, monkeypatch
):
    names = ["loss_curves", "selection"]
    assert commands.write_figures(complete_dir, tmp_path / "two", names, ["png"], False) == 0
    monkeypatch.setattr(study, "WORTHWHILE", 10**9)
    assert commands.write_figures(complete_dir, tmp_path / "one", names, ["png"], False) == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["loss_curves.md", "loss_curves.png", "selection.md", "selection.png"]
    for name in files:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_claims_tested_by_several_processes_give_what_one_gives(complete):
    assert findings(Study(complete), jobs=2) == findings(Study(complete))


def test_a_study_does_not_change_while_it_is_sent_to_processes(complete, monkeypatch):
    fresh, known = Study(complete), []

    def one_after_the_other(_work, parts, _jobs, *, ordered):
        assert ordered
        for _, calls in parts:
            # Real processes are sent the last parts after the first results have come back.
            known.append(len(fresh._found))
            yield [(None, None) for _ in calls]

    monkeypatch.setattr(study, "side_by_side", one_after_the_other)
    monkeypatch.setattr(study, "WORTHWHILE", 1)
    fresh.compute([(forbid, (number,)) for number in range(3)], 2)
    assert known == [0, 0, 0]
    assert len(fresh._found) == 3
