"""Figures that several tests look at, drawn once."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from analysis.figures.recipe import Drawing, FigureRecipe
from analysis.measures.study import Study


@pytest.fixture(scope="session")
def drawn(study: Study) -> Callable[[FigureRecipe[Any]], Drawing]:
    """Draw a figure of the complete sweep. The drawing is shared, and not to be changed."""

    @cache
    def draw(recipe: FigureRecipe[Any]) -> Drawing:
        drawing = recipe.drawn(study)
        assert isinstance(drawing, Drawing)
        return drawing

    return draw
