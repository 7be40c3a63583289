"""A grid gives exactly the runs that its lists describe, and a mistake in it is one line."""

import tomllib

import pytest

from aevae.axes import value_of
from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.errors import InputError
from jobs.sweep.options import parse_values
from jobs.sweep.spec import load_spec

HEAD = """name = "tiny"
models = ["ae", "vae"]
latent_sizes = [2]
data.dataset = "digits"
train.epochs = 3
model.hidden_sizes = [8]
"""


@pytest.fixture
def written(weird):
    """A function that writes a specification of the AE and the VAE and reads it."""

    def load(text="", *grids, head=HEAD, settings=()):
        path = weird / "a spec.toml"
        path.write_text(head + text)
        return load_spec(path, settings, grids)

    return load


def cells(loaded, *keys):
    """Kind of model and the values of some keys of all runs."""
    return [(run.model.kind, *(value_of(run, key) for key in keys)) for run in loaded.runs("it")]


def test_each_value_is_combined_with_each_and_only_for_models_that_have_the_setting(written):
    loaded = written(
        'seeds = [0, 1]\n[grid]\n"model.kl_weight" = [0.5, 2]\n"train.learning_rate" = [0.1, 0.2]'
    )
    runs = loaded.runs("it")
    assert [
        (run.model.kind, run.model.kl_weight, run.train.learning_rate, run.seed) for run in runs
    ]
    expected = [
        RunConfig(
            model=ModelConfig(kind=kind, latent_size=2, hidden_sizes=(8,), **weight),
            train=TrainConfig(epochs=3, learning_rate=rate),
            data=loaded.data,
            seed=seed,
        )
        for kind, weights in (("ae", [{}]), ("vae", [{"kl_weight": 0.5}, {"kl_weight": 2.0}]))
        for weight in weights
        for rate in (0.1, 0.2)
        for seed in (0, 1)
    ]
    assert runs == expected
    assert [run.run_id for run in runs] == [run.run_id for run in expected]


def test_the_list_of_a_kind_wins_over_that_of_all_models_and_lists_win_over_tables(written):
    loaded = written(
        "vae.hidden_sizes = [9]\ncvae.kl_weight = 3.0\n"
        "grid = {model = {hidden_sizes = [[1], [2]], kl_weight = [4]}, vae.hidden_sizes = [[3]]}",
        settings=['models=["ae", "vae", "cvae"]'],
    )
    assert cells(loaded, "model.hidden_sizes", "model.kl_weight") == [
        ("ae", (1,), None),
        ("ae", (2,), None),
        ("vae", (3,), 4.0),
        ("cvae", (1,), 4.0),
        ("cvae", (2,), 4.0),
    ]


def test_a_list_of_the_command_line_replaces_that_of_the_file(written):
    text = '[grid]\n"vae.kl_weight" = [7]\n[grid.train]\nlearning_rate = [1]\n'
    loaded = written(text, "train.learning_rate=1e-3, 1e-2", "model.hidden_sizes=[4,4],[5]")
    assert loaded.grid == {
        "vae.kl_weight": (7.0,),
        "train.learning_rate": (0.001, 0.01),
        "model.hidden_sizes": ((4, 4), (5,)),
    }
    assert written("", "train.schedule=constant,one-cycle").grid["train.schedule"] == (
        "constant",
        "one-cycle",
    )
    assert parse_values("true,[a,b],'c'") == [True, ["a", "b"], "c"]


def test_excluded_cells_are_left_out_even_if_their_settings_do_not_fit_together(written):
    loaded = written(
        """
        exclude = [
          {model = "vae", "model.likelihood" = "gaussian", "model.dynamic_binarisation" = true},
          {"ae.likelihood" = ["bernoulli", "gaussian"], "model.dynamic_binarisation" = true},
          {"model.hidden_sizes" = [8], latent_size = 3},
          {seed = [0], "vae.kl_weight" = 1.0, "train.epochs" = [3, 4]},
        ]
        [grid]
        "model.likelihood" = ["gaussian", "bernoulli"]
        "model.dynamic_binarisation" = [false, true]
        """,
        settings=["seeds=[0, 1]", "latent_sizes=[2, 3]"],
    )
    found = cells(loaded, "model.likelihood", "model.dynamic_binarisation")
    assert found == [
        *[("ae", likelihood, False) for likelihood in ("gaussian", "bernoulli") for _ in (0, 1)],
        ("vae", "gaussian", False),
        ("vae", "bernoulli", False),
        ("vae", "bernoulli", True),
    ]
    assert {run.model.latent_size for run in loaded.runs("it")} == {2}


