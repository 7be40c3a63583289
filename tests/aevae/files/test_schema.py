"""The results file is the contract: what breaks it is refused when written and when read."""

import hashlib
import json
import re
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from aevae.config import DataConfig
from aevae.files.dataset import check_dataset, file_sha256, write_dataset
from aevae.files.fields import evaluation_fields, training_fields
from aevae.files.hdf5 import Field, InvalidFile, NewerFile, Schema, check_layout, write_file
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import (
    check_evaluation,
    check_results,
    check_training,
    missing_file,
    open_results,
    weights_sha256,
    write_training,
)
from analysis.measures.likelihood import importance_bound

SIZES = {"N_train": 30, "N_val": 10, "N_test": 20, "P": 4}


@pytest.fixture
def stored(weird, tiny_config, small_evaluation, publish):
    """Write random but valid results; returns their paths, the configuration, arrays, a writer."""
    config = tiny_config("cvae")
    rng = np.random.default_rng(0)
    arrays = {}
    for field in [*training_fields(config), *evaluation_fields(config, small_evaluation)]:
        dims = field.dims or (4, 3)
        shape = tuple(SIZES[dim] if isinstance(dim, str) else dim for dim in dims)
        values = rng.integers(0, 250, shape).astype(field.dtype)
        arrays[field.path.replace("*", "mu.bias")] = values
    paths = RunPaths(weird)

    def write(**changes):
        changed = {**arrays, **changes}
        kept = {name: value for name, value in changed.items() if value is not None}
        publish(paths, config, small_evaluation, kept, {"host": "here"}, "0" * 64)

    write()
    return paths, config, arrays, write


def test_what_is_written_is_read_bit_for_bit(stored):
    paths, config, arrays, _ = stored
    assert check_results(paths).config == config
    with open_results(paths) as results:
        assert set(results.all_names()) == set(arrays)
        for name, array in arrays.items():
            assert results.array(name).tobytes() == array.tobytes()
        assert results.names("outliers") == ["inverted", "noise", "rotated", "shuffled"]
        assert list(results.weights()) == ["mu.bias"]
        assert results.provenance == {"host": "here"}


def test_both_files_say_what_they_are(weird, stored, small_evaluation, publish):
    _, config, arrays, _ = stored
    paths = RunPaths(weird / "again")
    paths.root.mkdir()
    publish(paths, config, small_evaluation, arrays, {"host": "here", "a": 1}, "0" * 64)
    weights = {"weights/mu.bias": arrays["weights/mu.bias"]}
    common = {
        "schema_version": 5,
        "complete": 1,
        "run_id": config.run_id,
        "weights_sha256": weights_sha256(weights),
    }
    expected = {
        paths.trained: {
            "schema": "aevae-trained",
            "config": config.canonical_json(),
            "kept_epoch": 2,
            "provenance": '{"a": 1, "host": "here"}',
        },
        paths.evaluation: {
            "schema": "aevae-evaluation",
            "evaluation": small_evaluation.canonical_json(),
            "dataset_sha256": "0" * 64,
            "provenance": '{"a": 1, "host": "here"}',
        },
    }
    for path, values in expected.items():
        with h5py.File(path) as file:
            assert dict(file.attrs) == common | values
    found = check_results(paths)
    assert (found.run_id, found.version, found.dataset_sha256) == (config.run_id, 5, "0" * 64)
    assert (found.evaluation, list(found.files)) == (small_evaluation, list(expected))


def test_only_with_early_stopping_a_history_may_have_fewer_epochs(weird, stored, tiny_config):
    _, config, arrays, _ = stored
    weights = {name: array for name, array in arrays.items() if name.startswith("weights")}
    history = {name: array[:1] for name, array in arrays.items() if name.startswith("history")}
    path = weird / "trained.h5"
    with pytest.raises(InvalidFile, match=r"^history/train/loss: shape \(1,\) is not \(2\)$"):
        write_training(path, config, weights | history, {})
    train = config.train.model_copy(update={"epochs": 3, "early_stopping": 1})
    config = config.model_copy(update={"train": train})
    for epochs, kept, known in ((2, 1, 1), (3, None, 3), (2, 3, None), (4, 4, None)):
        history = {
            name: np.resize(array, epochs)
            for name, array in arrays.items()
            if name.startswith("history")
        }
        write_training(path, config, weights | history, {}, kept)
        if known:
            assert check_training(path).kept_epoch == known
        else:
            said = f"kept_epoch {kept} of {epochs} trained epochs, of at most 3"
            with pytest.raises(InvalidFile, match=f"{said}$"):
                check_training(path)


