"""A specification gives the same runs to every command, and a mistake in it is one line."""

import re
import tomllib
from pathlib import Path

import pytest

from aevae.config import EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.errors import InputError
from jobs.sweep import spec as module
from jobs.sweep.options import parse_value
from jobs.sweep.spec import SHIPPED_SPECS, SweepSpec, change_evaluation, load_spec


@pytest.fixture
def written(weird):
    """A function that writes a specification and reads it."""

    def load(text, *overrides):
        path = weird / "a spec.toml"
        path.write_text(f'name = "tiny"\nmodels = ["ae"]\nlatent_sizes = [2]\n{text}')
        return load_spec(path, overrides)

    return load


def refused(load, *arguments):
    with pytest.raises(InputError) as caught:
        load(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_there_is_a_run_for_each_cell_in_the_order_of_the_lists(written):
    loaded = written(
        'seeds = [1, 0]\ntrain.epochs = 3\ndata.dataset = "digits"\n'
        "model = {hidden_sizes = [8]}\nvae = {hidden_sizes = [9], kl_weight = 2.0}",
        'models=["vae", "ae"]',
        "latent_sizes=[5, 2]",
    )
    runs = loaded.runs("it")
    cells = [(run.model.kind, run.model.latent_size, run.seed) for run in runs]
    assert cells == [(k, z, s) for k in ("vae", "ae") for z in (5, 2) for s in (1, 0)]
    vae = ModelConfig(kind="vae", latent_size=5, hidden_sizes=(9,), kl_weight=2.0)
    assert runs[0] == RunConfig(model=vae, train=TrainConfig(epochs=3), data=loaded.data, seed=1)
    assert runs[4].model == ModelConfig(kind="ae", latent_size=5, hidden_sizes=(8,))


def test_a_cell_that_is_named_twice_is_one_run_and_is_told(written):
    loaded = written("seeds = [0, 1, 0]", "latent_sizes=[2, 3, 3, 3]")
    assert len(loaded.runs("it")) == 4
    assert loaded.duplicates == ["latent_sizes: 3", "seeds: 0"]


def test_what_the_grid_decides_no_table_decides(written):
    (run,) = written('ae = {kind = "vae", latent_size = 7}').runs("it")
    assert (run.model.kind, run.model.latent_size) == ("ae", 2)


def test_an_invalid_cell_is_named_with_the_specification_and_its_kind(written):
    loaded = written("model = {kl_wait = 1}")
    message = "unknown key 'kl_wait' in x.toml (ae); did you mean kl_weight?"
    assert refused(loaded.runs, "x.toml") == message


def test_more_cells_than_possible_are_refused_before_any_is_made(written, monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 1200)
    latent_sizes = f"latent_sizes={list(range(1, 4))}"
    loaded = written(f"seeds = {list(range(401))}", latent_sizes)
    message = "1,203 cells are more than the 1,200 possible in it"
    assert refused(loaded.runs, "it") == message
    both = written(f"seeds = {list(range(300))}", 'models=["ae", "vae"]', "latent_sizes=[2, 3]")
    assert len(both.runs("it")) == 1200


def test_two_cells_never_share_a_folder(written, monkeypatch):
    monkeypatch.setattr(RunConfig, "run_id", "ae-z002-s0-0000000000")
    loaded = written("seeds = [0, 1]")
    message = "two different cells of it have the id ae-z002-s0-0000000000"
    assert refused(loaded.runs, "it") == message


@pytest.mark.parametrize(
    ("ours", "difference"),
    [
        ("model = {hidden_sizes = [9]}", "model.hidden_sizes is [8] there and [9] here"),
        ("", "model.hidden_sizes is [8] there and None here"),
        ("model = {hidden_sizes = [8]}\nae = {kl_weight = 1.0}", "ae.kl_weight is None there and"),
        ("model = {hidden_sizes = [8]}\nvae = {kl_weight = 1.0}", "vae.kl_weight is None there"),
        ("model = {hidden_sizes = [8]}\ncvae = {kl_weight = 1.0}", "cvae.kl_weight is None there"),
        ("model = {hidden_sizes = [8]}\ntrain.epochs = 3", "train.epochs is 50 there and 3 here"),
        (
            "model = {hidden_sizes = [8]}\ndata.split_seed = 1",
            "data.split_seed is 0 there and 1 he",
        ),
        (
            "model = {hidden_sizes = [8]}\ntrain = {epochs = 3, batch_size = 9}",
            "train.batch_size is",
        ),
        # The grid may grow, and how runs are evaluated or executed is no difference.
        ("model = {hidden_sizes = [8]}\nseeds = [1]\nevaluation.grid_size = 5", None),
        ('model = {hidden_sizes = [8]}\nexecution.device = "cpu"', None),
    ],
)
def test_another_sweep_is_told_by_the_first_setting_that_decides_weights(written, ours, difference):
    there = written("model = {hidden_sizes = [8]}")
    found = written(ours).science_difference(there)
    assert found == difference if difference is None else found.startswith(difference)


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED_SPECS.glob("*.toml")))
def test_a_shipped_specification_is_found_by_its_name_and_reads_back_as_it_was_written(name, weird):
    loaded = load_spec(Path(name))
    assert loaded == load_spec(SHIPPED_SPECS / f"{name}.toml")
    path = weird / "sweep.toml"
    path.write_text(loaded.to_toml())
    assert load_spec(path) == loaded
    # Everything is in it, so that a later release with other defaults reads the same.
    tables = set(SweepSpec.model_fields) - {"by_kind"} | set(loaded.by_kind)
    assert set(tomllib.loads(loaded.to_toml())) == tables


