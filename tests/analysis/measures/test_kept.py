"""What one command has measured is there for the next, until something changes."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from analysis.measures import kept
from analysis.measures.study import Study, kept_for_commands
from analysis.tables import registry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv(kept.FOLDER, str(tmp_path / "cache"))
    kept._memory.cache_clear()
    yield tmp_path / "cache"
    kept._memory.cache_clear()


@pytest.fixture
def measured(complete, tmp_path):
    """Ask for a measure in a new study, as a new command does; count how often it is computed."""
    calls = []

    @kept_for_commands
    def measure(study, argument):
        calls.append(argument)
        return {"of": argument}

    def ask(argument=1, embeddings=tmp_path, sweep=complete):
        assert measure(Study(sweep, embeddings), argument) == {"of": argument}
        return len(calls)

    return ask


def test_the_next_command_finds_what_was_measured(folder, measured):
    assert [measured(), measured(), measured(2), measured(2), measured()] == [1, 1, 2, 2, 2]


def test_a_study_that_keeps_no_embeddings_keeps_nothing(folder, measured):
    assert [measured(embeddings=None), measured(embeddings=None)] == [1, 2]
    assert not list(folder.rglob("*.pkl"))


def test_nothing_is_kept_where_the_user_wants_no_cache(measured):
    assert os.environ[kept.FOLDER] == ""
    assert [measured(), measured()] == [1, 2]


def test_another_results_file_or_code_is_another_state(folder, measured, complete, monkeypatch):
    assert measured() == 1
    assert measured(sweep=complete.part(complete.runs[:2])) == 1  # a part of the same sweep
    fewer = SimpleNamespace(every=complete.runs[1:], dataset=complete.dataset)
    assert kept.state_of(fewer) != kept.state_of(complete)
    monkeypatch.setattr(kept, "_code", lambda: "new")
    assert measured() == 2


def test_a_damaged_file_is_replaced(folder, measured):
    measured()
    for path in folder.rglob("output.pkl"):
        path.write_bytes(b"\x80")
    assert [measured(), measured()] == [2, 2]


def test_without_a_place_to_write_everything_is_computed(folder, measured):
    folder.write_text("a file")
    assert [measured(), measured()] == [1, 2]


def test_the_results_used_last_stay_and_the_limit_is_looked_at_once_a_day(
    folder, measured, monkeypatch
):
    monkeypatch.setattr(kept, "LIMIT", "1K")

    def ask_for_many():
        for argument in range(30):
            measured(argument)
        kept.remove_oldest()
        return len(list(folder.rglob("output.pkl")))

    assert 0 < ask_for_many() < 30
    assert ask_for_many() == 30
    (mark,) = folder.glob(kept.CLEANED)
    os.utime(mark, times=(0, 0))
    assert 0 < ask_for_many() < 30


def test_a_table_is_kept_unless_the_sweep_is_large(folder, complete, tmp_path, monkeypatch):
    def computed():
        """Count how often another command computes the table."""
        made = []
        empty = pd.DataFrame()
        recipe = replace(registry.RECIPES["auroc"], make=lambda *_: made.append(1) or empty)
        monkeypatch.setitem(registry.RECIPES, "auroc", recipe)
        registry.compute_table(Study(complete, tmp_path), "auroc")
        return len(made)

    assert [computed(), computed()] == [1, 0]
    monkeypatch.setattr(registry, "MOST_KEPT", len(complete.runs) - 1)
    assert [computed(), computed()] == [1, 1]
