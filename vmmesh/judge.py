"""Whether calls went where a stage says: pure arithmetic on counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmmesh.calls import Calls
from vmmesh.routes import ELSEWHERE, Route

FALSE_ALARMS = 1e-4
"""How often a mesh that splits its calls right is judged wrong: once in 10,000 verifications."""

# Where fewer calls are expected, the chi-square distribution is too thin at its end: at 10 expected calls the
# test would raise three times the false alarms that it states.
CHI_SQUARE_FROM = 100


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
    """By destination."""
    p_value: float | None
    """How likely a split as far from the stage's is in a mesh that splits right; None: nothing to split."""
    wrong: Sequence[str]

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
    counted: Mapping[str, Mapping[str, Calls]],
    sent: Mapping[str, Sent],
    seconds: float,
    wrong: Sequence[str] = (),
    false_alarms: float = FALSE_ALARMS,
    *,
    answers: bool = True,
) -> Verdict:
    """Judges a route by the calls that were ``counted`` by cluster and destination in so many ``seconds``.

    ``sent`` has the requests of ours, by cluster; none: what is judged is what passed. ``wrong`` is what is
    known to be wrong already, ``false_alarms`` the rate that this route may have. Without ``answers`` it is no fault
    that calls failed.
    """
    # An ingress hands a request to the front end of any cluster: only all together count all requests.
    everywhere = [calls for found in counted.values() for calls in found.values()]
    total = sum(calls.total for calls in everywhere)
    answered = sum(part.requests - part.failed for part in sent.values())
    beyond = list(wrong)
    if total < answered:
        beyond.append(f"{answered} requests were answered by {total} calls: the others went around the route")
    if not any(calls.total or calls.failed for calls in everywhere):
        beyond.append("no call was counted, so there is nothing to judge")
    clusters = [
        _judged(
            route,
            name,
            counted.get(name, {}),
            sent.get(name, Sent(failures={})),
            false_alarms / len(route.clusters),
            answers=answers,
        )
        for name in route.clusters
    ]
    return Verdict(route=route, clusters=clusters, seconds=seconds, wrong=beyond)


def _judged(
    route: Route, cluster: str, calls: Mapping[str, Calls], sent: Sent, false_alarms: float, *, answers: bool
) -> Judged:
    calls = {name: calls.get(name, Calls()) for name in (*route.percents, *calls)}
    failures = [f"{count} of {sent.requests} requests failed: {what}" for what, count in sent.failures.items()]
    wrong = failures if answers else []
    for name, count in calls.items():
        if count.failed and answers:
            wrong.append(f"{count.failed} calls of {name} were answered with 5xx")
        if count.total and not route.percents.get(name):
            place = f"{route.service} but to no destination of the route" if name == ELSEWHERE else name
            wrong.append(f"{count.total} calls went to {place}, must be 0")
    shares = {name: percent for name, percent in route.percents.items() if percent}
    split = [calls[name].total for name in shares]
    p_value = split_p_value(split, list(shares.values())) if len(shares) > 1 and any(split) else None
    if p_value is not None and p_value < false_alarms:
        wrong.append(f"the split is not the stage's (p = {p_value:.1g}, must be at least {false_alarms:.1g})")
    return Judged(cluster=cluster, sent=sent, calls=calls, p_value=p_value, wrong=wrong)


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
