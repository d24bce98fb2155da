"""Whether calls went where a stage says: pure arithmetic on counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmmesh.calls import Calls
from vmmesh.counting import Counted
from vmmesh.routes import ELSEWHERE, Route

FALSE_ALARMS = 1e-4
"""How often a mesh that splits its calls right is judged wrong: once in 10,000 verifications."""

# Where fewer calls are expected, the chi-square distribution is too thin at its end: at 10 expected calls the
# test would raise three times the false alarms that it states.
CHI_SQUARE_FROM = 100

COPIES_FROM = 10
"""Where so many copies are expected, not to see one has a chance of less than :data:`FALSE_ALARMS` (e to the -10)."""

_HELD = "a session or a match may hold those where they are, so how the calls split is not judged"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Requests that were sent through a cluster's ingress, and what went wrong -> how often."""

    requests: int = 0
    failures: Mapping[str, int]

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The callers of one cluster: what they counted, and what is wrong with it."""

    cluster: str
    sent: Sent
    calls: Mapping[str, Calls]
    """Those that the weights divide, by destination."""
    p_value: float | None
    """How likely a split as far from the stage's is in a mesh that splits right; None: nothing to split."""
    wrong: Sequence[str]
    matched: Mapping[str, Calls] = field(default_factory=dict[str, Calls])
    """Those that a match has sent, by destination."""
    copies: Mapping[str, Calls] = field(default_factory=dict[str, Calls])
    notes: Sequence[str] = ()
    """What is to be known of the judgement, and is not wrong."""

    @property
    def counted(self) -> int:
        return sum(calls.total for calls in self.calls.values())


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement on a route, cluster by cluster, and what is wrong beyond a single cluster."""

    route: Route
    clusters: Sequence[Judged]
    seconds: float
    wrong: Sequence[str]
    notes: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def reasons(self) -> list[str]:
        """All that is wrong."""
        in_clusters = [f"callers in {cluster.cluster}: {line}" for cluster in self.clusters for line in cluster.wrong]
        return [*self.wrong, *in_clusters]


def judge(
    route: Route,
    counted: Counted,
    sent: Mapping[str, Sent],
    seconds: float,
    wrong: Sequence[str] = (),
    false_alarms: float = FALSE_ALARMS,
    *,
    answers: bool = True,
) -> Verdict:
    """Judges a route by the calls that were ``counted`` in so many ``seconds``.

    ``sent`` has the requests of ours, by cluster; none: what is judged is what passed. ``wrong`` is what is
    known to be wrong already, ``false_alarms`` the rate that this route may have. Without ``answers`` it is no fault
    that calls failed.
    """
    # An ingress hands a request to the front end of any cluster: only all together count all requests. A copy answers
    # none.
    everywhere = [
        calls for part in (counted.calls, counted.matched) for found in part.values() for calls in found.values()
    ]
    total = sum(calls.total for calls in everywhere)
    requests = sum(part.requests for part in sent.values())
    answered = requests - sum(part.failed for part in sent.values())
    beyond = list(wrong)
    if total < answered:
        beyond.append(f"{answered} requests were answered by {total} calls: the others went around the route")
    if not any(calls.total or calls.failed for calls in everywhere):
        beyond.append("no call was counted, so there is nothing to judge")
    by_chance = not route.held or total <= requests
    clusters = [
        _judged(
            route,
            name,
            counted,
            sent.get(name, Sent(failures={})),
            false_alarms / len(route.clusters),
            by_chance=by_chance,
            answers=answers,
        )
        for name in route.clusters
    ]
    notes = [] if by_chance else [f"{total - requests} of {total} calls were none of ours: {_HELD}"]
    return Verdict(route=route, clusters=clusters, seconds=seconds, wrong=beyond, notes=notes)


def _judged(
    route: Route, cluster: str, counted: Counted, sent: Sent, false_alarms: float, *, by_chance: bool, answers: bool
) -> Judged:
    found, matched, copies = (part.get(cluster, {}) for part in (counted.calls, counted.matched, counted.copies))
    calls = {name: found.get(name, Calls()) for name in (*route.percents, *found)}
    failures = [f"{count} of {sent.requests} requests failed: {what}" for what, count in sent.failures.items()]
    wrong = failures if answers else []
    for name, count in (*calls.items(), *matched.items()):
        if count.failed and answers:
            wrong.append(f"{count.failed} calls of {name} were answered with 5xx")
    for name, count in calls.items():
        if count.total and not route.percents.get(name):
            place = f"{route.service} but to no destination of the route" if name == ELSEWHERE else name
            wrong.append(f"{count.total} calls went to {place}, must be 0")
    shares = {name: percent for name, percent in route.percents.items() if percent}
    split = [calls[name].total for name in shares]
    divided = by_chance and len(shares) > 1 and any(split)
    p_value = split_p_value(split, list(shares.values())) if divided else None
    if p_value is not None and p_value < false_alarms:
        wrong.append(f"the split is not the stage's (p = {p_value:.1g}, must be at least {false_alarms:.1g})")
    for name, percent in route.rule.mirror.items():
        expected = sum(split) * percent / 100
        if expected >= COPIES_FROM and not copies.get(name, Calls()).total:
            wrong.append(f"no copy came to {name}, where {expected:.0f} were to come")
    notes = [
        f"{count.failed} of {count.total} copies were answered by {name} with 5xx, which no caller sees"
        for name, count in copies.items()
        if count.failed
    ]
    if matched and not any(split):
        notes.append("every call was one that a match sends, so there was none for the weights to divide")
    return Judged(
        cluster=cluster,
        sent=sent,
        calls=calls,
        p_value=p_value,
        wrong=wrong,
        matched=matched,
        copies=copies,
        notes=notes,
    )


def split_p_value(counts: Sequence[int], percents: Sequence[int]) -> float:
    """How likely counts as far from ``percents`` (none of them 0) are, if each call is assigned by chance."""
    from scipy import stats  # takes longer to load than all the rest

    total = sum(counts)
    expected = [total * percent / 100 for percent in percents]
    if min(expected) >= CHI_SQUARE_FROM:
        return float(stats.chisquare(counts, expected).pvalue)
    exact = [
        stats.binomtest(count, total, percent / 100).pvalue for count, percent in zip(counts, percents, strict=True)
    ]
    return min(1.0, len(exact) * min(exact))
