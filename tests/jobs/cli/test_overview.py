"""Before a launch, a user sees what it comprises; a very large one must be agreed to."""

import pytest

from aevae.errors import InputError
from jobs.cli import overview as module
from jobs.cli.overview import confirm, overview
from jobs.sweep.folder import Sweep
from jobs.sweep.spec import load_spec


@pytest.fixture
def foreseen(spec, weird):
    loaded = load_spec(
        spec, ["seeds=[0, 1]"], ["vae.kl_weight=2,0.5", "train.epochs=1,2,3,4,5,6,7,8,9,10,11"]
    )
    return Sweep.foresee(loaded, loaded.runs("it"), weird / "sweep")


def test_every_list_is_shown_with_its_values_and_how_many_runs_have_them(foreseen):
    assert list(overview(list(foreseen.cells.values()))) == [
        "model            ae (22 runs), vae (44 runs)",
        "latent_size      2 (66 runs)",
        "model.kl_weight  0.5, 2 (22 runs each); 22 runs without this setting",
        "train.epochs     1, 2, 3, 4, 5, 6, 7, 8, ... 2 more ..., 11 (6 runs each)",
        "seed             0, 1 (33 runs each)",
        "66 runs in 33 cells; the seeds of a cell are its replicates",
    ]


def test_one_cell_is_no_cells(spec):
    runs = load_spec(spec, ['models=["ae"]', "latent_sizes=[2]", "seeds=[0, 1]"]).runs("it")
    last = "2 runs in 1 cell; the seeds of a cell are its replicates"
    assert list(overview(runs))[-1] == last


class Terminal:
    """A terminal, at which a user gives one answer or closes the input."""

    is_terminal = True

    def __init__(self, answer):
        self.answer, self.asked = answer, None

    def isatty(self):
        return True

    def input(self, question, *, markup):
        self.asked = question
        if self.answer is None:
            raise EOFError
        return self.answer


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [("y", True), (" Yes", True), ("n", False), ("", False), ("x", False), (None, False)],
)
def test_a_launch_of_many_runs_is_asked_about_on_a_terminal(foreseen, monkeypatch, answer, agreed):
    terminal = Terminal(answer)
    monkeypatch.setattr(module, "messages", terminal)
    monkeypatch.setattr(module.sys, "stdin", terminal)
    run_ids = foreseen.runs.current
    monkeypatch.setattr(module, "MOST_UNASKED", len(run_ids))
    confirm(foreseen, run_ids, yes=False)
    assert terminal.asked is None
    monkeypatch.setattr(module, "MOST_UNASKED", len(run_ids) - 1)
    if agreed:
        confirm(foreseen, run_ids, yes=False)
    else:
        with pytest.raises(InputError, match=r"^not confirmed: nothing was written or"):
            confirm(foreseen, run_ids, yes=False)
    assert terminal.asked == "66 runs will start. Go on? [y/N] "


def test_without_a_terminal_many_runs_need_yes_and_done_runs_do_not_count(foreseen, monkeypatch):
    run_ids = foreseen.runs.current
    monkeypatch.setattr(module, "MOST_UNASKED", len(run_ids) - 1)
    with pytest.raises(InputError, match=r"^66 runs are more than the 65 .* with --yes$"):
        confirm(foreseen, run_ids, yes=False)
    confirm(foreseen, run_ids, yes=True)
    done = foreseen.paths.run(run_ids[0])
    done.root.mkdir(parents=True)
    done.evaluation.touch()
    confirm(foreseen, run_ids, yes=False)
