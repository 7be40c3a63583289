"""The results of a sweep in Python are those that the commands write."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import analysis
from aevae.files.schema import SCHEMA_VERSION
from analysis.sweep.dimensions import dimensions


@pytest.fixture(scope="module")
def opened(complete_dir):
    return analysis.open_sweep(str(complete_dir))


def test_runs_are_iterated_and_found_by_id(opened):
    assert [(run.model, run.latent_size, run.seed) for run in opened] == [
        (kind, d, 0) for kind in ("ae", "vae", "cvae") for d in (2, 20)
    ]
    run = opened.runs[3]
    assert opened.run(run.run_id) == run
    assert run.config.model.latent_size == 20
    assert len(opened) == 6
    assert opened.missing == {}


def test_arrays_are_those_in_the_files(opened, stored):
    run = opened.runs[3]
    with stored("vae-z020") as file:
        for name in ("test/mu", "weights/output.bias", "samples/prior/image"):
            assert name in run.names()
            assert np.array_equal(run.array(name), file[name][()])
    assert opened.images("test").shape == (100, 28, 28)
    assert opened.labels("val").shape == (40,)


def test_arrays_have_named_dimensions(opened):
    pytest.importorskip("xarray")
    codes = opened.runs[3].xarray("test/mu")
    assert codes.sizes == {"image": 100, "latent": 20}
    assert np.array_equal(codes, opened.runs[3].array("test/mu"))
    assert codes.attrs["model"] == "vae"


def test_every_stored_array_has_as_many_names_as_dimensions(opened):
    for run in opened:
        for name in run.names():
            values = run.array(name)
            found = dimensions(name, values.ndim, 2)
            assert len(set(found)) == values.ndim, name
    assert dimensions("grid/quantile/image", 5, 3) == ("z2", "z1", "row", "column", "channel")
    assert dimensions("grid/quantile/image", 5, 2) == ("class", "z2", "z1", "row", "column")
    assert SCHEMA_VERSION == 5, "does `dimensions` name those of new arrays?"


def test_tables_and_figures_are_returned(opened):
    table = opened.table("history")
    assert set(table["run_id"]) == {run.run_id for run in opened}
    table["run_id"] = ""
    assert opened.table("history")["run_id"].iloc[0] != ""
    assert isinstance(opened.figure("digits"), Figure)
    assert "test images" in opened.drawing("digits").caption


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.table("nothing"), "no table is called 'nothing'; valid are per_"),
        (lambda s: s.figure("nothing"), "no figure is called 'nothing'; valid are digits"),
        (lambda s: s.images("dev"), "no split is called 'dev'"),
        (lambda s: s.run("vae-z003-s0-0123456789"), "there is no such run"),
        (lambda s: s.runs[0].array("test/kl"), "has no array 'test/kl'"),
        (lambda s: analysis.open_sweep("no/such"), "no/such is not a folder"),
        (lambda s: analysis.open_sweep(s._results.root, at=["kl_weight=1"]), "no setting varies"),
        (lambda s: analysis.open_sweep(s._results.root, at="kl_weight"), "got 'kl_weight'"),
    ],
)
def test_bad_input_is_one_line(opened, call, message):
    with pytest.raises(analysis.InputError) as caught:
        call(opened)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_a_sweep_cannot_show_is_said(opened):
    with pytest.raises(analysis.MissingIngredient, match="no setting varies"):
        opened.figure("by_setting")


def test_a_damaged_run_is_missing_with_the_reason(sweep_dir, flip_byte):
    (path,) = sweep_dir.glob("runs/vae-z020*/evaluation.h5")
    flip_byte(path, "test/mu")
    found = analysis.open_sweep(sweep_dir)
    assert len(found) == 5
    (reason,) = found.missing.values()
    assert reason.startswith("damaged: evaluation.h5: test/mu")
    with pytest.raises(analysis.InputError, match="damaged"):
        found.run(path.parent.name)