def test_results_are_reached_by_name(stored):
    paths, _, arrays, _ = stored
    with open_results(paths) as results:
        for name in ("weights/mu.bias", "outliers/noise/kl"):
            assert name in results
            assert results.shape(name) == arrays[name].shape
        assert "test/nothing" not in results
        with pytest.raises(InvalidFile, match=r"evaluation\.h5: test/nothing: missing$"):
            results.array("test/nothing")


def test_a_change_of_any_weight_its_name_or_its_shape_changes_the_digest():
    a, b = np.arange(6, dtype="f4"), np.ones(2, dtype="f4")
    weights = {"weights/b": b, "weights/a": a.reshape(2, 3), "history/val/loss": a}
    content = b"weights/a (2, 3)\n" + a.tobytes() + b"weights/b (2,)\n" + b.tobytes()
    # As every release has made it: an evaluation keeps the digest of its weights.
    assert weights_sha256(weights) == hashlib.sha256(content).hexdigest()
    turned = weights | {"weights/a": np.asfortranarray(a.reshape(2, 3))}
    assert weights_sha256(turned) == weights_sha256(weights)


def test_the_first_file_that_is_missing_is_named(stored, schema_1):
    paths, *_ = stored
    assert missing_file(paths) is None
    paths.evaluation.unlink()
    assert missing_file(paths) == paths.evaluation
    paths.trained.unlink()
    assert missing_file(paths) == paths.trained
    old = SweepPaths(schema_1).planned()[0]
    assert missing_file(old) is None
    old.trained.touch()  # a run of today, in whose folder an old file lies
    assert missing_file(old) == old.evaluation


def test_the_results_of_the_first_release_are_read_as_those_of_today(schema_1):
    sweep = SweepPaths(schema_1)
    digest = file_sha256(sweep.dataset)
    for paths in sweep.planned():
        with open_results(paths) as results, h5py.File(paths.results, locking=False) as file:
            assert (results.run_id, results.version) == (paths.run_id, 1)
            assert results.dataset_sha256 == digest
            assert results.provenance == json.loads(file.attrs["provenance"])
            settings = json.loads(file.attrs["config"])["evaluation"]
            assert json.loads(results.evaluation.canonical_json()) == settings
            assert list(results.files) == [paths.results]
            fields = [*training_fields(results.config)]
            fields += evaluation_fields(results.config, results.evaluation, version=1)
            declared = {field.path for field in fields} - {"weights/*"}
            declared = {results.translation.from_file(path) for path in declared}
            weights = {f"weights/{name}" for name in results.weights()}
            assert set(results.all_names()) == declared | weights
            assert results.names("outliers") == sorted(file["ood"])
            errors = file["ood/noise/sse_mean"]
            assert results.shape("outliers/noise/sse_at_mean") == errors.shape
            assert np.array_equal(results.array("outliers/noise/sse_at_mean"), errors[()])
            assert "test/sse_at_mean" in results
            with pytest.raises(InvalidFile, match=r"results\.h5: test/nothing: missing$"):
                results.array("test/nothing")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("schema", "other", "schema 'other' is not 'aevae-results'"),
        ("schema_version", 2, "written by a newer aevae: schema version 2; this aevae reads 1"),
        ("config", "{", "attribute 'config' is not JSON: .*"),
        ("provenance", "{", "Expecting property name .*"),
    ],
)
def test_a_file_of_the_first_release_is_checked_too(schema_1, name, value, message):
    paths = SweepPaths(schema_1).planned()[0]
    with h5py.File(paths.results, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(InvalidFile, match=f"^{re.escape(str(paths.results))}: {message}$"):
        check_results(paths)


def test_the_old_evaluation_s_settings_are_checked(schema_1):
    paths = SweepPaths(schema_1).planned()[0]
    with h5py.File(paths.results, "r+") as file:
        config = json.loads(file.attrs["config"])
        config["evaluation"]["grid_size"] = 1
        file.attrs["config"] = json.dumps(config)
    with pytest.raises(InvalidFile, match=r"results\.h5: .*grid_size.* in attribute 'config'"):
        check_results(paths)


def test_the_settings_of_an_evaluation_are_checked(stored):
    paths, *_ = stored
    trained = check_training(paths.trained)
    for value, message in (
        ("{", "attribute 'evaluation' is not JSON: .*"),
        ('{"grid_size": 1}', "grid_size: .* in attribute 'evaluation'"),
    ):
        with h5py.File(paths.evaluation, "r+") as file:
            file.attrs["evaluation"] = value
        expected = f"^{re.escape(str(paths.evaluation))}: {message}$"
        with pytest.raises(InvalidFile, match=expected):
            check_evaluation(paths.evaluation, trained)


def test_the_same_content_gives_the_same_bytes(stored):
    paths, _, _, write = stored
    first = [path.read_bytes() for path in (paths.trained, paths.evaluation)]
    write()
    assert [path.read_bytes() for path in (paths.trained, paths.evaluation)] == first
    assert sorted(p.name for p in paths.root.iterdir()) == ["evaluation.h5", "trained.h5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test/mu": None}, "test/mu: missing"),
        ({"test/mu": np.zeros((20, 3), "f4")}, r"test/mu: shape \(20, 3\) is not \(N_test=20, 2\)"),
        ({"test/mu": np.zeros((20, 2), "f8")}, "test/mu: type float64 is not float32"),
        ({"test/kl": np.zeros(19, "f4")}, r"test/.*: shape"),
        ({"test/extra": np.zeros(3, "f4")}, "test/extra: not part of the schema"),
    ],
)
def test_results_that_break_the_schema_are_not_written(stored, changes, message):
    paths, _, _, write = stored
    before = paths.evaluation.read_bytes()
    with pytest.raises(InvalidFile, match=message):
        write(**changes)
    assert paths.evaluation.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("schema", "other", "schema 'other' is not 'aevae-trained'"),
        ("schema_version", 0, "schema version 0 is not 5"),
        ("schema_version", "two", "schema version two is not 5"),
        ("complete", 0, "not marked complete"),
        ("weights_sha256", "0" * 64, "made from other weights than those of the run"),
        ("config", "{}", "missing key 'model' in attribute 'config'$"),
        ("provenance", "{", "Expecting property name"),
    ],
)
def test_attributes_are_checked(stored, name, value, message):
    paths, *_ = stored
    with h5py.File(paths.trained, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(InvalidFile, match=rf"\.h5: {message}"), open_results(paths):
        pass


@pytest.mark.parametrize("name", ["trained", "evaluation"])
def test_a_file_of_a_newer_release_is_named_as_such(stored, name):
    paths, *_ = stored
    path = getattr(paths, name)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 6
    with pytest.raises(NewerFile) as caught:
        check_results(paths)
    expected = (
        f"{path}: written by a newer aevae: schema version 6; this aevae reads 1, 2, 3, 4 and 5"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize("name", ["test/sse_at_mean", "samples/prior/image", "history/val/loss"])
def test_11_a_flipped_bit_is_found_and_named(stored, name):
    paths, *_ = stored
    path = paths.trained if name.startswith("history") else paths.evaluation
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match=f"{name}: damaged"):
        check_results(paths)


def test_a_truncated_file_is_refused(stored):
    paths, *_ = stored
    path = paths.trained
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidFile, match="not a readable HDF5 file"):
        check_training(path)


