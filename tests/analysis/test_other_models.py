"""Sweeps of some models only: no sentence speaks of a model, or of labels, that are not there."""

import re

import pytest

from analysis.figures.registry import RECIPES as FIGURES
from analysis.measures.study import Study
from analysis.report import story
from analysis.sweep.load import MissingIngredient, open_sweep
from analysis.tables.registry import RECIPES as TABLES
from analysis.tables.registry import compute_table, concerns

LETTERS = ("A", "B", "C")


@pytest.fixture(scope="module")
def study_of(build_sweep, make_config, make_data, tmp_path_factory):
    """Build and open a sweep of some kinds of models with few latents."""

    def make(kinds, classes=LETTERS, sizes=(2, 5)):
        data = make_data((6, 5), classes, "letter" if classes else "class")
        configs = [make_config(kind, d, data=data) for kind in kinds for d in sizes]
        return Study(open_sweep(build_sweep(tmp_path_factory.mktemp("own") / "swéep", configs)))

    return make


def captions(study):
    """Yield everything that is said of a sweep beside the claims of the article."""
    for recipe in TABLES.values():
        if not concerns(study, recipe.name):
            continue
        try:
            compute_table(study, recipe.name)
        except MissingIngredient:
            continue
        yield recipe.name, recipe.caption(study)
    for recipe in FIGURES.values():
        try:
            yield recipe.name, recipe.caption(recipe.gathered(study))
        except MissingIngredient:
            continue
    for section in story.complete([], [], study.sweep):
        yield section.name, f"{section.title} {section.text}"
    yield "heading", story.heading(study.sweep)
    yield "question", story.question(study.sweep)


@pytest.mark.parametrize(
    ("kinds", "absent"),
    [
        (["ae"], r"VAE|KL\b|posterior mean|conditional"),
        (["vae"], r"\bAE\b|CVAE|is told|conditional"),
        (["ae", "vae"], r"CVAE|is told|conditional"),
        (["vae", "sigma-vae"], r"\bAE\b|CVAE|is told|conditional"),
    ],
)
def test_no_sentence_speaks_of_a_model_that_the_sweep_does_not_have(study_of, kinds, absent):
    said = dict(captions(study_of(kinds)))
    assert len(said) > 20
    found = {name: re.findall(rf"[^.]*(?:{absent})[^.]*", text) for name, text in said.items()}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_without_labels_no_sentence_speaks_of_classes(study_of):
    said = dict(captions(study_of(["ae", "vae"], ())))
    found = {name: re.findall(r"[^.]*\bclass(?:es)?\b[^.]*", text) for name, text in said.items()}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_the_page_counts_the_models_and_says_whether_they_were_trained_alike(
    study_of, build_sweep, make_config, tmp_path, complete
):
    def title(sweep):
        sections = {section.name: section.title for section in story.complete([], [], sweep)}
        return sections["training"]

    assert title(complete) == "Three models, trained alike"
    assert title(study_of(["vae"], sizes=(2,)).sweep) == "One model and its training"
    configs = [make_config("ae", 2, epochs=3), make_config("vae", 2, epochs=4)]
    assert title(open_sweep(build_sweep(tmp_path / "s", configs))) == (
        "Two models and their training"
    )


def test_the_heading_names_the_way_from_the_first_to_the_last_model(study_of, complete):
    assert story.heading(complete) == "From autoencoder to conditional VAE"
    assert story.question(complete) == (
        "What changes, and what is gained, when an autoencoder (AE) becomes a variational "
        "autoencoder (VAE) and is then told which digit it sees (CVAE)?"
    )
    assert story.heading(study_of(["ae", "vae"], sizes=(2,)).sweep) == "From autoencoder to VAE"
    assert story.heading(study_of(["ae"], sizes=(2,)).sweep) == "The autoencoder"
    without_ae = study_of(["vae", "cvae"], sizes=(2,)).sweep
    assert story.heading(without_ae) == "From VAE to conditional VAE"
    assert story.question(without_ae).endswith("is told which letter it sees (CVAE)?")
