import pytest

from aevae.config import EvaluationConfig
from aevae.files.layout import RunPaths
from aevae.files.schema import CheckedResults
from analysis.sweep.groups import group_runs, representative, representatives
from analysis.sweep.load import MissingIngredient, Run


@pytest.fixture
def runs(make_config, tmp_path):
    def make(*keys):
        # Without hidden sizes these are the article's, which are plain.
        configs = [make_config(kind, d, hidden_sizes=(), **rest) for kind, d, rest in keys]
        return [
            Run(
                RunPaths(tmp_path / c.run_id),
                CheckedResults(c.run_id, c, EvaluationConfig(), {}, "", {}, 2, 1),
            )
            for c in configs
        ]

    return make


def test_titles_name_only_what_is_needed(runs):
    groups = group_runs(
        runs(("ae", 2, {}), ("ae", 2, {"latent_activation": "relu"}), ("vae", 2, {"seed": 1}))
    )
    assert [group.title for group in groups] == ["AE (linear)", "AE (relu)", "VAE"]


def test_runs_that_differ_in_training_are_not_averaged(runs):
    groups = group_runs(runs(("vae", 2, {}), ("vae", 2, {"epochs": 9}), ("ae", 2, {})))
    assert [group.title for group in groups] == [
        "VAE (gaussian, epochs=3)", "VAE (gaussian, epochs=9)", "AE",
    ]  # fmt: skip


def test_seeds_share_a_group(runs):
    (group,) = group_runs(runs(("vae", 2, {"seed": 0}), ("vae", 2, {"seed": 1}), ("vae", 5, {})))
    assert group.latent_sizes == [2, 5]
    assert [run.config.seed for run in group.of_size(2)] == [0, 1]


def test_representatives_prefer_twenty(runs):
    keys = [(kind, d, {}) for kind in ("ae", "vae", "cvae") for d in (2, 20, 50)]
    chosen = representatives(runs(*keys))
    assert [(run.model, run.latent_size) for run in chosen] == [
        ("ae", 20), ("vae", 20), ("cvae", 20),
    ]  # fmt: skip


def test_representatives_share_the_largest_common_size(runs):
    keys = [("ae", 2, {}), ("ae", 5, {}), ("ae", 20, {}), ("vae", 2, {}), ("vae", 5, {})]
    assert {run.latent_size for run in representatives(runs(*keys))} == {5}


def test_no_common_size_is_a_missing_ingredient(runs):
    with pytest.raises(MissingIngredient, match="no latent size"):
        representatives(runs(("ae", 2, {}), ("vae", 5, {})))


def test_representative_is_plain_long_trained_and_first_seeded(runs):
    candidates = runs(
        ("vae", 20, {"likelihood": "bernoulli", "epochs": 9}),
        ("vae", 20, {"epochs": 2}),
        ("vae", 20, {"seed": 4}),
        ("vae", 20, {"seed": 1}),
    )
    assert representative(candidates, "vae", 20) is candidates[3]
    assert representative(candidates, "cvae", 20) is None
