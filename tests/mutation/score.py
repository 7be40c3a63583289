"""Print the mutation score of each folder, and the mutants that were missed.

Run by `make mutation` after mutmut, whose results it reads; see docs/mutation-testing.md.
"""

import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import (
    get_module_from_key,
    orig_function_and_class_names_from_key,
)

LEAST_SCORE = 0.9
ACCEPTED = Path(__file__).with_name("equivalent.toml")
NOTICED = {"killed", "segfault", "suspicious"}  # suspicious: a signal ended the tests


def change(name: str, path: Path) -> str:
    """Describe a mutant: its function, and the lines that it adds or else those that it removes."""
    function, owner = orig_function_and_class_names_from_key(name)
    place = ".".join(filter(None, [get_module_from_key(name), owner, function]))
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    removed = [line[1:].strip() for line in lines if line.startswith("-")]
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    new = [line for line in added if line not in removed]
    gone = [line for line in removed if line not in added]
    return f"{place}: {' '.join(new)}" if new else f"{place}: without {' '.join(gone)}"


def main() -> int:
    entries = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["equivalent"]
    accepted = {text for entry in entries for text in entry["changes"]}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = set()
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            if status == "not checked":
                continue
            outcome = "noticed"
            if status not in NOTICED:
                text = change(name, path)
                survivors.add(text)
                # A mutant that takes too long counts as noticed, unless it is equivalent.
                slow = "noticed" if status == "timeout" else "missed"
                outcome = "equivalent" if text in accepted else slow
                if outcome == "missed":
                    print(f"missed ({status}): {text}")
            counts[str(path.parent)][outcome] += 1

    if not counts:
        print("no mutant has been tried yet; run mutmut first, as `make mutation` does")
        return 1
    for text in sorted(accepted - survivors):
        print(f"accepted, but noticed or gone: {text}")
    print(f"{'folder':20}{'mutants':>9}{'equivalent':>12}{'noticed':>9}{'missed':>8}{'score':>8}")
    scores = []
    for folder, count in counts.items():
        scores.append(count["noticed"] / (count["noticed"] + count["missed"]))
        numbers = f"{count['equivalent']:12}{count['noticed']:9}{count['missed']:8}"
        print(f"{folder:20}{count.total():9}{numbers}{scores[-1]:8.1%}")
    return int(min(scores) < LEAST_SCORE)


if __name__ == "__main__":
    sys.exit(main())
