"""Run benchmarks one after the other, and print one table of what they gave beside their goals.

`--page` writes the tables into a page instead: each between two comments that name its benchmark,
``<!-- benchmark: epoch -->`` and ``<!-- end of benchmark -->``. ``goals`` names the table of all
goals.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from measure import Row, cells, seconds, show

from aevae.files.atomic import publish_text

HERE = Path(__file__).parent
# These need nothing but the repository and MNIST, and take about 15 minutes on two cores: epoch 6,
# evaluation and quality 3 each, scale 2, import 1. The others need finished sweeps, the one-machine
# SLURM or a GPU, or take hours.
ALONE = ("startup", "evaluation", "scale", "import", "epoch", "quality")
BLOCK = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- end of benchmark -->)", re.DOTALL)

Results = Mapping[str, Mapping[str, Any]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=ALONE, help="benchmarks to run")
    options.add_argument("--results", type=Path, default=Path("build/benchmarks"))
    options.add_argument("--page", type=Path, help="run nothing; write the results into this page")
    arguments = options.parse_args()
    if arguments.page:
        page = arguments.page.read_text()
        publish_text(arguments.page, fill(page, read(arguments.results)))
        return
    started = time.monotonic()
    for number, name in enumerate(arguments.names, 1):
        print(f"{number}/{len(arguments.names)}: {name}", flush=True)
        script, result = HERE / f"bench_{name}.py", arguments.results / f"{name}.json"
        call = partial(subprocess.run, [sys.executable, script, "--json", result], check=True)
        print(f"{number}/{len(arguments.names)}: {name} took {seconds(call):.0f} s", flush=True)
    print(f"\nAll benchmarks: {(time.monotonic() - started) / 60:.1f} minutes.\n")
    found = read(arguments.results)
    if listed := goals({name: found[name] for name in arguments.names}):
        show(listed)


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what each benchmark has written."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def goals(results: Results) -> list[dict[str, str]]:
    """List the goals of all benchmarks beside what was measured."""
    return [{"benchmark": name, **row} for name, found in results.items() for row in found["goals"]]


def fill(page: str, results: Results) -> str:
    """Put the tables of the results into a page; a table without results stays as it is."""

    def table(block: re.Match[str]) -> str:
        begin, name, end = block.groups()
        if name == "goals" and (found := goals(results)):
            return f"{begin}\n{markdown(found)}\n\n{end}"
        if name not in results:
            return block[0]
        result = results[name]
        facts = (
            f"{result['date']}, {result['machine']}, torch {result['torch']}: {result['title']}."
        )
        return f"{begin}\n{facts}\n\n{markdown(result['rows'])}\n\n{end}"

    return BLOCK.sub(table, page)


def markdown(rows: Sequence[Row]) -> str:
    """Render rows as a Markdown table."""
    titles, *lines = [[text.replace("|", r"\|") for text in line] for line in cells(rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (titles, ["---"] * len(titles), *lines))


if __name__ == "__main__":
    main()
