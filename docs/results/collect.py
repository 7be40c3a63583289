"""Gather what this folder publishes from the analysed sweeps, the tables of its README included.

`reproduce` makes the sweeps and analyses them; this copies what the analysis has written. The
README's tables are made from the copies alone. A sweep that is not analysed is left out, and the
README says so; `seeds`, the findings of `paper` and the comparison must be there.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from aevae.files.atomic import publish_text
from aevae.kinds import KINDS
from analysis import figures
from analysis.comparison.quantities import KL, LOSS, SSE, SSE_SAMPLE
from analysis.findings import records
from analysis.write.formats import format_cell, to_markdown

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs"
# Each sweep, and the figures that are published of it; None: all.
SWEEPS: dict[str, tuple[str, ...] | None] = {
    "seeds": None,
    "seeds-relu": (),
    "paper": (),
    "paper-as-published": (),
    "rate-distortion": ("rate_distortion", "decoder_variance"),
    "fashion-mnist": ("generated",),
    "literature": (),
}
NEEDED = (
    "seeds/analysis/report.html",
    "paper/analysis/findings.json",
    "compared/comparison.csv",
)
LATER = "This sweep has not been trained with this version; `make reproduce` trains it.\n"
RELU = {"paper-as-published": "100 epochs", "seeds-relu": "seed {}"}
# Texts with numbers that stand in no table; of the other sweeps, the findings.
TEXTS = {"literature": "literature.md", "rate-distortion": "decoder_variance.md"}
LARGE = ("history", "latent_dimensions")  # tables that are left out
IN_PAGE = ("latent_pca", "digits_embedding", "latent_sizes")  # large, so only the page shows them
UNSEEN = 8  # of 255: by how much one channel of a colour may change, but for a pixel in a hundred


def main() -> None:
    """Copy tables, figures, findings and the page; fill the marked places of the READMEs."""
    for file in NEEDED:
        if not (RUNS / file).is_file():
            raise SystemExit(f"{RUNS / file} is missing, nothing was touched: make reproduce")
    for folder in ("tables", "figures"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    for sweep, names in SWEEPS.items():
        made = RUNS / sweep / "analysis"
        if not made.is_dir():
            sys.stdout.write(f"{sweep} is not analysed, so it is left out\n")
            continue
        small = [file for file in made.glob("*.csv") if file.stem not in LARGE]
        texts = made.glob(TEXTS.get(sweep, "findings.*"))
        take([*small, *texts], HERE / "tables" / sweep)
        if names is None:
            drawn, prefix = [f for f in made.glob("*.png") if f.stem not in IN_PAGE], ""
        else:
            drawn, prefix = [made / f"{name}.png" for name in names], f"{sweep}_"
        take(drawn, HERE / "figures", prefix)
    take([RUNS / "seeds" / "analysis" / "report.html", RUNS / "compared" / "comparison.csv"], HERE)
    take((RUNS / "compared").glob("*.png"), HERE / "figures")
    for figure in (HERE / "figures").glob("*.png"):
        shrink(figure)
    for name, text in parts().items():
        fill(HERE / "README.md", name, text)
    fill(ROOT / "README.md", "shares", shares())
    print_sizes()


def take(files: Iterable[Path], folder: Path, prefix: str = "") -> None:
    """Copy into a folder, made if need be, with a prefix before each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, folder / f"{prefix}{file.name}")


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


def print_sizes() -> None:
    """Print how large the published files are: each folder of this one, and the sum."""
    sizes: dict[str, int] = {}
    for file in filter(Path.is_file, HERE.rglob("*")):
        parent = str(file.relative_to(HERE).parent)
        sizes[parent] = sizes.get(parent, 0) + file.stat().st_size
    for folder, size in (sizes | {"together": sum(sizes.values())}).items():
        sys.stdout.write(f"{size / 1e6:6.2f} MB  {folder}\n")


