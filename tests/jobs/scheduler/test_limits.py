"""What sinfo and sacctmgr print of limits is read as it is meant, and nothing else is.

The lines are those of SLURM 20.11 to 26.05: the formats that are asked for have not changed.
"""

import math
import re
from collections.abc import Callable
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from jobs.scheduler import limits
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.limits import submit_limit, too_long
from jobs.scheduler.profile import ClusterProfile

NAMES = st.text("ab0_.-", max_size=4).map("p{}".format)
# What a site or SLURM prints before an answer, such as "CLUSTER: beta"; it may hold separators.
BANNERS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n*"), max_size=20))
ENFORCED = {"AccountingStorageEnforce": "associations,limits", "ClusterName": "here"}


def told(answer: Callable[..., str]) -> "mock._patch[object]":
    """Have a function answer in place of the commands of SLURM."""
    return mock.patch.object(limits, "ask", answer)


def lines(banner: list[str], *rows: tuple[object, ...]) -> str:
    table = ["|".join("" if field is None else str(field) for field in row) for row in rows]
    return "".join(f"{line}\n" for line in [*(f"# {text}" for text in banner), *table])


def as_sinfo_writes(minutes: float | None) -> str:
    if minutes is None:
        return "n/a"
    if minutes == math.inf:
        return "infinite"
    days, rest = divmod(int(minutes), 24 * 60)
    hours, rest = divmod(rest, 60)
    if days:
        return f"{days}-{hours:02}:{rest:02}:00"
    return f"{hours}:{rest:02}:00" if hours else f"{rest}:00"


@given(
    st.dictionaries(
        NAMES, st.none() | st.just(math.inf) | st.integers(0, 4 * 10**5), min_size=1, max_size=4
    ),
    st.data(),
    BANNERS,
    st.integers(2, 5 * 10**5),
)
def test_a_time_limit_is_compared_with_those_of_the_partitions(longest, data, banner, timeout):
    default = data.draw(st.none() | st.sampled_from(sorted(longest)))
    wanted = data.draw(st.lists(st.sampled_from(sorted(longest)), unique=True))
    rows = [(f"{p}*" if p == default else p, as_sinfo_writes(m)) for p, m in longest.items()]
    profile = ClusterProfile(partition=",".join(wanted) or None, timeout_min=timeout)
    with told(lambda *command: lines(banner, *rows)):
        said = too_long(profile)
    known = [m for p in wanted or [default] if (m := longest.get(p)) is not None]
    if not known or timeout <= max(known):
        assert said is None
    else:
        found = re.match(r"timeout_min is (\d+), but partition (\S+) allows (\d+) minutes", said)
        assert found is not None
        asked, partition, allowed = found.groups()
        assert (int(asked), int(allowed)) == (timeout, max(known))
        assert longest[partition] == max(known)


NO_TIME = st.text(st.characters(codec="utf-8", exclude_characters="\n|")).filter(
    lambda text: not re.search(r"[0-9]:[0-9]", text)
)


@given(NO_TIME)
@example("9" * 4301 + ":00")
@example("²:00")
@example("1:00:00:00")
@example("1-00")
@example("NOT_SET")
def test_what_is_no_time_limit_is_none(text):
    profile = ClusterProfile(partition="gpu", timeout_min=10**9)
    with told(lambda *command: f"gpu|{text}\n"):
        assert too_long(profile) is None


@given(st.text(), st.text())
@example("²", "9" * 4301)
@example("-1", "UNLIMITED")
def test_what_is_no_number_is_no_limit(most, group):
    rows = {"user=": 5 * ["a"], "account=": ["a", "", "root", group], "qos": ["a", most, group]}
    rows["user="][3:] = most, group

    def answer(command: str, *words: str) -> str:
        if command == "squeue":
            return ""
        asked = " ".join(words)
        return next("|".join(row) for what, row in rows.items() if f" {what}" in asked)

    found = None
    with told(answer):
        found = submit_limit(ClusterProfile(partition="a"), ENFORCED)
    numbers = [int(text) for text in (most, group) if re.fullmatch("[0-9]{1,10}", text)]
    assert (found.jobs if found is not None else None) == min(numbers, default=None)


@given(st.text())
def test_an_answer_that_is_no_table_holds_no_limit(text):
    text = text.replace("|", "")
    with told(lambda *command: text):
        assert submit_limit(ClusterProfile(), ENFORCED) is None
        assert too_long(ClusterProfile(timeout_min=10**9)) is None


def test_without_accounting_no_limit_is_known():
    def refuse(*command: str) -> str:
        raise SchedulerError("sacctmgr failed")

    with told(refuse):
        assert submit_limit(ClusterProfile(), ENFORCED) is None