def test_a_row_without_cells_is_told(written):
    told = []
    row = 'exclude = [{model = "ae"}, {"vae.kl_weight" = 9}]'
    assert len(written(row).runs("it", told.append)) == 1
    assert told == ["exclude row 2 agrees with no cell"]
    message = "all 2 cells of it are excluded"
    assert refused(written("exclude = [{seed = 0}]").runs, "it") == message


def test_rows_add_cells_that_share_nothing_but_the_tables(written):
    rows = """
    [[include]]
    model = ["ae", "vae"]
    latent_size = [2, 3]
    "vae.kl_weight" = [0.5, 2.0]

    [[include]]
    model = "cvae"
    latent_size = 5
    seed = [1, 2]
    train.epochs = 9
    """
    head = HEAD.replace('models = ["ae", "vae"]\nlatent_sizes = [2]\n', "")
    assert cells(written(rows, head=head), "model.latent_size", "model.kl_weight") == [
        *[("ae", d, None) for d in (2, 3)],
        *[("vae", d, weight) for d in (2, 3) for weight in (0.5, 2.0)],
        *[("cvae", 5, 1.0)] * 2,
    ]
    last = written(rows, head=head).runs("it")[-1]
    assert (last.train.epochs, last.seed, last.model.hidden_sizes) == (9, 2, (8,))
    # The grid has no effect on a row, and a row takes the lists that it does not name.
    loaded = written('grid."vae.kl_weight" = [3]\ninclude = [{"train.learning_rate" = 0.5}]')
    assert cells(loaded, "model.kl_weight", "train.learning_rate") == [
        ("ae", None, 0.001),
        ("vae", 3.0, 0.001),
        ("ae", None, 0.5),
        ("vae", 1.0, 0.5),
    ]


def test_lists_and_rows_read_back_as_they_were_written(written, weird):
    loaded = written(
        'exclude = [{"model.hidden_sizes" = [3, 4], seed = 0}, {"model.hidden_sizes" = [[5]]}]\n'
        'include = [{latent_size = [4, 5], "train.learning_rate" = 1}]\n'
        'grid = {"model.hidden_sizes" = [[3, 4], []], train.schedule = ["constant"]}'
    )
    path = weird / "sweep.toml"
    path.write_text(loaded.to_toml())
    assert load_spec(path) == loaded
    assert load_spec(path).runs("it") == loaded.runs("it")
    kept = tomllib.loads(loaded.to_toml())
    assert kept["grid"] == {"model.hidden_sizes": [[3, 4], []], "train.schedule": ["constant"]}


def test_a_sweep_may_get_more_cells_by_a_grid_and_rows(written):
    rows = 'include = [{"train.epochs" = 9}]\nexclude = [{model = "ae"}]'
    larger = written(f'{rows}\ngrid."train.learning_rate" = [0.1]')
    assert larger.science_difference(written()) is None
    assert written().science_difference(larger) is None


