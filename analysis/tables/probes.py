"""How well the class can be read from the latents of every run, from PCA and from pixels."""

import pandas as pd

from analysis.measures import probing
from analysis.measures.cells import PCA, axis_columns, run_identity
from analysis.measures.latents import MEAN, has_samples
from analysis.measures.pca import fit_pca
from analysis.measures.probing import Space
from analysis.measures.study import Call, Study
from analysis.sweep.load import SweepResults
from analysis.tables import by_class
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

PIXELS = "pixels"


def make(study: Study) -> pd.DataFrame:
    """Return one row per space, probe and number of labels.

    Columns: identity of the run (model ``pca`` or ``pixels`` where there is none), points (what
    the class is read from, see `analysis.measures.probing.Space.name`), probe, labels (training
    images with a known class), accuracy on the test images.

    Raises
    ------
    MissingIngredient
        The images have no labels, or the training images are all of one class.
    """
    every = study.data.counts["train"]
    rows = []
    for space in spaces(study.sweep):
        for (probe, count), hits in probing.hits(study, space).items():
            known = {"probe": probe, "labels": count or every, "accuracy": hits.mean()}
            rows.append({**_identity(study, space), "points": space.name, **known})
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def spaces(sweep: SweepResults) -> list[Space]:
    """List the latents of all runs, PCA at each of their sizes, and pixels.

    Of a variational run these are samples, if its results tell how to draw them, and means.
    """
    sizes = sorted({run.latent_size for run in sweep.runs})
    latents = [Space(run=run) for run in sweep.runs if has_samples(run)]
    latents += [Space(run=run, at=MEAN) for run in sweep.runs if run.kind.variational]
    return [*latents, *(Space(components=size) for size in sizes), Space()]


def measures(study: Study) -> list[Call]:
    """List the probing of every space."""
    if not study.data.classes:
        return []
    fit_pca(study)
    return [(probing.hits, (space,)) for space in spaces(study.sweep)]


def _identity(study: Study, space: Space) -> dict[str, object]:
    if space.run is not None:
        return run_identity(space.run, study.sweep.axes)
    model, size = (PCA, space.components) if space.components else (PIXELS, study.data.values)
    return {"run_id": "", "model": model, "variant": "", "latent_size": size, "seed": None}


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per space, a column per probe and number of labels."""
    kept = table.assign(column=table["probe"] + ", " + table["labels"].map("{:,}".format))
    space = ["model", "latent_size", "run_id", "points"]
    wide = kept.set_index([*space, "column"])["accuracy"].unstack()
    wide = wide[kept["column"].unique()]  # unstack(sort=False) of pandas 2 mixes the rows up
    identity = ["model", "variant", "latent_size", *axis_columns(table), "seed", "run_id", "points"]
    spaces = table[identity].drop_duplicates(space)
    return spaces.join(wide, on=space).drop(columns="run_id").reset_index(drop=True)


def caption(study: Study) -> str:
    """Say what is read from what."""
    noun = study.data.noun
    return (
        f"Share of {len(probing.test_rows(study.sweep)):,} test images of {study.data.title} whose "
        f"{noun} is read right from {prose.sample_or_mean(study.sweep.runs)}, from as many "
        "principal components of the training images (pca), or from all pixels, by the 5 nearest "
        "of the labelled training images or by logistic regression on them. With few labels, the "
        f"mean over 5 draws. {prose.by_posteriors(study.sweep.runs)}"
        f"{prose.hidden_by_noise(study.sweep.runs)}{_goal(study)}"
        + by_class.named("Without training images", study.sweep.rare_classes("train"))
    )


def _goal(study: Study) -> str:
    """Say what chance is, and which models should come near it."""
    chance, told = f"{probing.chance(study.sweep):.3f}", prose.conditional(study.sweep.runs)
    if not told:
        return f"Chance is {chance}."
    return (
        f"The encoder of a {prose.listed(told)} is told the {study.data.noun}; reading it from z "
        f"then shows how much of it z repeats, and chance ({chance}) is the goal."
    )


TABLE = TableRecipe("probes", make, caption, for_readers, measures=measures)