def parts() -> dict[str, str]:
    """Return what the README's marked places hold."""
    return {
        "shares": shares(),
        "published": compared(),
        "relu": live_units() if has("seeds-relu") else LATER,
        "claims": claims(),
        "rate-distortion": traded() if has("rate-distortion") else LATER,
        "fashion-mnist": other_images() if has("fashion-mnist") else LATER,
        "literature": literature() if has("literature") else LATER,
        "figures": drawings(),
        "status": status(),
    }


def has(sweep: str) -> bool:
    """Tell whether the tables of a sweep are published."""
    return (HERE / "tables" / sweep / "summary.csv").exists()


def table(sweep: str, name: str) -> pd.DataFrame:
    """Read a published table of a sweep."""
    return pd.read_csv(HERE / "tables" / sweep / f"{name}.csv")


def trained(sweep: str) -> pd.DataFrame:
    """Read a row for each run of a published sweep; the summary also has rows of PCA."""
    return table(sweep, "summary").dropna(subset="run_id")


def findings(sweep: str) -> dict[str, Any]:
    """Return the findings of a sweep by name; `records` can put them in words."""
    text = (HERE / "tables" / sweep / "findings.json").read_text()
    stored = json.loads(text, object_hook=lambda values: SimpleNamespace(**values))
    return {found.name: found for found in stored.findings}


def shares() -> str:
    """Return how much of what the models draw is recognisable, as Markdown."""
    found = findings("seeds")
    recognised = table("seeds", "sample_quality").set_index("model")["recognisable"]
    fails = found["ae-noise-fails"]

    def share(name: str) -> str:
        return _percent(found[name].estimate, found[name].raw)

    drawn = f"images decoded from noise z ~ N(0, I), 20 latents, {fails.seeds} trainings"
    asked = f"{share('cvae-obeys-label')} show the digit that was asked for"
    rows = {
        "AE": share("ae-noise-fails"),
        "VAE": share("vae-recognisable"),
        "CVAE": f"{share('cvae-recognisable')}; {asked}",
        "AE, z drawn from a Gaussian mixture fitted on its codes instead": _percent(
            fails.control.estimate, fails.control
        ),
        "for comparison: real images": _percent(recognised["real"]),
    }
    lines = [f"| {drawn} | recognisable as a digit (95 % interval) |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {said} |" for name, said in rows.items())]) + "\n"


def _percent(value: float, bounds: Any = None) -> str:  # noqa: ANN401 - has low and high
    """Write a share with its 95% interval, if there is one."""
    said = f"{100 * value:.1f} %"
    return said if bounds is None else f"{said} ({100 * bounds.low:.1f} to {100 * bounds.high:.1f})"


def compared() -> str:
    """Return the article's numbers beside those of its settings and of the seeds, as Markdown."""
    rows = []
    compared = pd.read_csv(HERE / "comparison.csv")
    for (model, size), cell in compared.groupby(["model", "latent_size"], sort=False):
        kind = KINDS[str(model)]
        numbers: dict[Any, Any] = cell.set_index(["sweep", "quantity"]).to_dict("index")
        row: dict[str, object] = {"model": kind.title, "d": size}
        sse = SSE_SAMPLE if kind.variational else SSE
        for title, name in {"SSE": sse, "KL": KL, "loss": LOSS}.items():
            ours = numbers.get(("paper-as-published", name), {})
            row |= {title: ours.get("value"), f"{title}, article": ours.get("published")}
        row["difference"] = ours["value"] - ours["published"]
        five = numbers["seeds", LOSS]
        value, low, high = (five[end] - five["published"] for end in ("value", "low", "high"))
        row["difference, seeds"] = f"{value:.2f} ({low:.2f} to {high:.2f})"
        rows.append(row)
    return to_markdown(
        pd.DataFrame(rows),
        "Means per test image. SSE: of one sampled z (VAE, CVAE) or of the code (AE); KL: in nats; "
        "loss: their sum. Beside the article's numbers stands one training with its settings (100 "
        "epochs, AE with a ReLU code), and how its loss differs; last, the same difference for "
        "the mean over the seeds of the fast recipe (12 epochs, AE without the ReLU), with "
        "Student's 95% interval over the trainings.",
    )