def test_the_sweeps_with_the_fast_recipe_have_the_same_training():
    specs = [load_spec(Path(name), []) for name in ("fast", "seeds", "rate-distortion")]
    first, *others = [{run.train for run in spec.runs("x")} for spec in specs]
    assert len(first) == 1
    assert others == [first, first]


def test_a_file_of_the_user_comes_before_a_shipped_name(weird, monkeypatch):
    monkeypatch.chdir(weird)
    (weird / "quickstart").write_text('name = "own"\nmodels = ["ae"]\nlatent_sizes = [2]')
    assert load_spec(Path("quickstart")).name == "own"


def test_a_folder_does_not_hide_a_shipped_name(weird, monkeypatch):
    monkeypatch.chdir(weird)
    (weird / "fast").mkdir()  # of a sweep, for example
    assert load_spec(Path("fast")).name == "fast"


def test_a_specification_that_is_not_there_is_named(weird, monkeypatch):
    monkeypatch.chdir(weird)
    shipped = (
        "fast, literature, paper, paper-as-published, quickstart, quickstart-colour, "
        "quickstart-digits, rate-distortion, seeds"
    )
    message = f"no sweep is called 'papre': give a file or one of {shipped}"
    assert refused(load_spec, Path("papre")) == message
    # With a folder or a suffix it is a file, not a name.
    for path in (Path("x/paper"), Path("paper.toml"), weird / "paper"):
        assert refused(load_spec, path) == f"cannot read {path}: No such file or directory"


@pytest.mark.parametrize(
    ("override", "table", "expected"),
    [
        ("train.epochs=7", "train", {"epochs": 7}),
        ("train.epochs = 7", "train", {"epochs": 7}),
        (" train.epochs=7", "train", {"epochs": 7}),
        ("vae.likelihood=bernoulli", "vae", {"likelihood": "bernoulli"}),
        ("vae.likelihood= bernoulli ", "vae", {"likelihood": "bernoulli"}),
        ('vae.likelihood="bernoulli"', "vae", {"likelihood": "bernoulli"}),
        ("description=a=b", "description", "a=b"),
        ("description=", "description", ""),
        ("model.hidden_sizes=[3]", "model", {"hidden_sizes": [3], "kl_weight": 1.0}),
    ],
)
def test_a_setting_of_the_command_line_replaces_that_of_the_file(
    written, override, table, expected
):
    found = written("model = {hidden_sizes = [8], kl_weight = 1.0}", override)
    value = found.by_kind[table] if table == "vae" else getattr(found, table)
    assert value == (TrainConfig(**expected) if table == "train" else expected)


@pytest.mark.parametrize("override", ["train.epochs", "=3", "train.=3", ".epochs=3", "a=1\nb=2"])
def test_a_setting_that_names_no_key_is_refused(written, override):
    message = f"--set takes key=value, such as train.epochs=2, got {override!r}"
    assert refused(written, "", override) == message


