import pytest

from analysis.sweep.groups import group_runs, representative, representatives
from analysis.sweep.load import MissingIngredient


def test_titles_name_only_what_is_needed(sweep_of):
    sweep = sweep_of(
        ("ae", 2, {}), ("ae", 2, {"latent_activation": "relu"}), ("vae", 2, {"seed": 1})
    )
    assert [group.title for group in group_runs(sweep)] == [
        "AE (latent_activation=linear)", "AE (latent_activation=relu)", "VAE",
    ]  # fmt: skip


def test_runs_that_differ_in_training_are_not_averaged(sweep_of):
    # The AE has one number of epochs only, and needs no name for it.
    sweep = sweep_of(
        ("vae", 2, {"hidden_sizes": (8, 4)}), ("vae", 2, {"epochs": 9}), ("ae", 2, {"epochs": 9})
    )
    assert {group.title for group in group_runs(sweep)} == {
        "VAE (hidden_sizes=8x4, epochs=3)", "VAE (hidden_sizes=784x784, epochs=9)", "AE",
    }  # fmt: skip


def test_seeds_share_a_group(sweep_of):
    (group,) = group_runs(sweep_of(("vae", 2, {}), ("vae", 2, {"seed": 1}), ("vae", 5, {})))
    assert group.latent_sizes == [2, 5]
    assert [run.config.seed for run in group.of_size(2)] == [0, 1]


def test_representatives_prefer_twenty(sweep_of):
    keys = [(kind, d, {}) for kind in ("ae", "vae", "cvae") for d in (2, 20, 50)]
    chosen = representatives(sweep_of(*keys).runs)
    assert [(run.model, run.latent_size) for run in chosen] == [
        ("ae", 20), ("vae", 20), ("cvae", 20),
    ]  # fmt: skip


def test_representatives_share_the_largest_common_size(sweep_of):
    keys = [("ae", 2, {}), ("ae", 5, {}), ("ae", 20, {}), ("vae", 2, {}), ("vae", 5, {})]
    assert {run.latent_size for run in representatives(sweep_of(*keys).runs)} == {5}


def test_no_common_size_is_a_missing_ingredient(sweep_of):
    with pytest.raises(MissingIngredient, match="no latent size"):
        representatives(sweep_of(("ae", 2, {}), ("vae", 5, {})).runs)


def test_the_run_with_the_lowest_seed_stands_for_its_model(sweep_of):
    runs = sweep_of(("vae", 20, {"seed": 4}), ("vae", 20, {"seed": 1}), ("vae", 2, {})).runs
    assert representative(runs, "vae", 20).config.seed == 1
    assert representative(runs, "cvae", 20) is None
