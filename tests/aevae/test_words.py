import pytest

from aevae.words import plural, with_article


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
