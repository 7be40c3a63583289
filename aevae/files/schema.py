"""The contract between training and analysis: the HDF5 files of a run.

The results of a run are two files. ``trained.h5`` holds the trained parameters and the history of
training. ``evaluation.h5`` holds the evaluation of the trained model, and can be computed again
from ``trained.h5``. `aevae.files.fields` declares the datasets of both, and
``docs/results-format.md`` describes them. This module reads and writes NumPy arrays and does not
import torch.

Every released version stays readable. In schema 1 a run has one file, ``results.h5``, and some
datasets have other names. `Results` reads such a file under the present names.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aevae.config import EvaluationConfig, RunConfig
from aevae.errors import InputError, NewerVersion
from aevae.files import names
from aevae.files.fields import SCHEMA_VERSION, evaluation_fields, training_fields
from aevae.files.filesystem import exists
from aevae.files.hdf5 import (
    Array,
    CheckedFile,
    Field,
    Header,
    InvalidFile,
    NewerFile,
    Schema,
    check_layout,
    open_checked,
    write_file,
)
from aevae.files.layout import RunPaths
from aevae.files.sandbox import examine

TRAINED = "aevae-trained"
EVALUATION = "aevae-evaluation"
OLDEST = 2
RESULTS_1 = "aevae-results"  # the one file of a run in schema 1


@dataclass(frozen=True)
class CheckedTraining:
    """Configuration, origin and layout of a valid ``trained.h5``."""

    header: Header
    run_id: str
    config: RunConfig
    provenance: dict[str, Any]
    weights_sha256: str
    kept_epoch: int


@dataclass(frozen=True)
class CheckedEvaluation:
    """Settings, dataset and layout of a valid ``evaluation.h5``."""

    header: Header
    settings: EvaluationConfig
    dataset_sha256: str


@dataclass(frozen=True)
class CheckedResults:
    """Configuration, origin and layout of the valid results of a run.

    Parameters
    ----------
    run_id
        Stored run id; an older release may have made it from the configuration by another rule.
    config, evaluation
        Settings of the run and of its evaluation.
    provenance
        Code, versions, machine, job and times of the training.
    dataset_sha256
        SHA-256 of the ``dataset.h5`` whose images were evaluated.
    files
        Paths of the files of the run, with the layout and attributes of each.
    version
        Version of their schema.
    kept_epoch
        Number (from 1) of the epoch whose weights were kept: the last, unless there was early
        stopping.
    """

    run_id: str
    config: RunConfig
    evaluation: EvaluationConfig
    provenance: dict[str, Any]
    dataset_sha256: str
    files: Mapping[Path, Header] = field(repr=False)
    version: int
    kept_epoch: int

    def __contains__(self, name: str) -> bool:
        stored = self.stored_name(name)
        return any(stored in header.layout for header in self.files.values())

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a dataset."""
        stored = self.stored_name(name)
        return next(h.layout[stored][0] for h in self.files.values() if stored in h.layout)

    def stored_name(self, name: str) -> str:
        """Return the name that a dataset or group has in the files."""
        return self.translation.to_file(name)

    @property
    def translation(self) -> names.Translation:
        """Between the names of today and those in the files."""
        return names.Translation(self.version, self.config.model.traits)


@dataclass(frozen=True)
class Results(CheckedResults):
    """The open results of one run; `array` reads a dataset."""

    opened: tuple[CheckedFile, ...]

    def array(self, name: str) -> Array:
        """Read one dataset, named as in `aevae.files.names`.

        Raises
        ------
        InvalidFile
            There is no such dataset, or its bytes are damaged.
        """
        stored = self.stored_name(name)
        file = next((file for file in self.opened if stored in file.layout), self.opened[-1])
        return file.array(stored)

    def all_names(self) -> list[str]:
        """Return the names of all datasets, in the order of the files."""
        stored = [name for file in self.opened for name in file.layout]
        return [self.translation.from_file(name) for name in stored]

    def names(self, group: str) -> list[str]:
        """Return the names below a group, for example the outlier sets below ``outliers``."""
        stored = self.stored_name(group)
        return sorted({name for file in self.opened for name in file.names(stored)})

    def weights(self) -> dict[str, Array]:
        """Return the trained parameters by name, bit for bit."""
        return read_weights(self.opened[0])


def read_weights(file: CheckedFile) -> dict[str, Array]:
    """Read the trained parameters by name, bit for bit."""
    return {name: file.array(names.weight(name)) for name in file.names(names.WEIGHTS)}


def write_training(
    path: Path,
    config: RunConfig,
    arrays: Mapping[str, Array],
    provenance: Mapping[str, object],
    kept_epoch: int | None = None,
) -> None:
    """Publish the results of training; see `aevae.files.hdf5.write_file` for the guarantees.

    `kept_epoch` is the epoch whose weights were kept; None: the last.
    """
    attributes: dict[str, str | int] = {
        "kept_epoch": kept_epoch or len(arrays[names.EPOCH_SECONDS]),
        "run_id": config.run_id,
        "config": config.canonical_json(),
        "provenance": json.dumps(provenance, sort_keys=True),
        "weights_sha256": weights_sha256(arrays),
    }
    write_file(path, Schema(TRAINED, SCHEMA_VERSION, training_fields(config)), arrays, attributes)


