"""In which settings, images and code two sweeps differ: what a comparison compares."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from aevae.axes import KEYS, Value, value_of
from aevae.config import DataConfig, EvaluationConfig
from aevae.kinds import KINDS
from analysis.comparison.members import Member
from analysis.sweep.axes import written
from analysis.sweep.load import Run
from analysis.write import prose

# These follow from the images, for which the name of the dataset stands.
_OF_IMAGES = ("dataset", "fingerprint", "image_shape", "class_names", "noun")
_PACKAGES = ("aevae", "torch")


def differences(first: Member, other: Member, *, same_images: bool) -> str:
    """Say in one sentence what distinguishes a sweep from the first one; its own values come first.

    Settings that both sweeps vary are not listed: their values stand in columns.
    """
    images = _dataset(first, other, same_images=same_images)
    parts = [*images, *_settings(first, other), *_others(first, other)]
    if not parts:
        return f"{other.label} has the same settings, images and code as {first.label}."
    return f"{other.label} differs from {first.label} in: {'; '.join(parts)}."


def _dataset(first: Member, other: Member, *, same_images: bool) -> Iterator[str]:
    ours, theirs = first.sweep.data, other.sweep.data
    if ours.title != theirs.title:
        yield f"dataset {theirs.title} against {ours.title}"
    elif ours.settings.fingerprint != theirs.settings.fingerprint:
        yield f"images of {ours.title}"
    elif not same_images:
        yield f"test images of {ours.title}"


def _settings(first: Member, other: Member) -> Iterator[str]:
    """Name each setting of the runs that differs, and the models if it is not so for all."""
    common = {cell.model for cell in first.cells} & {cell.model for cell in other.cells}
    models = [model for model in KINDS if model in common]
    for key in KEYS:
        if key in first.axes and key in other.axes:
            continue
        having, said = [], dict[str, list[str]]()
        for model in models:
            read = partial(_of_config, key)
            ours, theirs = (_values(_runs(member, model), read) for member in (first, other))
            if ours or theirs:
                having.append(model)
            if ours != theirs:
                said.setdefault(f"{_listed(theirs)} against {_listed(ours)}", []).append(model)
        texts = [
            text if of == having else f"{text} ({prose.listed(KINDS[model].title for model in of)})"
            for text, of in said.items()
        ]
        if texts:
            yield f"{key} {', '.join(texts)}"


def _others(first: Member, other: Member) -> Iterator[str]:
    """Name what differs in the split, the evaluation, the code and the machine."""
    data = [n for n in DataConfig.model_fields if n not in _OF_IMAGES and f"data.{n}" not in KEYS]
    readers: dict[str, Callable[[Run], Value]] = {
        **{f"data.{name}": partial(_of_data, name) for name in data},
        **{f"evaluation.{n}": partial(_of_evaluation, n) for n in EvaluationConfig.model_fields},
        "commit": lambda run: prose.commit(run.checked.provenance),
        **{name: partial(_version, name) for name in _PACKAGES},
        "device": lambda run: run.checked.provenance.get("device"),
    }
    for name, read in readers.items():
        ours, theirs = (_values(member.sweep.runs, read) for member in (first, other))
        if ours != theirs:
            yield f"{name} {_listed(theirs)} against {_listed(ours)}"


def _of_config(key: str, run: Run) -> Value:
    return value_of(run.config, key)


def _of_data(name: str, run: Run) -> Value:
    return getattr(run.config.data, name)


def _of_evaluation(name: str, run: Run) -> Value:
    return getattr(run.evaluation, name)


def _version(package: str, run: Run) -> Any:  # noqa: ANN401 - older results may not say it
    return run.checked.provenance.get("versions", {}).get(package)


def _runs(member: Member, model: str) -> list[Run]:
    return [run for run in member.sweep.runs if run.model == model]


def _values(runs: Iterable[Run], read: Callable[[Run], Value]) -> list[Value]:
    """Return the values of a setting in some runs: in order, each once, no None."""
    return sorted({value for run in runs if (value := read(run)) is not None})


def _listed(values: list[Value]) -> str:
    return prose.listed(map(written, values)) or "unknown"
