"""Whatever a program may import has a docstring, types, and a place on the page for users."""

import inspect
import re
from pathlib import Path

import pytest

import aevae
import analysis

PAGE = (Path(__file__).parents[2] / "docs" / "using-a-model.md").read_text()
PUBLIC = [(package, name) for package in (aevae, analysis) for name in package.__all__]


def members(thing):
    """Return a public function, or a class with its own public methods and properties."""
    yield thing
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if not name.startswith("_") and not isinstance(member, (str, int, tuple, dict)):
                yield getattr(member, "func", None) or getattr(member, "fget", None) or member


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_every_public_name_is_documented(package, name):
    thing = getattr(package, name)
    assert re.search(rf"\b{name}\b", PAGE), f"docs/using-a-model.md does not name {name}"
    for member in members(thing):
        if not callable(member) or type(member).__name__ == "_tuplegetter":
            continue
        assert inspect.getdoc(member), f"{member} has no docstring"
        if inspect.isfunction(member):
            hints = dict(member.__annotations__)
            parameters = set(inspect.signature(member).parameters) - {"self", "cls"}
            assert parameters | {"return"} <= set(hints), f"{member} has no types"


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_a_function_says_what_its_parameters_are(package, name):
    for member in filter(inspect.isfunction, members(getattr(package, name))):
        text = inspect.getdoc(member)
        for parameter in set(inspect.signature(member).parameters) - {"self", "cls"}:
            # A docstring may refer to a method that has the same parameters.
            known = "`encode`" in text or "`generate`" in text
            assert known or re.search(rf"\b{parameter}\b", text), f"{member}: {parameter}"


@pytest.mark.parametrize("package", [aevae, analysis])
def test_names_are_listed_typed_and_unknown_ones_are_refused(package):
    assert (Path(package.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - looking it up is what fails
