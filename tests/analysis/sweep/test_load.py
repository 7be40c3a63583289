import shutil

import h5py
import pytest

from aevae.config import DataConfig
from aevae.errors import InputError
from aevae.files.fields import SCHEMA_VERSION
from aevae.files.layout import SweepPaths
from analysis.sweep.load import open_sweep


def test_complete_sweep_is_ordered_from_ae_to_cvae(complete):
    assert complete.gaps == ()
    assert complete.partial_note == ""
    assert [(run.model, run.latent_size) for run in complete.runs] == [
        ("ae", 2), ("ae", 20), ("vae", 2), ("vae", 20), ("cvae", 2), ("cvae", 20),
    ]  # fmt: skip
    assert complete.data.name == "mnist"
    assert complete.data.counts == {"train": 60, "val": 40, "test": 100}
    assert complete.images("val").shape == (40, 28, 28)


def test_at_most_one_results_file_is_open(complete):
    open_files = [
        h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) for _ in complete.results()
    ]
    assert open_files == [2] * 6


def test_run_without_results_is_a_gap(sweep_dir):
    (paths,) = (p for p in SweepPaths(sweep_dir).planned() if p.run_id.startswith("vae-z020"))
    paths.trained.unlink()
    sweep = open_sweep(sweep_dir)
    (gap,) = sweep.gaps
    assert (gap.run_id, gap.state) == (paths.run_id, "missing")
    assert sweep.partial_note == "partial: 5 of 6 runs"
    assert gap.run_id not in [run.run_id for run in sweep.runs]


def test_a_run_that_cannot_be_read_is_a_gap_and_not_damaged(sweep_dir):
    paths = SweepPaths(sweep_dir).planned()[0]
    paths.trained.unlink()
    paths.trained.symlink_to(paths.trained)  # as unreadable for root as for anybody
    sweep = open_sweep(sweep_dir)
    (gap,) = sweep.gaps
    assert (gap.run_id, gap.state) == (paths.run_id, "unreadable")
    assert "trained.h5" in gap.reason
    assert sweep.partial_note == "partial: 5 of 6 runs"


def test_damage_names_file_and_dataset(sweep_dir, flip_byte):
    paths = SweepPaths(sweep_dir).planned()[0]
    flip_byte(paths.evaluation, "test/reconstruction_at_mean")
    (gap,) = open_sweep(sweep_dir).gaps
    assert (gap.run_id, gap.state) == (paths.run_id, "damaged")
    assert gap.reason.startswith("evaluation.h5: test/reconstruction_at_mean: damaged")


def test_truncated_file_is_damaged(sweep_dir):
    results = SweepPaths(sweep_dir).planned()[0].trained
    results.write_bytes(results.read_bytes()[:-1000])
    (gap,) = open_sweep(sweep_dir).gaps
    assert gap.state == "damaged"
    assert gap.reason.startswith("trained.h5: not a readable HDF5 file")


def test_results_of_a_newer_release_are_named_as_such(sweep_dir):
    paths = SweepPaths(sweep_dir).planned()[0]
    with h5py.File(paths.evaluation, "r+") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION + 1
    content = paths.evaluation.read_bytes()
    with pytest.raises(
        InputError,
        match=f"by a newer aevae: schema version {SCHEMA_VERSION + 1}; this aevae reads 1, 2",
    ):
        open_sweep(sweep_dir)
    assert paths.evaluation.read_bytes() == content


def test_results_of_another_dataset_are_refused(sweep_dir, build_sweep, tmp_path, make_config):
    config = make_config("vae", 20)
    other = build_sweep(tmp_path / "other", [config])
    dataset = SweepPaths(sweep_dir).dataset
    with h5py.File(dataset, "r+") as file:
        settings = DataConfig.from_json(file.attrs["data"], "data")
        another_split = settings.model_copy(update={"split_seed": 1})
        file.attrs["data"] = another_split.canonical_json()
    gaps = open_sweep(sweep_dir).gaps
    assert [gap.state for gap in gaps] == ["foreign"] * 6
    assert all("other images, or another split" in gap.reason for gap in gaps)
    shutil.copy(SweepPaths(other).dataset, dataset)
    assert open_sweep(sweep_dir).gaps == ()


def test_results_in_the_folder_of_another_run_are_refused(sweep_dir):
    first, second, *_ = SweepPaths(sweep_dir).planned()
    shutil.copy(second.trained, first.trained)
    shutil.copy(second.evaluation, first.evaluation)
    (gap,) = open_sweep(sweep_dir).gaps
    assert (gap.run_id, gap.state) == (first.run_id, "foreign")
    assert second.run_id in gap.reason


def test_sweep_without_dataset_has_no_usable_run(sweep_dir):
    SweepPaths(sweep_dir).dataset.unlink()
    sweep = open_sweep(sweep_dir)
    assert sweep.runs == ()
    assert all("dataset.h5" in gap.reason for gap in sweep.gaps)
    with pytest.raises(InputError, match=r"dataset\.h5 does not exist"):
        sweep.labels("test")


def test_other_folders_are_no_sweep(tmp_path):
    with pytest.raises(InputError, match="is no sweep"):
        open_sweep(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        open_sweep(tmp_path / "nothing here")
