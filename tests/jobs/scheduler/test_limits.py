"""What sinfo and sacctmgr print of limits is read as it is meant, and nothing else is.

The lines are those of SLURM 20.11 to 26.05: the formats that are asked for have not changed.
"""

import math
import os
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.scheduler import limits
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.limits import array_tasks, submit_limit, too_long
from jobs.scheduler.profile import ClusterProfile

NAMES = st.text("ab0_.-", max_size=4).map("p{}".format)
# What a site or SLURM prints before an answer, such as "CLUSTER: beta"; it may hold separators.
BANNERS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n*"), max_size=20))
# None: SLURM does not say.
MINUTES = st.none() | st.just(math.inf) | st.sampled_from([30, 1439, 1440]) | st.integers(0, 10**6)
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


@given(st.dictionaries(NAMES, MINUTES, min_size=1, max_size=4), st.data(), BANNERS)
def test_a_time_limit_is_compared_with_those_of_the_partitions(longest, data, banner):
    default = data.draw(st.none() | st.sampled_from(sorted(longest)))
    wanted = data.draw(st.lists(st.sampled_from(sorted(longest)), unique=True))
    rows = [(f"{p}*" if p == default else p, as_sinfo_writes(m)) for p, m in longest.items()]
    known = [m for p in wanted or [default] if (m := longest.get(p)) is not None]
    finite = [m for m in known if m != math.inf]
    close = st.sampled_from(finite).flatmap(lambda m: st.sampled_from([m, m + 1]))
    timeout = max(2, data.draw(close if finite else st.integers(2, 10**6)))
    profile = ClusterProfile(partition=",".join(wanted) or None, timeout_min=timeout)
    with told(lambda *command: lines(banner, *rows)):
        said = too_long(profile)
    if not known or timeout <= max(known):
        assert said is None
    else:
        found = re.fullmatch(
            r"timeout_min is (\d+), but partition (\S+) allows (\d+) minutes: "
            "SLURM accepts such a job, but never starts it",
            said,
        )
        assert found is not None
        asked, partition, allowed = found.groups()
        assert (int(asked), int(allowed)) == (timeout, max(known))
        assert longest[partition] == max(known)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("30:00", 30), ("1:00:00", 60), ("7-00:00:00", 10080), ("1-02:03:00", 1563)],
)
def test_a_time_limit_is_read_in_days_hours_and_minutes(written, minutes):
    with told(lambda *command: f"gpu|{written}\n"):
        assert too_long(ClusterProfile(partition="gpu", timeout_min=minutes)) is None
        assert too_long(ClusterProfile(partition="gpu", timeout_min=minutes + 1)) is not None


def test_a_line_that_only_ends_like_an_answer_is_none():
    with told(lambda *command: "gpu|1:00:00\nToday use gpu|5:00\n"):
        assert too_long(ClusterProfile(partition="gpu", timeout_min=60)) is None


def test_the_partition_that_allows_most_is_named():
    with told(lambda *command: "a|30:00\nb|20:00\n"):
        said = too_long(ClusterProfile(partition="b,a", timeout_min=31))
    assert said is not None
    assert said.startswith("timeout_min is 31, but partition a allows 30 minutes: ")


@pytest.mark.parametrize("written", ["infinite", "UNLIMITED"])
def test_a_partition_without_a_limit_takes_any_time(written):
    with told(lambda *command: f"gpu|{written}\nlong|30:00\n"):
        assert too_long(ClusterProfile(partition="long,gpu", timeout_min=10**9)) is None


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


