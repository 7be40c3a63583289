"""The contract between training and analysis: `results.h5` of a run, `dataset.h5` of a sweep.

Version 1. N images of a split, d latent size, E epochs. Images are uint8 (value / 255 is the
intensity in [0, 1]); errors are computed before that rounding. NumPy in, NumPy out: this module
knows neither torch nor plots. The format is described in prose in ``docs/results-format.md``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.files.hdf5 import (
    Array,
    CheckedFile,
    Field,
    Header,
    InvalidFile,
    Schema,
    check_layout,
    open_checked,
    write_file,
)
from aevae.files.sandbox import examine, examine_as

RESULTS = "aevae-results", 1  # name and version of the schema; the fields depend on the run
IMAGE = (28, 28)
INTERPOLATION_PAIRS = 20
SAMPLERS = ("prior", "gmm")
SPLITS = ("train", "val", "test")

DATASET_FIELDS = [
    *(Field(f"{split}/image", (f"N_{split}", *IMAGE), "u1") for split in SPLITS),
    *(Field(f"{split}/label", (f"N_{split}",), "u1") for split in SPLITS),
    *(Field(f"{split}/index", (f"N_{split}",), "i8") for split in SPLITS),
]
DATASET = Schema("aevae-dataset", 1, DATASET_FIELDS)


def result_fields(config: RunConfig) -> list[Field]:
    """Return the datasets that the results file of a run with this configuration must hold."""
    variational = config.model.kind != "ae"
    d = config.model.latent_size
    fields = [*_history_fields(config, variational), *_split_fields(config, variational)]
    fields += _generation_fields(config)
    for name in config.evaluation.outliers:
        # Sets made from the test images have their number; others have their own.
        count = "N_test" if name != "fashion-mnist" else "N_fashion"
        fields.append(Field(f"ood/{name}/sse_mean", (count,), "f4"))
        if variational:
            fields.append(Field(f"ood/{name}/kl", (count,), "f4"))
    if d == 2:
        fields += _grid_fields(config)
    fields.append(Field("weights/*", None, "f4"))
    return fields


def _history_fields(config: RunConfig, variational: bool) -> list[Field]:
    names = ["loss", "sse", "kl"] if variational else ["loss", "sse"]
    paths = [f"history/{split}/{name}" for split in ("train", "val") for name in names]
    paths += ["history/epoch_seconds", "history/learning_rate"]
    return [Field(path, (config.train.epochs,), "f8") for path in paths]


def _split_fields(config: RunConfig, variational: bool) -> list[Field]:
    d = config.model.latent_size
    fields = [Field(f"{split}/mu", (f"N_{split}", d), "f4") for split in SPLITS]
    fields += [Field(f"{split}/sse_mean", (f"N_{split}",), "f4") for split in ("val", "test")]
    fields.append(Field("test/recon_mean", ("N_test", *IMAGE), "u1"))
    if variational:
        for split in ("val", "test"):
            fields.append(Field(f"{split}/logvar", (f"N_{split}", d), "f4"))
            fields.append(Field(f"{split}/sse_sample", (f"N_{split}",), "f4"))
            fields.append(Field(f"{split}/kl", (f"N_{split}",), "f4"))
        k = config.evaluation.importance_samples
        fields.append(Field("test/z", ("N_test", d), "f4"))
        fields.append(Field("test/recon_sample", ("N_test", *IMAGE), "u1"))
        fields.append(Field("test/log_weights", ("N_test", k), "f4"))
    return fields


def _generation_fields(config: RunConfig) -> list[Field]:
    d = config.model.latent_size
    evaluation = config.evaluation
    m, traversal = evaluation.samples_per_sampler, evaluation.traversal_steps
    fields = []
    for sampler in SAMPLERS:
        fields.append(Field(f"samples/{sampler}/z", (m, d), "f4"))
        fields.append(Field(f"samples/{sampler}/image", (m, *IMAGE), "u1"))
        if config.model.kind == "cvae":
            fields.append(Field(f"samples/{sampler}/label", (m,), "u1"))
    fields.append(Field("traversal/z", (d, traversal, d), "f4"))
    fields.append(Field("traversal/image", (d, traversal, *IMAGE), "u1"))
    fields.append(Field("traversal/dim", (d,), "i4"))
    line = (INTERPOLATION_PAIRS, evaluation.interpolation_steps)
    fields.append(Field("interpolation/z", (*line, d), "f4"))
    fields.append(Field("interpolation/image", (*line, *IMAGE), "u1"))
    fields.append(Field("interpolation/pair", (INTERPOLATION_PAIRS, 2), "i4"))
    return fields


def _grid_fields(config: RunConfig) -> list[Field]:
    size = config.evaluation.grid_size
    plane = (10, size, size) if config.model.kind == "cvae" else (size, size)
    fields = []
    for name in ("quantile", "range"):
        fields.append(Field(f"grid/{name}/z", (*plane, 2), "f4"))
        fields.append(Field(f"grid/{name}/image", (*plane, *IMAGE), "u1"))
    return fields


@dataclass(frozen=True)
class CheckedResults:
    """What a valid results file says of itself."""

    header: Header
    config: RunConfig
    provenance: dict[str, Any]
    dataset_sha256: str


@dataclass(frozen=True)
class Results(CheckedResults):
    """One open results file; arrays are read on demand with `array`."""

    file: CheckedFile

    def array(self, name: str) -> Array:
        """Read one dataset, for example ``test/mu``; see `CheckedFile.array`."""
        return self.file.array(name)

    def names(self, group: str) -> list[str]:
        """Names below a group, for example the outlier sets below ``ood``."""
        return self.file.names(group)

    def weights(self) -> dict[str, Array]:
        """Trained parameters by name, bit for bit."""
        return {name: self.array(f"weights/{name}") for name in self.names("weights")}


def write_results(
    path: Path,
    config: RunConfig,
    arrays: Mapping[str, Array],
    *,
    provenance: Mapping[str, object],
    dataset_sha256: str,
) -> None:
    """Publish the results of a run; see `aevae.files.hdf5.write_file` for what is guaranteed."""
    attributes = {
        "run_id": config.run_id,
        "config": config.canonical_json(),
        "provenance": json.dumps(provenance, sort_keys=True),
        "dataset_sha256": dataset_sha256,
    }
    write_file(path, Schema(*RESULTS, result_fields(config)), arrays, attributes)


def check_results(path: Path) -> CheckedResults:
    """Validate a results file: schema, version, configuration, shapes, types, and every checksum.

    Raises
    ------
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    """
    header = examine(path)
    try:
        header.check(*RESULTS)
        config = RunConfig.from_json(str(header.attribute("config")), "attribute 'config'")
        if header.attribute("run_id") != config.run_id:
            raise InvalidFile(f"run id {header.attribute('run_id')!r} is not {config.run_id}")
        check_layout(header.layout, result_fields(config))
        provenance = json.loads(str(header.attribute("provenance")))
        dataset_sha256 = str(header.attribute("dataset_sha256"))
    except (InvalidFile, InputError, json.JSONDecodeError) as error:
        raise InvalidFile(f"{path}: {error}") from None
    return CheckedResults(header, config, provenance, dataset_sha256)


@contextmanager
def open_results(path: Path, checked: CheckedResults | None = None) -> Iterator[Results]:
    """Open a results file, which is validated first unless that has been done; see above."""
    checked = checked or check_results(path)
    with open_checked(path, checked.header) as file:
        yield Results(**vars(checked), file=file)


def write_dataset(
    path: Path, arrays: Mapping[str, Array], *, name: str, source: str, sha256: Mapping[str, str]
) -> None:
    """Publish the `dataset.h5` of a sweep; `sha256` maps each source file to its digest."""
    digests = json.dumps(sha256, sort_keys=True)
    write_file(path, DATASET, arrays, {"name": name, "source": source, "sha256": digests})


def check_dataset(path: Path) -> Header:
    """Validate the `dataset.h5` of a sweep.

    Raises
    ------
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    """
    return examine_as(path, DATASET)


@contextmanager
def open_dataset(path: Path, checked: Header | None = None) -> Iterator[CheckedFile]:
    """Open the `dataset.h5` of a sweep, which is validated first unless that has been done."""
    with open_checked(path, checked or check_dataset(path)) as file:
        yield file


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
