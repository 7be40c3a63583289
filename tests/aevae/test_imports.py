"""Which folders are searched first: the user's order stays, unless it would hide our packages."""

import os
from pathlib import Path

import pytest

from aevae.imports import ROOT, python_path, searched_first


@pytest.mark.parametrize("name", ["torch/__init__.py", "numpy.py", "queue/data.txt", "jobs.txt"])
def test_the_users_order_stays_where_nothing_is_hidden(weird, monkeypatch, name):
    (weird / name).parent.mkdir(exist_ok=True)
    (weird / name).touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(weird), str(ROOT), "/no/such", ""]))
    assert searched_first() == []
    assert python_path() == {}


@pytest.mark.parametrize("name", ["jobs.py", "jobs/train.sh", "analysis/__init__.py", "queue.py"])
def test_ours_and_pythons_own_come_before_a_folder_that_would_hide_them(weird, monkeypatch, name):
    (weird / name).parent.mkdir(exist_ok=True)
    (weird / name).touch()
    monkeypatch.setenv("PYTHONPATH", str(weird))
    *python, ours = searched_first()
    assert ours == str(ROOT)
    assert str(Path(os.__file__).parent) in python
    assert python_path()["PYTHONPATH"].split(os.pathsep) == [*python, ours, str(weird)]