@dataclass
class Cluster:
    """What accounting and the queue of a cluster hold, and their answers."""

    parents: dict[str, str]
    groups: dict[str, int | None]
    associations: dict[tuple[str, str], tuple[str, int | None, int | None]]
    qualities: dict[str, tuple[int | None, int | None]]
    queue: list[tuple[str, str, str]]
    banner: list[str]

    def answer(self, command: str, *words: str) -> str:
        options = dict(word.lstrip("-").partition("=")[::2] for word in words)
        if command == "squeue":
            return self._squeue(options)
        if "qos" in options:
            return lines(self.banner, *((name, *two) for name, two in self.qualities.items()))
        assert options["cluster"] == "here"
        if "user" in options:
            rows = [(*place, *values) for place, values in self.associations.items()]
            return lines(self.banner, *rows)
        asked = options["account"].split(",")
        # The associations of the accounts themselves, and those of their users.
        own = [(a, "", self.parents[a], self.groups[a]) for a in asked]
        return lines(self.banner, *own, *((a, "me", "", 0) for a in asked))

    def _squeue(self, options: dict[str, str]) -> str:
        rows = [
            (account, quality)
            for owner, account, quality in self.queue
            if owner == "me" or "user" not in options
            if account in options.get("account", account).split(",")
            if quality == options.get("qos", quality)
        ]
        return lines([text.replace("|", "") for text in self.banner], *rows)

    def above(self, account: str) -> list[str]:
        """An account and those above it."""
        line = [account]
        while line[-1] != "root":
            line.append(self.parents[line[-1]])
        return line

    def rooms(self, account: str | None, quality: str | None) -> list[tuple[int, int]]:
        """Every limit with the jobs that count for it."""
        mine = [(a, q) for owner, a, q in self.queue if owner == "me"]
        own = [(a, v) for (a, _), v in self.associations.items() if account in (None, a)]
        found: list[tuple[int | None, int]] = []
        for name, (_, most, group) in own:
            found += [(limit, sum(a == name for a, _ in mine)) for limit in (most, group)]
        known = {one for name, _ in own for one in self.above(name)}
        for name in known:
            below = {one for one in known if name in self.above(one)}
            found.append((self.groups[name], sum(a in below for _, a, _ in self.queue)))
        for name in {quality} if quality else {values[0] for _, values in own}:
            most, group = self.qualities[name]
            found.append((most, sum(q == name for _, q in mine)))
            found.append((group, sum(q == name for _, _, q in self.queue)))
        return [(limit, queued) for limit, queued in found if limit is not None]


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    counts = st.none() | st.integers(0, 9)
    accounts = draw(st.lists(NAMES.filter("root".__ne__), min_size=1, max_size=5, unique=True))
    qualities = draw(st.dictionaries(NAMES, st.tuples(counts, counts), min_size=1, max_size=3))
    parents = {"root": ""}
    for account in accounts:
        parents[account] = draw(st.sampled_from(sorted(parents)))
    some = st.sampled_from(sorted(accounts)), st.sampled_from(sorted(qualities))
    places = st.tuples(some[0], st.sampled_from(["", "gpu"]))
    return Cluster(
        parents,
        {account: draw(counts) for account in parents},
        draw(st.dictionaries(places, st.tuples(some[1], counts, counts), max_size=3)),
        qualities,
        draw(st.lists(st.tuples(st.sampled_from(["me", "other"]), *some), max_size=8)),
        draw(BANNERS),
    )


@given(clusters(), st.data())
def test_the_limit_that_leaves_the_least_room_is_found(cluster, data):
    account = data.draw(st.none() | st.sampled_from(sorted(cluster.parents)))
    quality = data.draw(st.none() | st.sampled_from(sorted(cluster.qualities)))
    profile = ClusterProfile(account=account, qos=quality, partition="gpu")
    with told(cluster.answer):
        found = submit_limit(profile, ENFORCED)
    rooms = cluster.rooms(account, quality)
    if found is None:
        assert rooms == []
    else:
        assert (found.jobs, found.queued) in rooms
        assert found.room == min(max(0, limit - queued) for limit, queued in rooms)


def test_the_jobs_of_all_accounts_below_one_count_for_its_limit():
    # Ours is two steps below the lab in one association, and one step in the other.
    parents = {"root": "", "lab": "root", "group": "lab", "thesis": "group", "teaching": "lab"}
    queue = [("me", "thesis", "normal"), ("other", "teaching", "normal")]
    cluster = Cluster(
        parents,
        {**dict.fromkeys(parents), "lab": 2},
        {("thesis", ""): ("normal", None, None), ("teaching", ""): ("normal", None, None)},
        {"normal": (None, None)},
        queue,
        [],
    )
    with told(cluster.answer):
        limit = submit_limit(ClusterProfile(), ENFORCED)
    assert str(limit) == "GrpSubmitJobs of account lab allows 2 jobs in the queue, 2 were there"


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


