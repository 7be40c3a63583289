"""The choice of a run, and what its files hold of the trained model."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.execution import available_cores
from aevae.files import names
from aevae.files.filesystem import exists
from aevae.files.hdf5 import Array, InvalidFile, open_checked
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.runs import read_runs
from aevae.files.schema import Results, check_training, open_results, read_weights
from aevae.words import counted

MOST_NAMES = 5  # of runs in a message
MOST_READERS = 8


@dataclass(frozen=True)
class TrainedRun:
    """The trained model of a run: its settings, weights and validation loss.

    Parameters
    ----------
    paths
        Files of the run.
    config
        Settings of the run.
    weights
        Trained parameters by name.
    validation_loss
        Loss of the validation images at the epoch whose weights were kept, per image.
    """

    paths: RunPaths
    config: RunConfig
    weights: Mapping[str, Array]
    validation_loss: float

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.paths.run_id

    @contextmanager
    def results(self) -> Iterator[Results]:
        """Open the results of the evaluation.

        Raises
        ------
        InputError
            The run has not been evaluated, or its results are damaged.
        """
        try:
            with open_results(self.paths) as results:
                yield results
        except FileNotFoundError:
            path = self.paths.evaluation
            raise InputError(
                f"{self.run_id} is not done: it has no {path.name}, which this needs"
            ) from None
        except InvalidFile as error:
            raise _as_input_error(error) from None


def read_trained(paths: RunPaths) -> TrainedRun:
    """Read the trained model of a run, whatever release wrote it.

    Raises
    ------
    InputError
        The run is not trained yet, or a file is damaged or is no file of results.
    """
    try:
        paths.sweep.check_contained(paths)
        if exists(paths.results) and not exists(paths.trained):
            return _read_schema_1(paths)
        checked = check_training(paths.trained)
        with open_checked(paths.trained, checked.header) as file:
            loss = file.array(names.history("val", names.LOSS))[checked.kept_epoch - 1]
            return TrainedRun(paths, checked.config, read_weights(file), float(loss))
    except FileNotFoundError:
        raise InputError(
            f"{paths.run_id} is not done: {paths.root} has no {paths.trained.name}"
        ) from None
    except InvalidFile as error:
        raise _as_input_error(error) from None


def _as_input_error(error: InvalidFile) -> InputError:
    """Return the error of a file as one of input; that of a newer release is one already."""
    return error if isinstance(error, InputError) else InputError(str(error))


def _read_schema_1(paths: RunPaths) -> TrainedRun:
    with open_results(paths) as results:
        loss = results.array(names.history("val", names.LOSS))[results.kept_epoch - 1]
        return TrainedRun(paths, results.config, results.weights(), float(loss))


def matching(sweep: SweepPaths, run: str) -> list[str]:
    """Return the runs that a text names.

    Parameters
    ----------
    sweep
        The sweep.
    run
        An id, the beginning of an id, a pattern such as ``vae-*-s0-*``, or nothing for all runs.

    Raises
    ------
    InputError
        The folder is no sweep, or no run matches.
    """
    if not sweep.root.is_dir():
        raise InputError(f"{sweep.root} is not a folder")
    runs = read_runs(sweep)
    if run in runs.index:
        return [run]
    pattern = run if set("*?[") & set(run) else f"{run}*"
    found = [run_id for run_id in runs.current if fnmatchcase(run_id, pattern)]
    if not runs.current:
        raise InputError(f"{sweep.root} is no sweep: it has no runs/<run id>/config.json")
    if not found:
        raise InputError(f"no run of {sweep.root} matches {run!r}: it has {_listed(runs.current)}")
    return found


def choose_run(sweep: SweepPaths, run_ids: Sequence[str], *, best: bool) -> TrainedRun:
    """Read the only run of `run_ids`, or the one with the least validation loss.

    Raises
    ------
    InputError
        There are several and the best is not asked for; or none is done; or their losses have
        different terms, so that the least says nothing.
    """
    if len(run_ids) == 1:
        return read_trained(sweep.run(run_ids[0]))
    if not best:
        raise InputError(
            f"{_listed(run_ids)} match: name one, or take the best by validation loss (--best, or "
            "best=True in Python)"
        )
    with ThreadPoolExecutor(min(MOST_READERS, available_cores())) as readers:
        done = [sweep.run(run_id) for run_id in run_ids]
        trained = list(readers.map(read_trained, filter(_is_trained, done)))
    if not trained:
        raise InputError(f"none of {_listed(run_ids)} is done")
    _check_comparable(trained)
    return min(trained, key=lambda run: run.validation_loss)


def _is_trained(paths: RunPaths) -> bool:
    return exists(paths.trained) or exists(paths.results)


def _check_comparable(runs: Sequence[TrainedRun]) -> None:
    for key in ("kind", "likelihood", "kl_weight", "dynamic_binarisation"):
        values = dict.fromkeys(str(getattr(run.config.model, key)) for run in runs)
        if len(values) > 1:
            raise InputError(
                f"the losses of these runs do not compare, because {key} differs "
                f"({', '.join(values)}): choose runs with one value"
            )


def _listed(run_ids: Sequence[str]) -> str:
    more = f" and {len(run_ids) - MOST_NAMES} more" if len(run_ids) > MOST_NAMES else ""
    return f"{counted(len(run_ids), 'run')} ({', '.join(run_ids[:MOST_NAMES])}{more})"
