"""Fuzz, guided by coverage, the readers of specifications, cluster profiles and results files.

Each input must be accepted, or refused in one line. There must be no traceback, no hang, no more
memory than libFuzzer allows, and no other file may be opened. The corpus is made when the script
starts, from the shipped files and a small results file. As always, the HDF5 library runs in a
process of its own, which is not instrumented. If a file kills this process, the script counts it.

By hand: pip install -e '.[fuzz]', then
nice python tests/faults/fuzz/fuzz.py spec /tmp/fuzz-spec -max_total_time=300 -rss_limit_mb=1024
(or profile; or results, with -max_len=262144 -timeout=100).
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["aevae", "jobs", "tomllib"]):
    from aevae.config import EvaluationConfig, ModelConfig, RunConfig
    from aevae.errors import InputError
    from aevae.files.hdf5 import InvalidFile
    from aevae.files.schema import check_results, result_fields, write_results
    from jobs.scheduler.profile import SHIPPED_PROFILES, load_profile
    from jobs.sweep.spec import SHIPPED_SPECS, load_spec

import numpy as np

SIZES = {"N_train": 3, "N_val": 2, "N_test": 4}
LONGEST_LINE = 1000
outcomes: Counter[str] = Counter()
watched: list[Path] = []


def main() -> None:
    target, folder, *options = sys.argv[1:]
    load, seeds = TARGETS[target]
    corpus = Path(folder).resolve() / "corpus"
    corpus.mkdir(parents=True)
    seeds(corpus)
    path = corpus.parent / "input"
    sys.addaudithook(refuse_other_files)

    def one_input(content: bytes) -> None:
        path.write_bytes(content)
        watched.append(path)
        try:
            load(path)
            outcomes["taken"] += 1
        except (InputError, InvalidFile) as error:
            note_refusal(str(error))
        finally:
            watched.clear()
        if outcomes.total() % 500 == 0:
            print(dict(outcomes), file=sys.stderr)

    artifacts = f"-artifact_prefix={corpus.parent}/"
    atheris.Setup([sys.argv[0], *options, artifacts, str(corpus)], one_input)
    atheris.Fuzz()


def note_refusal(message: str) -> None:
    assert len(message.splitlines()) == 1, message
    assert len(message) < LONGEST_LINE, message
    fatal = "crash" in message or "processor time" in message
    outcomes["would have killed or held up the reader" if fatal else "refused"] += 1
    if fatal:
        print(message, file=sys.stderr)


def refuse_other_files(event: str, arguments: tuple[object, ...]) -> None:
    """Fail if any file but the input is opened while the input is read."""
    if event == "open" and watched and arguments[0] != str(watched[0]):
        name = str(arguments[0])
        # Late imports, and the pipes to the process that reads HDF5, are allowed.
        if not name.endswith((".py", ".pyc")) and not name.isdigit() and name != "/dev/null":
            raise AssertionError(f"opened {name}")


def results_seeds(corpus: Path) -> None:
    """Write a small valid results file for each kind of model."""
    evaluation = EvaluationConfig(
        importance_samples=1, samples_per_sampler=10, grid_size=2, outliers=("noise",)
    )
    for kind in ("ae", "vae", "cvae"):
        model = ModelConfig(kind=kind, latent_size=2, hidden_sizes=(2,))
        config = RunConfig(model=model, evaluation=evaluation)
        arrays = {
            field.path.replace("*", "mu.bias"): np.ones(
                [SIZES[dim] if isinstance(dim, str) else dim for dim in field.dims or (2,)],
                field.dtype,
            )
            for field in result_fields(config)
        }
        write_results(corpus / kind, config, arrays, provenance={}, dataset_sha256="0" * 64)


def copies_of(folder: Path) -> Callable[[Path], None]:
    def copy(corpus: Path) -> None:
        for path in folder.glob("*.toml"):
            (corpus / path.name).write_bytes(path.read_bytes())

    return copy


def read_spec(path: Path) -> None:
    load_spec(path).runs(str(path))


TARGETS = {
    "spec": (read_spec, copies_of(SHIPPED_SPECS)),
    "profile": (load_profile, copies_of(SHIPPED_PROFILES)),
    "results": (check_results, results_seeds),
}

if __name__ == "__main__":
    main()