def test_27_what_a_reader_must_not_follow_is_refused_in_a_valid_file(stored):
    paths, *_ = stored
    path = paths.trained

    def virtual(file):
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource("/nowhere", "x", (4, 3))
        file.create_virtual_dataset("weights/evil", layout)

    attacks = {
        "evil: links are": lambda f: f.__setitem__("weights/evil", h5py.SoftLink("/test/mu")),
        "evil: links": lambda f: f.__setitem__(
            "weights/evil", h5py.ExternalLink("/etc/passwd", "/")
        ),
        "evil: external": lambda f: f.create_dataset(
            "weights/evil", (2,), "f4", external=[("/etc/passwd", 0, 8)]
        ),
        "evil: external and virtual": virtual,
        "evil: shape .* is larger than": lambda f: f.create_dataset(
            "weights/evil", (1 << 40,), "f4", chunks=(1024,)
        ),
        "evil: only numbers": lambda f: f.create_dataset("weights/evil", data="text"),
        "not part of the schema": lambda f: f.__setitem__("weights/a/b/c/evil", 1.0),
    }
    clean = path.read_bytes()
    for message, attack in attacks.items():
        path.write_bytes(clean)
        with h5py.File(path, "r+") as file:
            attack(file)
        with pytest.raises(InvalidFile, match=message):
            check_training(path)


def test_a_group_that_contains_itself_ends(stored):
    paths, *_ = stored
    path = paths.trained
    with h5py.File(path, "r+") as file:
        file["weights/loop"] = file["weights"]
    with pytest.raises(InvalidFile, match="not part of the schema"):
        check_training(path)


def test_sizes_of_one_name_must_agree():
    fields = [Field("a", ("N",), "f4"), Field("b", ("N",), "f4")]
    check_layout({"a": ((3,), np.dtype("f4")), "b": ((3,), np.dtype("f4"))}, fields)
    with pytest.raises(InvalidFile, match=r"b: shape \(4,\) is not \(N=3\)"):
        check_layout({"a": ((3,), np.dtype("f4")), "b": ((4,), np.dtype("f4"))}, fields)


def test_12_a_full_disk_leaves_the_old_file_and_no_other(stored, monkeypatch):
    paths, *_ = stored
    path = paths.trained
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        write_file_to_full_device(path, monkeypatch)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["evaluation.h5", "trained.h5"]


