"""At which settings the article's figures are drawn: one rule, and --at changes it."""

from dataclasses import replace

import pytest

from aevae.errors import InputError
from analysis.sweep.load import Gap
from analysis.sweep.reference import at_reference, described, parse_at


def betas(kind, *values, **rest):
    return [(kind, 2, {"kl_weight": value, **rest}) for value in values]


def test_without_axes_the_reference_is_the_sweep(sweep_of):
    sweep = sweep_of(("ae", 2, {}), ("vae", 2, {}), ("vae", 5, {"seed": 1}))
    assert at_reference(sweep) is sweep
    assert described(sweep) == ""


def test_the_reference_has_the_article_s_value_where_a_kind_was_trained_with_it(sweep_of):
    keys = [("ae", 2, {}), *betas("vae", 0.5, 1.0, 4.0, 8.0), *betas("cvae", 0.1, 0.5, 4.0, 8.0)]
    sweep = sweep_of(*keys)
    part = at_reference(sweep)
    # The CVAE has no run with the default, 1: of its two middle values, the upper.
    assert [(run.model, run.config.model.kl_weight) for run in part.runs if run.model != "ae"] == [
        ("vae", 1.0), ("cvae", 4.0),
    ]  # fmt: skip
    assert described(part) == "kl_weight = 1 (VAE) and 4 (CVAE)"
    assert len(part.every) == len(sweep.runs)


def test_the_article_s_hidden_layers_depend_on_the_kind(sweep_of):
    widths = [(kind, 2, {"hidden_sizes": sizes}) for kind in ("vae", "cvae")
              for sizes in ((), (16,), (2000, 2000))]  # fmt: skip
    assert described(at_reference(sweep_of(*widths))) == (
        "hidden_sizes = 784x784 (VAE) and 794x794 (CVAE)"
    )


def test_seeds_and_latent_sizes_of_the_reference_are_all_there(sweep_of):
    keys = [("vae", d, {"kl_weight": w, "seed": s}) for d in (2, 5) for w in (1.0, 2.0)
            for s in (0, 1)]  # fmt: skip
    part = at_reference(sweep_of(*keys))
    found = {(run.latent_size, run.config.seed) for run in part.runs}
    assert found == {(2, 0), (2, 1), (5, 0), (5, 1)}
    assert {run.config.model.kl_weight for run in part.runs} == {1.0}


def test_a_cell_that_was_excluded_is_replaced_by_the_nearest(sweep_of):
    keys = [*betas("vae", 0.5, 4.0, epochs=50), *betas("vae", 0.5, 1.0, 4.0, epochs=9)]
    sweep = sweep_of(*keys)
    # kl_weight = 1 with 50 epochs is missing; both others differ from it in one setting.
    assert described(at_reference(sweep)) == "kl_weight = 0.5, epochs = 50"
    # What the user asks for is kept, although other cells are as near.
    at = parse_at(sweep, ["train.epochs=9", "kl_weight=4"])
    assert described(at_reference(sweep, at)) == "kl_weight = 4, epochs = 9"


def test_the_reference_of_a_partial_sweep_is_marked_as_such(sweep_of):
    sweep = replace(sweep_of(*betas("vae", 0.5, 1.0)), gaps=(Gap("vae", "missing", "no file"),))
    assert at_reference(sweep).partial_note == "partial: 2 of 3 runs"


def test_a_value_applies_to_every_kind_that_has_it(sweep_of):
    sweep = sweep_of(("ae", 2, {}), *betas("vae", 0.5, 1.0), *betas("cvae", 0.5, 1.0, 2.0))
    assert described(at_reference(sweep, parse_at(sweep, ["kl_weight=5e-1"]))) == (
        "kl_weight = 0.5 (VAE, CVAE)"
    )
    assert described(at_reference(sweep, parse_at(sweep, ["model.kl_weight = 2"]))) == (
        "kl_weight = 1 (VAE) and 2 (CVAE)"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("kl_weight", "--at: expected KEY=VALUE, got 'kl_weight'"),
        (
            "beta=1",
            "--at: 'beta' does not vary in this sweep (what varies: hidden_sizes, kl_weight)",
        ),
        ("kl_weight=3", "--at: no run has kl_weight = '3' (valid: 0.5, 1)"),
        ("hidden_sizes=8", "--at: no run has hidden_sizes = '8' (valid: 16, 256x128)"),
    ],
)
def test_wrong_values_are_one_line(sweep_of, option, message):
    sweep = sweep_of(
        *betas("vae", 0.5, 1.0, hidden_sizes=(16,)), *betas("vae", 1.0, hidden_sizes=(256, 128))
    )
    with pytest.raises(InputError) as caught:
        parse_at(sweep, [option])
    assert str(caught.value) == message


def test_without_axes_no_value_can_be_chosen(sweep_of):
    with pytest.raises(InputError, match="--at epochs=3: no setting varies in this sweep"):
        parse_at(sweep_of(("ae", 2, {})), ["epochs=3"])
