"""Findings as files: Markdown for readers, JSON for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import get_args

import pandas as pd

from aevae.files.atomic import publish_text
from analysis.findings.claim import Verdict
from analysis.findings.result import RECIPE, Bounds, ClaimResult
from analysis.sweep.load import SweepResults
from analysis.sweep.reference import described, values_by_kind
from analysis.write.formats import format_cell, to_markdown
from analysis.write.prose import epochs, listed, sentence

SCHEMA, SCHEMA_VERSION = "aevae-findings", 2
INTRODUCTION = (
    "Each claim of the article as a test with a stated rule, the same for every sweep. The "
    "intervals cover 95% over what was sampled: seeds, judges and images; what another recipe "
    "would give is not known from one sweep. Adjusted intervals and p-values allow for the number "
    "of claims (Holm), and decide. Contradicted means that the interval lies on the other side of "
    "the threshold; a claim that one thing exceeds another by a margin is contradicted only if it "
    "does not exceed it at all. "
    "Something that must fail the rule is measured beside it; a claim is supported only if this "
    "control fails. Not specific means that the effect is there but the control shows it too, so "
    "that it says nothing of the model. A verdict is confirmatory if all runs were trained after "
    "the last change of its rule and there are at least three seeds; else it is exploratory, and "
    "fresh seeds have to confirm it. Test images and judges stay the same."
)


def write(sweep: SweepResults, findings: Sequence[ClaimResult], folder: Path) -> list[Path]:
    """Write findings.md and findings.json."""
    texts = {"findings.md": to_text(sweep, findings), "findings.json": to_json(sweep, findings)}
    for name, text in texts.items():
        publish_text(folder / name, text)
    return [folder / name for name in texts]


def overview(findings: Sequence[ClaimResult]) -> pd.DataFrame:
    """Return one row per finding: verdict, estimate with intervals, control, and what it rests on.

    Findings of one group follow each other, since they share numbers.
    """
    return pd.DataFrame(
        {
            "finding": finding.name,
            "verdict": verdict(finding),
            "estimate": number(finding.estimate),
            "95% interval": between(finding.raw),
            "adjusted": between(finding.adjusted),
            "control": control(finding),
            "kind": finding.kind or "",
            "seeds": finding.seeds or "",
            "judges": finding.judges or "",
        }
        for group in grouped(findings).values()
        for finding in group
    )


def grouped(findings: Sequence[ClaimResult]) -> dict[str, list[ClaimResult]]:
    """Put findings that share numbers together, by the name of their group."""
    groups: dict[str, list[ClaimResult]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    return groups


def verdict(finding: ClaimResult) -> str:
    """Write the verdict, and why it is undecided or not specific."""
    return f"{finding.verdict}: {finding.reason}" if finding.reason else finding.verdict


def number(value: float | None) -> str:
    """Write a number with a few digits; nothing for none."""
    return "" if value is None else format_cell(value)


def between(bounds: Bounds | None) -> str:
    """Write an interval; nothing if there is none."""
    return "" if bounds is None else f"{number(bounds.low)} to {number(bounds.high)}"


def control(finding: ClaimResult) -> str:
    """Say what the control is, and whether it fails as it must."""
    found = finding.control
    if found.verdict is None:
        return f"{found.name}: missing"
    state = {"supported": "passes", "contradicted": "fails"}.get(found.verdict, "unclear")
    return f"{found.name}: {state} ({number(found.estimate)})"


def count(findings: Sequence[ClaimResult]) -> str:
    """Say how many findings there are of each verdict, and how many confirm."""
    verdicts = Counter(finding.verdict for finding in findings)
    parts = [f"{verdicts[name]} {name}" for name in get_args(Verdict)]
    if untested := sum(finding.estimate is None for finding in findings):
        parts[-1] += f" ({untested} not tested)"
    confirm = sum(finding.kind == "confirmatory" for finding in findings)
    return f"{len(findings)} claims: {', '.join(parts)}; {confirm or 'none'} confirmatory."


def tested_at(sweep: SweepResults) -> str:
    """Say which runs of a sweep with axes the claims were tested on."""
    values = described(sweep)
    if not values:
        return ""
    return f"Tested on the {len(sweep.runs)} of {len(sweep.every)} runs that have {values}."


def to_text(sweep: SweepResults, findings: Sequence[ClaimResult]) -> str:
    """Render as Markdown: an overview, then each claim with its test and numbers, by group."""
    data = sweep.data
    facts = (
        f"From {len(sweep.runs)} runs of `{sweep.root.name}` on {data.title}, after "
        f"{epochs(sweep.runs)} epochs, {data.counts['test']:,} test images."
    )
    partial = sentence(sweep.partial_note)
    head = " ".join(filter(None, [facts, partial, tested_at(sweep), INTRODUCTION]))
    caption = f"# Findings\n\n{head}\n\n**{count(findings)}**"
    parts = [to_markdown(overview(findings), caption)]
    for group, members in grouped(findings).items():
        parts.append(f"\n## {capitalised(group)}\n")
        if len(members) > 1:
            parts.append(f"\n{shared(members)}\n")
        parts.extend(_section(finding) for finding in members)
    return "".join(parts)


def capitalised(words: str) -> str:
    """Start with a capital and leave the rest as it is."""
    return words[:1].upper() + words[1:]


def shared(members: Sequence[ClaimResult]) -> str:
    """Warn that the findings of a group are not independent."""
    return (
        f"These {len(members)} claims share numbers: they are not {len(members)} independent "
        "pieces of evidence."
    )


def _section(finding: ClaimResult) -> str:
    lines = [f"\n### {finding.name}: {verdict(finding)}\n\n> {finding.claim}\n\n{finding.detail}"]
    lines.extend(f"{name}: {text}" for name, text in said(finding).items())
    return "\n\n".join(lines) + "\n"


def said(finding: ClaimResult) -> dict[str, str]:
    """Put what stands behind a verdict in words, by heading."""
    rule = finding.rule
    words = {
        "Effect": f"{finding.effect}{_numbers(finding)}.",
        "Test": finding.test,
        "Rule": f"version {rule.version}, last changed on {rule.changed:%Y-%m-%d %H:%M} UTC. "
        f"Threshold {rule.threshold:g}: {rule.why}",
        "Control": _control_in_words(finding),
    }
    if finding.estimate is None:
        return words
    return {
        **words,
        "Rests on": _basis(finding),
        "At other thresholds": listed(
            f"{each.threshold:g} {each.verdict}" for each in finding.sensitivity
        )
        + ".",
    }


def _numbers(finding: ClaimResult) -> str:
    if finding.raw is None or finding.adjusted is None:
        return "" if finding.estimate is None else f": {number(finding.estimate)}"
    return (
        f": {number(finding.estimate)} ({between(finding.raw)}, p {_p(finding.raw)}; adjusted for "
        f"the number of claims {between(finding.adjusted)}, p {_p(finding.adjusted)})"
    )


def _p(bounds: Bounds) -> str:
    return "< 0.0001" if bounds.p < 1e-4 else f"= {bounds.p:.2g}"


def _control_in_words(finding: ClaimResult) -> str:
    found = finding.control
    if found.verdict is None:
        return f"{found.name}. {found.what} Not computed: {found.missing}."
    bounds = "" if found.low is None else f" ({number(found.low)} to {number(found.high)})"
    state = {
        "supported": "It passes, so the rule cannot support the claim",
        "contradicted": "It fails, as it must",
    }.get(found.verdict, "It neither passes nor fails, so the rule cannot support the claim")
    return f"{found.name}. {found.what} {state}: {number(found.estimate)}{bounds}."


def _basis(finding: ClaimResult) -> str:
    """Say on how many seeds and judges a finding rests, and which share each factor has."""
    counts = [f"{finding.seeds} seed{'s' * (finding.seeds > 1)}"]
    if finding.judges:
        counts.append(f"{finding.judges} judge{'s' * (finding.judges > 1)}")
    shares = [f"{source.factor} {source.share:.0%}" for source in finding.budget
              if source.share is not None]  # fmt: skip
    # The introduction says for all that one sweep has one recipe.
    notes = [s.note for s in finding.budget if s.note and s.factor != RECIPE]
    varied = f"of the variance of the effect: {listed(shares)}" if shares else "no variance"
    return f"{listed(counts)}, {finding.kind}; {varied}. {sentence('; '.join(notes))}"


def to_json(sweep: SweepResults, findings: Sequence[ClaimResult]) -> str:
    """Render as JSON together with what the findings were made from.

    In schema version 1, a finding had one interval and no control. ``reference`` has the values on
    the axes by kind of model and key, in a sweep with axes.
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
    time = datetime.isoformat
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False, default=time) + "\n"
