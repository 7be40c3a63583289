"""Where every run comes from: machine, versions, code, seed, attempts and times."""

from typing import Any

import pandas as pd

from aevae.files import names
from aevae.files.attempt import read_record
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import Results
from analysis.sweep.load import SweepResults
from analysis.write import prose

CAPTION = (
    "Every planned run: its seed, where and with what it was trained, how each attempt at it "
    "ended, and what it took. Commits are those of the training code; + marks uncommitted changes."
)


def provenance(sweep: SweepResults) -> pd.DataFrame:
    """Return one row per planned run; those without usable results say why."""
    opened = zip(sweep.runs, sweep.results(), strict=True)
    rows = [_row(results, run.paths) for run, results in opened]
    paths = SweepPaths(sweep.root)
    for gap in sweep.gaps:
        attempts = _attempts(paths.run(gap.run_id))
        rows.append(
            {"run": gap.run_id, "state": f"{gap.state}: {gap.reason}", "attempts": attempts}
        )
    return pd.DataFrame(rows)


def _row(results: Results, paths: RunPaths) -> dict[str, object]:
    facts: dict[str, Any] = results.provenance
    return {
        "run": paths.run_id,
        "state": "ok",
        "attempts": _attempts(paths),
        "seed": results.config.seed,
        "epochs": results.shape(names.EPOCH_SECONDS)[0],
        "training s": facts.get("training_seconds"),
        "wall s": facts.get("wall_seconds"),
        "peak MiB": facts.get("peak_memory_mib", {}).get("host"),
        "host": facts.get("host"),
        "device": facts.get("device"),
        "threads": facts.get("threads"),
        "SLURM job": facts.get("slurm_job_id"),
        "started": facts.get("started_at"),
        "ended": facts.get("ended_at"),
        "commit": prose.commit(facts),
        "versions": ", ".join(f"{name} {v}" for name, v in facts.get("versions", {}).items()),
    }


def _attempts(paths: RunPaths) -> str:
    """List how the attempts ended: ``1 interrupted, 2 done``."""
    try:
        records = [(attempt.number, read_record(attempt)) for attempt in paths.attempts()]
    except OSError:
        return "unreadable"
    return ", ".join(
        f"{number} {(record.outcome if record else None) or 'unfinished'}"
        for number, record in records
    )
