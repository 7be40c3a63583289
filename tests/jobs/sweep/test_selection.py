"""Runs are chosen by what a user knows of them, and a term that names none says what there is."""

import pytest

from aevae.errors import InputError
from jobs.sweep.folder import Sweep, lay_out
from jobs.sweep.selection import select_runs
from jobs.sweep.spec import load_spec

GRID = ("train.learning_rate=1e-3,1e-2", "vae.kl_weight=1,2")


@pytest.fixture
def sweep(spec, weird):
    """An AE and two VAEs, each with two learning rates; nothing has been started."""
    loaded = load_spec(spec, (), GRID)
    return lay_out(loaded, loaded.runs("it"), weird / "sweep")


def chosen(sweep, *terms, among=()):
    """The positions of the chosen runs among those of the sweep."""
    return [sweep.runs.index[run_id] for run_id in select_runs(sweep, terms, among).run_ids]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("vae-*",), [2, 3, 4, 5]),
        (("ae-z002-s[01]-*",), [0, 1]),
        (("model=ae",), [0, 1]),
        (("d=2",), [0, 1, 2, 3, 4, 5]),
        (("latent_size = 2",), [0, 1, 2, 3, 4, 5]),
        (("seed=0",), [0, 1, 2, 3, 4, 5]),
        (("learning_rate=1e-2",), [1, 3, 5]),
        (("train.learning_rate=0.01,7",), [1, 3, 5]),
        (("kl_weight=2",), [4, 5]),  # the AE, which has no KL term, has no weight
        (("vae.kl_weight=1",), [2, 3]),
        (("hidden_sizes=[32]",), [0, 1, 2, 3, 4, 5]),
        (("kl_weight=2", "ae-*", "model=ae"), [0, 1, 4, 5]),
    ],
)
def test_runs_are_chosen_by_pattern_and_by_value_and_terms_add_up(sweep, terms, expected):
    assert chosen(sweep, *terms) == expected
    assert not select_runs(sweep, terms).named


def test_only_an_id_that_is_written_out_is_insisted_on(sweep):
    run_id = sweep.runs.current[3]
    selection = select_runs(sweep, ["model=ae", run_id])
    assert chosen(sweep, "model=ae", run_id) == [0, 1, 3]
    assert selection.named == {run_id}


def test_a_run_that_left_the_specification_is_chosen_where_it_may_still_be_at_work(sweep, spec):
    loaded = load_spec(spec, ['models=["ae"]'])
    smaller = lay_out(loaded, loaded.runs("it"), sweep.paths.root)
    gone = sweep.runs.current[5]
    assert chosen(smaller, "d=2") == [0]
    assert chosen(smaller, gone) == [5]
    # Its values are those of its own file, as the specification does not have it any more.
    planned = smaller.runs.planned
    assert chosen(smaller, "kl_weight=2", among=planned) == [4, 5]
    sweep.paths.run(gone).config.write_text("{")
    assert chosen(smaller, "kl_weight=2", among=planned) == [4]


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("nosuch", "{root} has no run 'nosuch': it has 6 runs, such as {first}"),
        ("cvae-*", "no run of {root} matches 'cvae-*': it has 6 runs, such as {first}"),
        ("d=7", "no run of {root} has d=7: there is 2"),
        ("kl_weight=7", "no run of {root} has kl_weight=7: there is 1, 2"),
        ("cvae.kl_weight=1", "no run of {root} has cvae.kl_weight=1: there is none"),
        ("foo=1", "'foo=1' chooses no runs: no setting is called 'foo'; valid are d, model, lat"),
        ("ae.kl_weight=1", "'ae.kl_weight=1' chooses no runs: ae.kl_weight: kl_weight does not"),
        ("d=x", "'d=x' chooses no runs: input should be a valid integer, got 'x'"),
    ],
)
def test_a_term_that_names_no_run_is_one_line_with_what_there_is(sweep, term, message):
    with pytest.raises(InputError) as caught:
        select_runs(sweep, [sweep.runs.current[0], term])
    expected = message.format(root=sweep.paths.root, first=sweep.runs.current[0])
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_a_sweep_is_foreseen_as_it_will_be_written(sweep, spec, weird):
    loaded = load_spec(spec, ["seeds=[1]"])
    runs = loaded.runs("it")
    for folder in (sweep.paths.root, weird / "elsewhere"):
        foreseen = Sweep.foresee(loaded, runs, folder)
        assert list(foreseen.cells.values()) == runs
        assert lay_out(loaded, runs, folder) == foreseen