def write_evaluation(
    path: Path,
    trained: CheckedTraining,
    evaluation: EvaluationConfig,
    arrays: Mapping[str, Array],
    *,
    provenance: Mapping[str, object],
    dataset_sha256: str,
) -> None:
    """Publish the evaluation of a trained model, with the SHA-256 of its weights.

    The same model, settings and machine must give the same bytes, so `provenance` holds no times.
    """
    attributes = {
        "run_id": trained.run_id,
        "evaluation": evaluation.canonical_json(),
        "provenance": json.dumps(provenance, sort_keys=True),
        "weights_sha256": trained.weights_sha256,
        "dataset_sha256": dataset_sha256,
    }
    fields = evaluation_fields(trained.config, evaluation)
    write_file(path, Schema(EVALUATION, SCHEMA_VERSION, fields), arrays, attributes)


def weights_sha256(arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of names, shapes and values of the parameters in `arrays`, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(name for name in arrays if name.startswith(f"{names.WEIGHTS}/")):
        digest.update(f"{name} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def missing_file(paths: RunPaths) -> Path | None:
    """Return the first missing file of the results of a run; None if no file is missing."""
    if _in_schema_1(paths):
        return None
    wanted = (paths.trained, paths.evaluation)
    return next((path for path in wanted if not exists(path)), None)


def check_training(path: Path) -> CheckedTraining:
    """Validate a ``trained.h5``: schema, version, configuration, shapes, types, every checksum.

    Raises
    ------
    NewerFile
        A newer release wrote the file.
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    OSError
        The file is missing, or the file system failed, so it is unknown whether it is valid.
    """
    header = examine(path)
    with _naming(path):
        header.check(TRAINED, SCHEMA_VERSION, OLDEST)
        config = _config(header)
        check_layout(header.layout, training_fields(config))
        return CheckedTraining(
            header,
            _text(header, "run_id"),
            config,
            json.loads(_text(header, "provenance")),
            _text(header, "weights_sha256"),
            _kept_epoch(header, config),
        )


def _kept_epoch(header: Header, config: RunConfig) -> int:
    (trained,), _ = header.layout[names.EPOCH_SECONDS]
    older = int(header.attribute("schema_version")) < 4
    kept = trained if older else header.attribute("kept_epoch")
    if not isinstance(kept, int) or not 1 <= kept <= trained <= config.train.epochs:
        most = config.train.epochs
        raise InvalidFile(f"kept_epoch {kept} of {trained} trained epochs, of at most {most}")
    return kept


def check_evaluation(path: Path, trained: CheckedTraining) -> CheckedEvaluation:
    """Validate the ``evaluation.h5`` of a trained model; see `check_training`.

    Raises
    ------
    NewerFile
        A newer release wrote the file.
    InvalidFile
        The file breaks the contract, or belongs to another model.
    """
    header = examine(path)
    with _naming(path):
        header.check(EVALUATION, SCHEMA_VERSION, OLDEST)
        settings = EvaluationConfig.from_json(_text(header, "evaluation"), "attribute 'evaluation'")
        version = int(header.attribute("schema_version"))
        check_layout(header.layout, evaluation_fields(trained.config, settings, version))
        if header.attribute("weights_sha256") != trained.weights_sha256:
            raise InvalidFile("made from other weights than those of the run")
        return CheckedEvaluation(header, settings, _text(header, "dataset_sha256"))


def check_results(paths: RunPaths) -> CheckedResults:
    """Validate the results of a run, whatever release wrote them; see `check_training`.

    Raises
    ------
    NewerFile
        A newer release wrote a file.
    InvalidFile
        A file breaks the contract, or the evaluation is that of another model.
    """
    if _in_schema_1(paths):
        return _check_schema_1(paths.results)
    trained = check_training(paths.trained)
    evaluated = check_evaluation(paths.evaluation, trained)
    return CheckedResults(
        trained.run_id,
        trained.config,
        evaluated.settings,
        trained.provenance,
        evaluated.dataset_sha256,
        {paths.trained: trained.header, paths.evaluation: evaluated.header},
        int(evaluated.header.attribute("schema_version")),
        trained.kept_epoch,
    )


def _in_schema_1(paths: RunPaths) -> bool:
    return exists(paths.results) and not exists(paths.trained)


def _check_schema_1(path: Path) -> CheckedResults:
    """Validate a ``results.h5``, which holds training and evaluation in one file."""
    header = examine(path)
    with _naming(path):
        header.check(RESULTS_1, 1)
        config = _config(header)
        settings = json.dumps(json.loads(_text(header, "config"))["evaluation"])
        evaluation = EvaluationConfig.from_json(settings, "attribute 'config'")
        check_layout(header.layout, _fields_1(config, evaluation))
        return CheckedResults(
            _text(header, "run_id"),
            config,
            evaluation,
            json.loads(_text(header, "provenance")),
            _text(header, "dataset_sha256"),
            {path: header},
            1,
            config.train.epochs,
        )


def _fields_1(config: RunConfig, evaluation: EvaluationConfig) -> list[Field]:
    """Return the fields of schema 1, in which a run has one file."""
    return [*training_fields(config), *evaluation_fields(config, evaluation, version=1)]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path of the file before the message of an error."""
    try:
        yield
    except NewerVersion as error:
        raise NewerFile(f"{path}: {error}") from None
    except (InvalidFile, InputError, json.JSONDecodeError, KeyError) as error:
        raise InvalidFile(f"{path}: {error}") from None


def _config(header: Header) -> RunConfig:
    return RunConfig.from_json(_text(header, "config"), "attribute 'config'")


def _text(header: Header, name: str) -> str:
    return str(header.attribute(name))


@contextmanager
def open_results(paths: RunPaths, checked: CheckedResults | None = None) -> Iterator[Results]:
    """Open the results of a run; they are validated first unless `checked` is given."""
    checked = checked or check_results(paths)
    with ExitStack() as stack:
        opened = [stack.enter_context(open_checked(p, h)) for p, h in checked.files.items()]
        yield Results(**vars(checked), opened=tuple(opened))
