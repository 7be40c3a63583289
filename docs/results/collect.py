"""Gather what this folder publishes from the analysed sweeps, its README's tables included.

Sweeps: the faithful recipe (`paper`), the AE as it was published, with a ReLU on its code
(`paper-as-published`), and five seeds of every cell of both with the fast recipe (`seeds`,
`seeds-relu`).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from aevae.files.atomic import publish_text
from analysis.maths.metrics import seed_interval
from analysis.tables.published import TERMS, published
from analysis.write.formats import format_cell, to_markdown

HERE = Path(__file__).parent
RUNS = HERE.parents[1] / "runs"
RECIPES = {
    "paper": "faithful",
    "paper-as-published": "as-published",
    "seeds": "fast",
    "seeds-relu": "fast",
}
# What shows that a command that comes before has run.
NEEDED = [
    *(f"{sweep}/status.txt" for sweep in RECIPES),
    *(f"{sweep}/analysis/summary.csv" for sweep in RECIPES),
    *(f"{sweep}/analysis/findings.json" for sweep in ("paper", "seeds")),
    "paper/analysis/report.html",
]
UNSEEN = 8  # of 255: by how much one channel of a colour may change, but for a pixel in a hundred
CELL = ["model", "variant", "latent_size"]
COLUMNS = {
    "recipe": "recipe",
    "model": "model",
    "variant": "variant",
    "latent_size": "latent_size",
    "seed": "seed",
    "test_sse_mean": "sse_mean",
    "test_sse_sample": "sse_sample",
    "test_kl": "kl",
    "test_loss": "loss",
    "sse": "published_sse",
}


def main() -> None:
    """Take over tables, figures, findings and the page; write what compares the sweeps."""
    for file in NEEDED:
        if not (RUNS / file).is_file():
            raise SystemExit(f"{RUNS / file} is missing, nothing was touched: make reproduce")
    for folder in ("tables", "figures"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    for sweep in RECIPES:
        made = RUNS / sweep / "analysis"
        files = [*made.glob("*.csv"), *made.glob("findings.json"), RUNS / sweep / "status.txt"]
        take(files, HERE / "tables" / sweep)
    paper = RUNS / "paper" / "analysis"
    take([paper / "findings.json", paper / "findings.md", paper / "report.html"], HERE)
    take(list(paper.glob("*.png")), HERE / "figures")
    for figure in (HERE / "figures").glob("*.png"):
        shrink(figure)
    summary = summarise()
    summary.to_csv(HERE / "summary.csv", index=False)
    comparison = compare(summary)
    comparison.to_csv(HERE / "comparison.csv", index=False)
    for name, text in parts(comparison).items():
        fill(HERE / "README.md", name, text)


def take(files: list[Path], folder: Path) -> None:
    """Copy into a folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)


def shrink(figure: Path) -> None:
    """Keep 256 colours of a figure, a third of the bytes, unless that can be seen.

    Maximum coverage: the median cut would give thin lines the colour of their neighbours. Where
    colours are values, as in a heat map, 256 may still be too few.
    """
    with Image.open(figure) as image:
        full = image.convert("RGB")
    few = full.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    change = np.abs(np.asarray(few.convert("RGB"), dtype=int) - np.asarray(full, dtype=int))
    kept = few if np.quantile(change.max(axis=-1), 0.99) <= UNSEEN else full
    kept.save(figure, optimize=True)


def summarise() -> pd.DataFrame:
    """Return one row per run of every sweep, beside the article's SSE.

    The article's is that of one sampled z for VAE and CVAE (`sse_sample`), of the code for the AE
    (`sse_mean`).
    """
    runs = pd.concat(
        pd.read_csv(HERE / "tables" / sweep / "summary.csv").assign(recipe=recipe)
        for sweep, recipe in RECIPES.items()
    )
    runs = runs[runs["model"] != "pca"].astype({"seed": int})
    article = published()[["model", "latent_size", "sse"]]
    joined = runs.merge(article, on=["model", "latent_size"], how="left", validate="many_to_one")
    return joined[list(COLUMNS)].rename(columns=COLUMNS)