def test_a_list_without_quotes_is_a_list_of_strings(written):
    assert written("", "models=[vae, ae]").models == ("vae", "ae")
    assert parse_value(" [a,1] ") == ["a", 1]
    assert parse_value("a]") == "a]"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "models=vae",
            """models: must be a list, such as ["vae"], got 'vae' in {path} with --set""",
        ),
        ("latent_sizes=2", "latent_sizes: must be a list, such as [2], got 2 in {path} with --set"),
        ("epochs=2", "unknown key 'epochs' in {path} with --set; did you mean train.epochs?"),
        ("train.foo=2", "unknown key 'train.foo' in {path} with --set; valid are train.epochs, "),
        ("foo=2", "unknown key 'foo' in {path} with --set; valid are name, description, "),
        ("foo.bar=2", "unknown key 'foo' in {path} with --set; valid are name, description, "),
        ("latent_sizes=2,20", "latent_sizes: must be a list, such as [2, 20], got '2,20' in "),
        ("seeds={a=1}", "seeds: must be a list, got {{'a': 1}} in {path}"),
        ("data.seed=3", "unknown key 'data.seed' in {path} with --set; valid are data.dataset, "),
        ("model.kind=ae", "--set model.kind has no effect; give --set models=[...] instead"),
        ("vae.latent_size=3", "--set vae.latent_size has no effect; give --set latent_sizes=[.."),
        (
            "train.epochs=2",
            "--set train.epochs has no effect, because lists replace it; give --grid train.ep",
        ),
    ],
)
def test_a_setting_without_effect_is_refused_with_what_has_an_effect(
    written, weird, override, message
):
    said = refused(written, "grid = {train.epochs = [3, 4]}", override)
    assert said.startswith(message.format(path=weird / "a spec.toml"))


def test_a_list_of_all_models_replaces_the_setting_of_one(written):
    said = refused(written, "grid = {model.likelihood = ['gaussian']}", "ae.likelihood=bernoulli")
    assert said == "--set ae.likelihood has no effect, because lists replace it"


def test_a_setting_of_which_only_some_cells_have_a_list_can_be_set(written):
    text = """
        grid = {train.epochs = [3, 4]}
        include = [{model = "vae", latent_size = 7}]
    """
    runs = written(text, "train.epochs=9").runs("it")
    assert sorted(run.train.epochs for run in runs) == [3, 4, 9]


def test_a_key_of_no_table_is_answered_with_the_keys_outside_tables(written, weird):
    path = weird / "a spec.toml"
    said = refused(written, '"../x" = 1')
    assert said.startswith(f"unknown key '../x' in {path}; valid are name, description, models, ")
    assert "train." not in said


def test_a_key_below_a_value_is_refused(written):
    assert refused(written, "", "name.x.y=3") == "--set name.x.y: 'name' is no table"
    deeper = "model = {a = {b = 1}}"
    assert refused(written, deeper, "model.a.b.c=3") == "--set model.a.b.c: 'b' is no table"


def test_what_is_wrong_names_the_file_and_whether_settings_were_added(written, weird):
    path = weird / "a spec.toml"
    assert refused(written, "trian = 1") == f"unknown key 'trian' in {path}; did you mean train?"
    assert refused(written, "", "trian=1") == (
        f"unknown key 'trian' in {path} with --set; did you mean train?"
    )


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_a_name_that_could_not_be_a_file_is_refused(name):
    with pytest.raises(ValueError, match="a name has up to 64 letters"):
        SweepSpec(name=name, models=("ae",), latent_sizes=(2,))
    assert SweepSpec(name="A1._-" + "a" * 59, models=("ae",), latent_sizes=(2,))


def test_the_evaluation_can_be_changed_and_nothing_else(written):
    before = written("evaluation.grid_size = 5\nseeds = [3]")
    after = change_evaluation(
        before, ["evaluation.mixture_components=4", " evaluation.grid_size=6"]
    )
    assert after.evaluation == EvaluationConfig(grid_size=6, mixture_components=4)
    assert after.model_copy(update={"evaluation": before.evaluation}) == before
    for override in ("train.epochs=2", "evaluation=1", "evaluations.grid_size=1"):
        message = f"--set takes evaluation.key=value here, got {override!r}"
        assert refused(change_evaluation, before, [override]) == message
    said = refused(change_evaluation, before, ["evaluation.grid_size=1"])
    assert re.fullmatch(r"evaluation\.grid_size: .*, got 1 in --set", said)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [("\n[by_kind.vae]\nkl_weight = 2.0\n", ()), ("", ("by_kind.vae.kl_weight=2.0",))],
)
def test_the_tables_of_the_kinds_have_no_table_above_them(weird, text, overrides):
    path = weird / "own.toml"
    path.write_text('name = "own"\nmodels = ["vae"]\nlatent_sizes = [2]\n' + text)
    with pytest.raises(InputError, match=r"^unknown key 'by_kind' in .*own\.toml"):
        load_spec(path, overrides)
