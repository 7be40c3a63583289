"""Findings as files: Markdown for readers, JSON for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from aevae.files.atomic import publish_text
from analysis.findings.claim import ClaimResult
from analysis.sweep.load import SweepResults
from analysis.sweep.reference import described, values_by_kind
from analysis.write.formats import format_cell, to_markdown
from analysis.write.prose import epochs, sentence

SCHEMA, SCHEMA_VERSION = "aevae-findings", 1
INTRODUCTION = (
    "Each claim of the article as a test with a stated rule, the same for every sweep. The "
    "intervals cover 95%: over the seeds where there are several, else over images, and then "
    "other trainings may well differ by more."
)


def write(sweep: SweepResults, findings: Sequence[ClaimResult], folder: Path) -> list[Path]:
    """Write findings.md and findings.json."""
    texts = {"findings.md": to_text(sweep, findings), "findings.json": to_json(sweep, findings)}
    for name, text in texts.items():
        publish_text(folder / name, text)
    return [folder / name for name in texts]


def overview(findings: Sequence[ClaimResult]) -> pd.DataFrame:
    """Return one row per finding: name, verdict, estimate and interval."""
    return pd.DataFrame(
        {
            "finding": finding.name,
            "verdict": finding.verdict,
            "estimate": number(finding.estimate),
            "95% interval": between(finding),
        }
        for finding in findings
    )


def number(value: float | None) -> str:
    """Write a number with a few digits; nothing for none."""
    return "" if value is None else format_cell(value)


def between(finding: ClaimResult) -> str:
    """Write the interval of a finding; nothing if it has none."""
    return "" if finding.low is None else f"{number(finding.low)} to {number(finding.high)}"


def count(findings: Sequence[ClaimResult]) -> str:
    """Say how many findings there are of each verdict."""
    verdicts = Counter(finding.verdict for finding in findings)
    parts = [f"{verdicts[name]} {name}" for name in ("supported", "contradicted", "undecided")]
    return f"{len(findings)} claims: {', '.join(parts)}."


def tested_at(sweep: SweepResults) -> str:
    """Say which runs of a sweep with axes the claims were tested on."""
    values = described(sweep)
    if not values:
        return ""
    return f"Tested on the {len(sweep.runs)} of {len(sweep.every)} runs that have {values}."


def to_text(sweep: SweepResults, findings: Sequence[ClaimResult]) -> str:
    """Render as Markdown: an overview, then each claim with its test and numbers."""
    data = sweep.data
    facts = (
        f"From {len(sweep.runs)} runs of `{sweep.root.name}` on {data.title}, after "
        f"{epochs(sweep.runs)} epochs, {data.counts['test']:,} test images."
    )
    partial = sentence(sweep.partial_note)
    head = " ".join(filter(None, [facts, partial, tested_at(sweep), INTRODUCTION]))
    caption = f"# Findings\n\n{head}\n\n**{count(findings)}**"
    parts = [to_markdown(overview(findings), caption)]
    for finding in findings:
        parts.append(
            f"\n## {finding.name}: {finding.verdict}\n\n> {finding.claim}\n\n"
            f"{finding.detail}\n\nEffect: {finding.effect}{_numbers(finding)}.\n\n"
            f"Test: {finding.test}\n"
        )
    return "".join(parts)


def _numbers(finding: ClaimResult) -> str:
    if finding.estimate is None:
        return ""
    bounds = f" ({between(finding)})" if finding.low is not None else ""
    return f": {number(finding.estimate)}{bounds}"


def to_json(sweep: SweepResults, findings: Sequence[ClaimResult]) -> str:
    """Render as JSON together with what the findings were made from.

    ``reference`` has the values on the axes by kind of model and key, in a sweep with axes.
    """
    runs = []
    for results in sweep.results():
        runs.append({"run_id": results.run_id, "provenance": results.provenance})
    record = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "sweep": sweep.root.name,
        "dataset": {"name": sweep.data.name, "sha256": sweep.data.sha256},
        "missing": [gap.run_id for gap in sweep.gaps],
        **({"reference": values_by_kind(sweep)} if sweep.axes else {}),
        "runs": runs,
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