def compare(summary: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell that was trained with one seed, beside the article's errors.

    `difference` is our loss less the published one; `seeds_difference` the same for the mean over
    the seeds of the fast recipe, with Student's 95 % interval.
    """
    summary = summary.assign(sse=summary["sse_sample"].fillna(summary["sse_mean"]))
    theirs = published().rename(columns={term: f"published_{term}" for term in TERMS})
    theirs = theirs[["model", "latent_size", *(f"published_{term}" for term in TERMS)]]
    fast = summary[summary["recipe"] == "fast"]
    seeds = fast.groupby(CELL)["loss"].apply(over_seeds).unstack().reset_index()
    ours = summary.loc[summary["recipe"] != "fast", ["recipe", *CELL, *TERMS]]
    table = ours.merge(theirs, on=["model", "latent_size"]).merge(seeds, on=CELL, how="left")
    table["difference"] = table["loss"] - table["published_loss"]
    for name in ("", "_low", "_high"):
        table[f"seeds_difference{name}"] = table[f"seeds_loss{name}"] - table["published_loss"]
    return table


def over_seeds(losses: pd.Series) -> pd.Series:
    """Return mean and interval over trainings."""
    low, high = seed_interval(losses)
    return pd.Series({"seeds_loss": losses.mean(), "seeds_loss_low": low, "seeds_loss_high": high})


def parts(comparison: pd.DataFrame) -> dict[str, str]:
    """Return what the README's marked places hold."""
    return {
        "comparison": compared(comparison),
        "relu": live_units(),
        "claims": claims(),
        "status": status(),
    }


def compared(table: pd.DataFrame) -> str:
    """Return the comparison with the article as Markdown."""
    shown = pd.DataFrame({"model": table["model"].str.upper(), "d": table["latent_size"]})
    shown.loc[table["variant"] == "relu", "model"] = "AE, ReLU code"
    for term, title in zip(TERMS, ("SSE", "KL", "loss"), strict=True):
        shown[title] = table[term]
        shown[f"{title}, article"] = table[f"published_{term}"]
    shown["difference"] = table["difference"]
    places = ["seeds_difference", "seeds_difference_low", "seeds_difference_high"]
    shown["difference, five seeds, fast recipe"] = [
        "" if pd.isna(mean) else f"{mean:.2f} ({low:.2f} to {high:.2f})"
        for mean, low, high in table[places].itertuples(index=False)
    ]
    return to_markdown(
        shown,
        "Means per test image. SSE: of one sampled z (VAE, CVAE) or of the code (AE); KL: in nats; "
        "loss: their sum; difference: our loss less the article's. One training of 50 epochs (AE "
        "with a ReLU code: 100) beside the article's of 100; last, the mean of five trainings of "
        "12 epochs with the fast recipe and Student's 95 % interval.",
    )


def live_units() -> str:
    """Return how many units of a ReLU code live, and the error, of every training as Markdown."""
    titles = {"paper-as-published": "100 epochs", "seeds-relu": "fast recipe, seed {}"}
    runs = []
    for sweep, title in titles.items():
        folder = HERE / "tables" / sweep
        errors = pd.read_csv(folder / "summary.csv")[["run_id", "test_sse_mean"]]
        read = pd.read_csv(folder / "latent_space.csv").merge(errors, on="run_id")
        runs.append(read.assign(training=[title.format(int(seed)) for seed in read["seed"]]))
    table = pd.concat(runs)
    live = (table["latent_size"] - table["dead_units"]).astype(int).astype(str)
    table["cell"] = live + ": " + table["test_sse_mean"].map(format_cell)
    shown = table.set_index(["latent_size", "training"])["cell"].unstack(sort=False)
    return to_markdown(
        shown.rename_axis(index="d", columns=None).reset_index(),
        "AE with a ReLU code: how many of its d units are above 0 for any training image, and the "
        "test SSE.",
    )


def claims() -> str:
    """Return every claim with its verdicts as Markdown."""
    one, five = findings("paper"), findings("seeds")
    table = pd.DataFrame(
        {
            "claim": [finding["claim"] for finding in one.values()],
            "one training of 50 epochs, over images": [verdict(f) for f in one.values()],
            "five of 12 epochs, over trainings": [verdict(five[name]) for name in one],
        }
    )
    return to_markdown(
        table,
        "Verdict, effect and its 95 % interval. What each effect is, in which unit, and the rule "
        "of its test stand in [findings.md](findings.md).",
    )


def findings(sweep: str) -> dict[str, dict[str, Any]]:
    """Return the findings of a sweep by name."""
    stored = json.loads((HERE / "tables" / sweep / "findings.json").read_text())
    return {record["name"]: record for record in stored["findings"]}


def verdict(finding: dict[str, Any]) -> str:
    """Return verdict, estimate and interval: in files of schema version 2, the adjusted one."""
    bounds = finding.get("adjusted", finding)
    said = ": ".join(filter(None, [finding["verdict"], finding.get("reason")]))
    if finding["estimate"] is None:
        return said
    if bounds is None or bounds["low"] is None:
        return f"{said}: {format_cell(finding['estimate'])}"
    ends = [format_cell(bounds[end]) for end in ("low", "high")]
    return f"{said}: {format_cell(finding['estimate'])} ({ends[0]} to {ends[1]})"


def status() -> str:
    """Return what `aevae status` said: all of the first sweep, the sums of the others."""
    blocks = []
    for sweep in RECIPES:
        lines = (HERE / "tables" / sweep / "status.txt").read_text().splitlines()
        shown = lines if sweep == "paper" else lines[-2:]
        blocks.append("\n".join([f"runs/{sweep}", *map(str.rstrip, shown)]))
    return "```\n" + "\n\n".join(blocks) + "\n```\n"


def fill(page: Path, name: str, text: str) -> None:
    """Replace what stands between the page's markers of this name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{page}: no place for {name}")
    publish_text(page, f"{before}{begin}\n\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()
