"""What several outputs of one command share is computed once: a report must not take twice as long.

Python itself counts the calls (sys.settrace), so that no function need be replaced by another.
"""

import inspect
import sys
from collections import Counter
from importlib import import_module
from inspect import isgeneratorfunction
from pkgutil import iter_modules

import joblib
import pytest

import analysis.findings
import analysis.measures
from analysis import commands
from analysis.maths import aggregate, decoder, densities, embedding, metrics, neighbours, overlap
from analysis.measures.judges import judge
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient
from analysis.tables.registry import RECIPES

pytestmark = pytest.mark.timeout(900)  # a whole report, at half of its usual speed

COSTLY = (
    aggregate.measure_densities,
    judge.train_judge,
    decoder.decode,
    densities.plane_density,
    embedding.class_accuracy,
    metrics.auroc,
    metrics.bootstrap_interval,
    neighbours.nearest,
    overlap.frechet,
    overlap.overlap,
)


def remembered():
    """Every function of a measure or claim whose results a study remembers."""
    for package in (analysis.measures, analysis.findings):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for function in vars(import_module(module.name)).values():
                measure = inspect.unwrap(function) if hasattr(function, "__wrapped__") else None
                # Context managers are wrapped too, but they compute nothing. What functools caches
                # is kept for all studies.
                if (
                    measure
                    and measure.__module__ == module.name
                    and not isgeneratorfunction(measure)
                    and not hasattr(function, "cache_info")
                ):
                    yield measure


@pytest.fixture(scope="module")
def calls(complete_dir, tmp_path_factory):
    """How often a report calls what takes long with the same arguments; those of a study apart."""
    tables = [recipe.make for recipe in RECIPES.values()]
    watched = {function.__code__: function for function in (*COSTLY, *tables, *remembered())}
    counted = Counter()

    def count(frame, *_):
        if function := watched.get(frame.f_code):
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            given = [frame.f_locals[name] for name in names]
            rest = [value for value in given if not isinstance(value, Study)]
            counted[function, joblib.hash(rest)] += 1

    before = sys.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        # Each picture is saved for the page; saving it in two more formats would only take longer.
        patch.setattr(commands, "FIGURE_FORMATS", ())
        sys.settrace(count)
        try:
            commands.write_report(complete_dir, tmp_path_factory.mktemp("report"), False)
        finally:
            sys.settrace(before)
    return counted


def test_each_table_is_made_once(calls):
    made = Counter(function.__module__.split(".")[-1] for function, _ in calls.elements()
                   if function.__module__.startswith("analysis.tables."))  # fmt: skip
    assert made == dict.fromkeys(set(RECIPES) - {"literature"}, 1)


def test_each_measure_is_computed_once(calls):
    functions = {function for function, _ in calls}
    assert {*remembered(), *COSTLY} <= functions
    assert [(f.__qualname__, n) for (f, _), n in calls.items() if n > 1] == []


def test_what_is_missing_is_looked_for_once(complete):
    asked = []

    def lacking(study, what):
        asked.append(what)
        raise MissingIngredient(f"no {what}")

    study = Study(complete)
    for what in ("outliers", "outliers", "codes"):
        with pytest.raises(MissingIngredient, match=f"no {what}"):
            study.once(lacking, what)
    assert asked == ["outliers", "codes"]


def test_studies_do_not_share_what_they_remember(complete):
    numbers = iter(range(3))

    def measure(study):
        return next(numbers)

    one, other = Study(complete), Study(complete)
    assert [one.once(measure), one.once(measure), other.once(measure)] == [0, 0, 1]