def live_units() -> str:
    """Return how many units of a ReLU code live, and the error, of every training as Markdown."""
    runs = []
    for sweep in filter(has, RELU):
        errors = table(sweep, "summary")[["run_id", "test_sse_mean"]]
        read = table(sweep, "latent_space").query("model == 'ae'").merge(errors, on="run_id")
        titles = [RELU[sweep].format(seed) for seed in read["seed"]]
        runs.append(read.assign(training=titles))
    joined = pd.concat(runs)
    live = (joined["latent_size"] - joined["dead_units"]).astype(int).astype(str)
    joined["cell"] = live + ": " + joined["test_sse_mean"].map(format_cell)
    shown = joined.set_index(["latent_size", "training"])["cell"].unstack(sort=False)
    return to_markdown(
        shown.rename_axis(index="d", columns=None).reset_index(),
        "AE with a ReLU code: how many of its d units are above 0 for any training image, and the "
        "test SSE, in every training. Those that are named by a seed have the fast recipe.",
    )


def claims() -> str:
    """Return every claim with its verdicts as Markdown."""
    found, paper = findings("seeds"), findings("paper")
    shown = records.overview(list(found.values()))
    names = shown.pop("finding")
    shown.insert(0, "claim", [found[name].claim for name in names])
    shown["one training of `paper`"] = [records.verdict(paper[name]) for name in names]
    shown = shown.drop(columns=["95% interval", "seeds", "judges"])
    return to_markdown(
        shown.rename(columns={"estimate": "effect", "adjusted": "adjusted interval"}),
        "Verdict, effect, 95% interval adjusted for the number of claims, and control, all of the "
        "sweep `seeds`. Kind: confirmatory if all runs are newer than the rule of the claim. Last, "
        "the verdict of `paper`, which is exploratory. What each effect is, in which unit, and the "
        "rule of its test stand in [findings.md](tables/seeds/findings.md).",
    )


def traded() -> str:
    """Return the figures of rate, distortion and generation as Markdown."""
    return (
        "![Rate, error and generated images by the weight of the KL term]"
        "(figures/rate-distortion_decoder_variance.png)\n\n"
        "![KL against error by the weight of the KL term]"
        "(figures/rate-distortion_rate_distortion.png)\n"
    )


def other_images() -> str:
    """Return what is published of Fashion-MNIST as Markdown."""
    return (
        "![Images decoded from noise](figures/fashion-mnist_generated.png)\n\n"
        "The claims that are about images of any kind, tested on these runs: "
        "[findings](tables/fashion-mnist/findings.md).\n"
    )


def literature() -> str:
    """Return the log-likelihoods beside those of other papers as Markdown."""
    return (HERE / "tables" / "literature" / "literature.md").read_text()


def drawings() -> str:
    """Return a table of all figures, with links, as Markdown."""
    about = figures.FIGURES | figures.EVIDENCE
    about["comparison_figure"] = "`paper-as-published` and `seeds` beside `paper`"
    lines = ["| figure | what it shows |", "| --- | --- |"]
    for path in sorted((HERE / "figures").glob("*.png")):
        sweep, _, name = path.stem.partition("_")
        known = sweep in SWEEPS
        what = about[name if known else path.stem].format(noun="digit", plural="digits")
        of = f"`{sweep}`: " * known
        lines.append(f"| [{path.stem}](figures/{path.name}) | {of}{what} |")
    return "\n".join(lines) + "\n"


def status() -> str:
    """Return a row per sweep as Markdown: its runs, and the hours of training."""
    rows = []
    for sweep in filter(has, SWEEPS):
        runs = trained(sweep)
        row: dict[str, object] = {"sweep": f"`{sweep}`", "runs": len(runs)}
        for title, name in {"d": "latent_size", "seeds": "seed", "epochs": "epochs"}.items():
            row[title] = ", ".join(map(str, sorted(runs[name].astype(int).unique())))
        rows.append(row | {"hours of training": runs["training_seconds"].sum() / 3600})
    return to_markdown(
        pd.DataFrame(rows),
        "The hours are the sum over all epochs of all runs; evaluation and starts are not in it.",
    )


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
