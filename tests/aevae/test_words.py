"""Numbers and articles go with their nouns."""

import pytest

from aevae.words import counted, plural, with_article


@pytest.mark.parametrize(
    ("noun", "several", "one"),
    [
        ("digit", "digits", "a digit"),
        ("class", "classes", "a class"),
        ("galaxy", "galaxies", "a galaxy"),
        ("toy", "toys", "a toy"),
        ("Emu", "Emus", "an Emu"),
        ("fox", "foxes", "a fox"),
    ],
)
def test_nouns_have_regular_forms(noun, several, one):
    assert plural(noun) == several
    assert with_article(noun) == one


def test_a_number_goes_with_its_noun():
    assert [counted(n, "class") for n in (0, 1, 2000)] == ["0 classes", "1 class", "2,000 classes"]
