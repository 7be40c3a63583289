"""The configurations of the cells of a sweep."""

from functools import cache

from pydantic import ValidationError

from aevae.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from aevae.errors import InputError, describe_validation_error
from jobs.sweep.blocks import Cell, Choice


class RunMaker:
    """Makes the configuration of a cell; cells with the same settings share the validated parts.

    Parameters
    ----------
    source
        The specification, as messages name it.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._model = cache(self._make_model)
        self._train = cache(lambda choice: TrainConfig(**choice.settings))
        self._data = cache(lambda choice: DataConfig(**choice.settings))

    def __call__(self, cell: Cell) -> RunConfig:
        """Return the configuration of a cell.

        Raises
        ------
        InputError
            The settings are not valid, or do not fit together.
        """
        try:
            return RunConfig(
                model=self._model(cell.kind, cell.latent_size, cell.model, cell.data),
                train=self._train(cell.train),
                data=self._data(cell.data),
                seed=cell.seed,
            )
        except ValidationError as error:
            source = f"{self._source} ({cell.kind})"
            # Of the other parts, all keys are known to be valid.
            keys = set(ModelConfig.dotted_keys()) - {"kind", "latent_size"}
            raise InputError(describe_validation_error(error, source, sorted(keys))) from None

    def _make_model(self, kind: str, latent_size: int, model: Choice, data: Choice) -> ModelConfig:
        """Return the settings of a model, with the hidden sizes that follow from the images."""
        settings = {**model.settings, "kind": kind, "latent_size": latent_size}
        return RunConfig(model=ModelConfig(**settings), data=self._data(data)).model
