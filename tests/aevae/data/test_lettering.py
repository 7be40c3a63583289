"""Names of classes are written in a font that has their letters, and are not too long."""

from PIL import ImageFont

from aevae.data import lettering


def test_without_the_font_of_the_system_pillow_has_one(monkeypatch):
    def absent(*_):
        raise OSError

    monkeypatch.setattr(ImageFont, "truetype", absent)
    monkeypatch.setattr(ImageFont, "load_default", lambda: "Pillow's")
    assert lettering.font.__wrapped__() == "Pillow's"


def test_the_font_of_the_system_is_the_one_with_most_letters(monkeypatch):
    monkeypatch.setattr(ImageFont, "truetype", lambda *given: given)
    assert lettering.font.__wrapped__() == ("DejaVuSans.ttf", 11)


def test_a_name_fits_the_width_that_it_is_given():
    assert lettering.widest(["MAMMOGRAM", "i"]) >= lettering.font().getbbox("MAMMOGRAM")[2]
    assert lettering.widest([]) == 0


def test_a_long_name_is_cut():
    assert lettering.shortened("a" * 24) == "a" * 24
    assert lettering.shortened("a" * 25) == "a" * 21 + "..."