def refused(load, *arguments):
    with pytest.raises(InputError) as caught:
        load(*arguments)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'grid."train.learning_rat" = [1]',
            "grid: no setting 'train.learning_rat' may vary; valid",
        ),
        (
            "grid.name = ['a', 'b']",
            "grid: no setting 'name' may vary; valid are model.hidden_sizes",
        ),
        ("grid.seed = [1]", "grid: seed has a list of its own: seeds"),
        ("grid.latent_sizes = [1]", "grid: latent_sizes has a list of its own: latent_sizes"),
        ("grid.data.split_seed = [1]", "grid: no setting 'data.split_seed' may vary; valid are"),
        ("grid.ae.kl_weight = [1]", "grid: ae.kl_weight: kl_weight does not apply to the ae"),
        (
            'grid.train.learning_rate = [0.1, "x", 0.3]',
            "grid: train.learning_rate: value 2 of 3: input should be a valid number, got 'x'",
        ),
        ("grid.train.epochs = [1, 0]", "grid: train.epochs: value 2 of 2: input should be greater"),
        ("grid.model.kl_weight = [1, inf]", "grid: model.kl_weight: value 2 of 2: input should be"),
        ("grid.model.hidden_sizes = [2, 3]", "value 1 of 2: must be a list, such as [2], got 2"),
        ("grid.train.epochs = []", "grid: train.epochs: the list has no value"),
        ("grid.train.epochs = 2", "grid: train.epochs must be a list of values, such as [2]"),
        ("grid.model.kl_weight = [1, 2, 1.0]", "grid: model.kl_weight: 1.0 is named twice"),
        ('grid = {"train.epochs" = [1], train.epochs = [2]}', "grid: train.epochs is named twice"),
        ("grid = 3", "grid: must be a table of keys and values, got 3"),
        ("exclude = 3", "exclude: must be rows, each a table of keys and values, got 3"),
        ("exclude = [3]", "exclude: row 1: must be a table of keys and values"),
        ("exclude = [{seed = 1}, {}]", "exclude: row 2: it has no key"),
        ('exclude = [{model = "aee"}]', "row 1: model: no model is called 'aee'; valid are ae"),
        ('exclude = [{model = ["ae", 1]}]', "row 1: model: value 2 of 2: input should be a valid"),
        ("include = [{seeds = 1}]", "include: row 1: no setting 'seeds' may vary"),
        ("include = [{seed = [1, 1]}]", "include: row 1: seed: 1 is named twice"),
        ("include = [{seed = []}]", "include: row 1: seed: the list has no value"),
        ("exclude = [{seed = -1}]", "exclude: row 1: seed: input should be greater than or equal"),
    ],
)
def test_a_bad_list_is_one_line_with_the_key_and_what_is_valid(written, text, message):
    said = refused(written, text)
    assert message in said
    assert "a spec.toml" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid.cvae.kl_weight = [1]", "grid: cvae.kl_weight decides nothing for ae, vae in it"),
        (
            "grid = {model.kl_weight = [2], vae.kl_weight = [3]}",
            "grid: model.kl_weight decides nothing for ae, vae in it",
        ),
        (
            'include = [{model = "ae", "vae.kl_weight" = 2}]',
            "include row 1: vae.kl_weight decides nothing for ae in it",
        ),
        ("grid.model.hidden_sizes = [[], [784, 784]]", "it has the cell ae-z002-s0-"),
        ('include = [{"train.epochs" = 3}]', "it has the cell ae-z002-s0-"),
        (
            "grid.model.dynamic_binarisation = [false, true]",
            'dynamic_binarisation needs likelihood = "bernoulli" in it (ae)',
        ),
    ],
)
def test_lists_that_do_not_fit_the_sweep_are_one_line(written, text, message):
    assert refused(written(text).runs, "it").startswith(message)


def test_lists_without_a_model_are_refused(written):
    head = 'name = "tiny"\nlatent_sizes = [2]\n'
    assert "models must name at least one value" in refused(lambda: written(head=head))
    loaded = written("include = [{seed = 1}]", head=head)
    message = "include row 1 names no model, and the list models is empty in it"
    assert refused(loaded.runs, "it") == message
    loaded = written('grid.train.epochs = [1]\ninclude = [{model = "ae"}]', head=head)
    assert refused(loaded.runs, "it") == "grid: train.epochs decides nothing for no model in it"


def test_thousands_of_millions_of_cells_are_counted_and_never_made(written):
    numbers = ",".join(str(number) for number in range(1, 1001))
    keys = ("train.epochs", "train.batch_size", "model.kl_weight")
    loaded = written("", *(f"{key}={numbers}" for key in keys), settings=['models=["vae"]'])
    message = "1,000,000,000 cells are more than the 100,000 possible in it"
    assert refused(loaded.runs, "it") == message


@pytest.mark.parametrize("option", ["train.epochs", "=1,2", "train.epochs=1\n2"])
def test_an_option_that_names_no_key_is_refused(written, option):
    assert refused(written, "", option).startswith("--grid takes key=value,value,...")


def test_an_option_that_replaces_nothing_is_refused(written):
    said = refused(written, "", "train.epochs=1", "train.epochs=2")
    assert said == "--grid names train.epochs twice: give one list of all its values"
    assert refused(written, "grid = 3", "train.epochs=1").startswith("grid: must be a table")
    assert refused(written, "", "train.epoch=1").endswith("a spec.toml with --grid")