def write_file_to_full_device(path, monkeypatch):
    """Write through the real /dev/full, which fails as a full disk does."""
    real_open = Path.open

    def open_full(self, mode="r", *rest, **options):
        if mode == "w+b":
            real_open(self, mode).close()
            return real_open(Path("/dev/full"), mode)
        return real_open(self, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", open_full)
    write_file(path, Schema("x", 1, [Field("a", (2000,), "f4")]), {"a": np.zeros(2000, "f4")}, {})


def test_any_other_hdf5_file_is_refused(weird):
    with h5py.File(weird / "x.h5", "w") as file:
        file.attrs["schema"] = json.dumps({})
    with pytest.raises(InvalidFile, match="is not 'aevae-trained'"):
        check_training(weird / "x.h5")


NEW_SAMPLES = product(("diagonal", "mixture"), ("z", "image", "label"))
NEW_IN_VERSION_5 = (
    "train/logvar",
    "test/elbo",
    *(f"samples/{s}/{name}" for s, name in NEW_SAMPLES),
)


def as_in_version_4(file):
    """Take what is new out of the evaluation of a CVAE, and give the mixture its old name."""
    for name in ("train/logvar", "test/elbo", "samples/diagonal", "samples/mixture"):
        del file[name]
    file.move("samples/mixture_of_means", "samples/gmm")


def test_a_file_of_version_4_is_read(stored):
    paths, _, arrays, _ = stored
    with h5py.File(paths.evaluation, "r+") as file:
        as_in_version_4(file)
    for path in (paths.trained, paths.evaluation):
        with h5py.File(path, "r+") as file:
            file.attrs["schema_version"] = 4
    with open_results(paths) as results:
        assert set(results.all_names()) == set(arrays) - set(NEW_IN_VERSION_5)
        found = results.array("samples/mixture_of_means/z")
    assert np.array_equal(found, arrays["samples/mixture_of_means/z"])


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_of_version_2_or_3_is_read(stored, version):
    """Version 2 has only images of 28 by 28 pixels in ten classes, and does not say so."""
    paths, config, arrays, _ = stored
    old = json.loads(config.canonical_json()) | {"version": version + 1}
    new = {
        "model": ["activation"],
        "train": ["step_epochs", "step_factor", "early_stopping"],
        "data": ["train_images", *(["image_shape", "class_names", "noun"] if version == 2 else [])],
    }
    for part, names in new.items():
        for name in names:
            del old[part][name]
    weights = np.arange(40, dtype="f4").reshape(20, 2)
    with h5py.File(paths.evaluation, "r+") as file:
        del file["test/iwae_bound"], file["test/effective_sample_size"]
        file["test/log_importance_weights"] = weights
        as_in_version_4(file)
    with h5py.File(paths.trained, "r+") as file:
        del file.attrs["kept_epoch"]
    for path in (paths.trained, paths.evaluation):
        with h5py.File(path, "r+") as file:
            file.attrs["schema_version"] = version
            if "config" in file.attrs:
                file.attrs["config"] = json.dumps(old)
    checked = check_results(paths)
    assert (checked.config, checked.version, checked.kept_epoch) == (config, version, 2)
    made = {"test/iwae_bound", "test/effective_sample_size", *NEW_IN_VERSION_5}
    with open_results(paths) as results:
        assert set(results.all_names()) == set(arrays) - made | {"test/log_importance_weights"}
        bound, size = importance_bound(results)
    assert bound == pytest.approx(np.log(np.exp(weights.astype("f8")).mean(axis=1)))
    # One weight of two is e times the other.
    assert size == pytest.approx(np.full(20, (1 + np.e) ** 2 / (1 + np.e**2)))


KINDS_OF_ARRAYS = (("image", (28, 28), "u1"), ("label", (), "u1"), ("index", (), "i8"))


def test_a_dataset_file_of_version_1_is_read(weird):
    data = DataConfig(dataset="digits")
    arrays = {
        f"{split}/{name}": np.zeros((3, *shape), dtype)
        for split in ("train", "val", "test")
        for name, shape, dtype in (
            ("image", (28, 28), "u1"),
            ("label", (), "u1"),
            ("index", (), "i8"),
        )
    }
    path = weird / "dataset.h5"
    write_dataset(path, arrays, data, source="made up", sha256={})
    assert check_dataset(path).splits_known
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 1
        file.attrs["name"] = "digits"
        del file.attrs["data"]
    checked = check_dataset(path)
    assert (checked.data, checked.splits_known) == (data, False)
    with h5py.File(path, "r+") as file:
        file.attrs["name"] = "unknown"
    with pytest.raises(InvalidFile, match=r"dataset\.h5: "):
        check_dataset(path)