@pytest.mark.parametrize(
    ("size", "parameters", "tasks"),
    [
        ("1001", None, 1001),
        ("1001", "bf_max_job_test=9,max_array_tasks=4", 4),
        ("3", "max_array_tasks=4", 3),
        ("1", None, 1),
        ("0", "max_array_tasks=4", 1),
        ("9", "max_array_tasks=0", 1),
    ],
)
def test_an_array_has_as_many_tasks_as_both_settings_allow(size, parameters, tasks):
    configured = {"MaxArraySize": size}
    if parameters is not None:
        configured["SchedulerParameters"] = parameters
    assert array_tasks(configured) == tasks


@pytest.mark.parametrize("cluster", [None, "beta"])
def test_each_question_is_one_command_that_names_the_cluster_if_need_be(monkeypatch, cluster):
    monkeypatch.setattr(pwd, "getpwuid", lambda number: mock.Mock(pw_name=f"user{number}"))
    monkeypatch.setattr(os, "getuid", lambda: 7)
    asked = []
    answers = {"user=": "a||q||1\nb||r||\n", "account=a,b": "a||top|1\nb||top|\n", "qos": "q||1\n"}
    answers |= {"account=top": "top|||\n"}

    def answer(*command: str) -> str:
        asked.append(" ".join(command))
        return next((rows for what, rows in answers.items() if f" {what}" in asked[-1]), "")

    profile = ClusterProfile(partition="gpu", clusters=cluster)
    with told(answer):
        assert too_long(profile) is None
        assert submit_limit(profile, ENFORCED) is not None
    at = f" --clusters={cluster}" if cluster else ""
    where = f"cluster={cluster or 'here'}"
    queue = f"squeue{at} --noheader --array --format=%a|%q"
    assert asked == [
        f"sinfo{at} --noheader --format=%P|%l",
        f"{queue} --user=user7",
        f"sacctmgr -nP show assoc user=user7 {where} "
        "format=Account,Partition,DefaultQOS,MaxSubmitJobs,GrpSubmitJobs",
        f"sacctmgr -nP show assoc account=a,b {where} format=Account,User,ParentName,GrpSubmitJobs",
        f"sacctmgr -nP show assoc account=top {where} format=Account,User,ParentName,GrpSubmitJobs",
        # Only where there is a limit, the jobs that count for it.
        f"{queue} --account=a",
        "sacctmgr -nP show qos format=Name,MaxSubmitJobsPerUser,GrpSubmitJobs",
        f"{queue} --qos=q",
    ]


@pytest.mark.parametrize("enforced", ["", "none", "associations", None])
def test_where_no_limits_are_enforced_nothing_is_asked(enforced):
    configured = {"AccountingStorageEnforce": enforced} if enforced is not None else {}
    with told(lambda *command: pytest.fail("asked")):
        assert submit_limit(ClusterProfile(), configured) is None


def test_a_limit_is_said_by_its_name():
    cluster = Cluster({"root": "", "lab": "root"}, {}, {}, {}, [], [])
    cluster.groups = {"root": None, "lab": 3}
    cluster.associations = {("lab", ""): ("q", 2, 4)}
    cluster.qualities = {"q": (1, 5)}
    cluster.queue = [("me", "lab", "q")]
    said = []
    for most in (1, 2, 3, 4, 5):  # the limit with the least room is taken away each time
        with told(cluster.answer):
            said.append(str(submit_limit(ClusterProfile(), ENFORCED)))
        for values, numbers in ((cluster.qualities, "q"), (cluster.associations, ("lab", ""))):
            values[numbers] = tuple(None if v == most else v for v in values[numbers])
        if most == 3:
            cluster.groups["lab"] = None
    names = ["MaxSubmitJobsPerUser of QOS q", "MaxSubmitJobs of account lab"]
    names += [*2 * ["GrpSubmitJobs of account lab"], "GrpSubmitJobs of QOS q"]
    assert said == [
        f"{name} allows {most} jobs in the queue, 1 were there"
        for most, name in enumerate(names, start=1)
    ]


def test_a_user_without_a_name_is_asked_for_by_number(monkeypatch):
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    asked = []
    with told(lambda *command: asked.append(command) or ""):
        assert submit_limit(ClusterProfile(), ENFORCED) is None
    assert f"--user={os.getuid()}" in asked[0]
