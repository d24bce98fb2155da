"""The judgement: what must be zero, what must add up, and how often a right split is judged wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from tests.unit.vmmesh.support import details, ruled
from vmmesh.calls import Calls
from vmmesh.counting import Counted
from vmmesh.judge import CHI_SQUARE_FROM, FALSE_ALARMS, Sent, Verdict, judge, split_p_value
from vmmesh.routes import ELSEWHERE, Route


def verdict(
    first: dict[str, Calls],
    second: dict[str, Calls] | None = None,
    sent: int = 0,
    failures: Mapping[str, int] | None = None,
) -> Verdict:
    counted = {
        "cluster1": first,
        "cluster2": {"vm1": Calls(750), "cluster1": Calls(250)} if second is None else second,
    }
    requests = {"cluster1": Sent(requests=sent, failures=failures or {})} if sent else {}
    return judge(details(), Counted(calls=counted), requests, seconds=1.0)


def wrong(found: Verdict) -> list[str]:
    return [*found.wrong, *(line for cluster in found.clusters for line in cluster.wrong)]


def test_a_right_split_passes() -> None:
    found = verdict({"vm1": Calls(764), "cluster1": Calls(236)}, sent=2000)
    assert found.passed
    assert [cluster.counted for cluster in found.clusters] == [1000, 1000]
    assert all(cluster.p_value and cluster.p_value > 0.1 for cluster in found.clusters)


@pytest.mark.parametrize(
    ("calls", "because"),
    [
        (
            {"vm1": Calls(749), "cluster1": Calls(250), "cluster2": Calls(1)},
            "1 calls went to cluster2, must be 0",
        ),
        ({"vm1": Calls(750), "cluster1": Calls(250, 1)}, "1 calls of cluster1 were answered with 5xx"),
        ({"vm1": Calls(650), "cluster1": Calls(350)}, "the split is not the stage's"),
        ({"vm1": Calls(1000)}, "the split is not the stage's"),
        ({"vm1": Calls(750), "cluster1": Calls(250), ELSEWHERE: Calls(1)}, "to no destination of the route"),
    ],
)
def test_a_wrong_cluster_fails_alone(calls: dict[str, Calls], because: str) -> None:
    found = verdict(calls)
    assert not found.passed
    assert because in "\n".join(found.clusters[0].wrong)
    assert not found.clusters[1].wrong


def test_an_answer_with_5xx_counts_even_if_no_call_went_out() -> None:
    # Envoy answers in the place of a destination that has no endpoint.
    assert "5 calls of cluster2" in "\n".join(wrong(verdict({"vm1": Calls(75), "cluster2": Calls(0, 5)})))


def test_a_failed_request_fails() -> None:
    found = verdict({"vm1": Calls(750), "cluster1": Calls(250)}, sent=1000, failures={"HTTP 503": 2})
    assert wrong(found) == ["2 of 1000 requests failed: HTTP 503"]


def test_requests_that_nobody_counted_fail() -> None:
    found = verdict({"vm1": Calls(750), "cluster1": Calls(249)}, sent=2000)
    assert wrong(found) == ["2000 requests were answered by 1999 calls: the others went around the route"]


def test_requests_that_failed_need_no_call() -> None:
    found = verdict({"vm1": Calls(0, 1000)}, {}, sent=1000, failures={"HTTP 503": 1000})
    assert wrong(found) == ["1000 of 1000 requests failed: HTTP 503", "1000 calls of vm1 were answered with 5xx"]


def test_callers_of_other_clusters_help_to_count_what_was_sent() -> None:
    route = details()
    counted = {"cluster1": {"vm1": Calls(75), "cluster1": Calls(25)}, "elsewhere": {ELSEWHERE: Calls(900)}}
    assert judge(route, Counted(calls=counted), {"cluster1": Sent(requests=1000, failures={})}, 1.0).passed


def test_without_a_call_there_is_no_proof() -> None:
    found = verdict({}, {})
    assert not found.passed
    assert wrong(found) == ["no call was counted, so there is nothing to judge"]


def test_a_cluster_whose_callers_rest_is_not_judged() -> None:
    found = verdict({"vm1": Calls(75), "cluster1": Calls(25)}, {})
    assert found.passed
    assert found.clusters[1].p_value is None


def test_what_is_known_to_be_wrong_stays_wrong() -> None:
    found = judge(
        details(),
        Counted(calls={"cluster1": {"vm1": Calls(3), "cluster1": Calls(1)}}),
        {},
        1.0,
        ["routes are missing"],
    )
    assert wrong(found) == ["routes are missing"]


SPLIT = {name: {"vm1": Calls(750), "cluster1": Calls(250)} for name in ("cluster1", "cluster2")}
OURS = {name: Sent(requests=1000, failures={}) for name in SPLIT}


def test_copies_are_no_calls_and_their_failures_are_only_told() -> None:
    route = ruled({"vm1": 75, "cluster1": 25}, mirror={"cluster2": 10})
    copies = {name: {"cluster2": Calls(100, 7)} for name in SPLIT}
    found = judge(route, Counted(calls=SPLIT, copies=copies), OURS, 1.0)
    assert found.passed
    assert found.clusters[0].counted == 1000
    assert found.clusters[0].notes == ["7 of 100 copies were answered by cluster2 with 5xx, which no caller sees"]


def test_a_copy_answers_no_request() -> None:
    route = ruled({"vm1": 100}, mirror={"cluster2": 100})
    counted = Counted(calls={"cluster1": {"vm1": Calls(999)}}, copies={"cluster1": {"cluster2": Calls(999)}})
    found = judge(route, counted, {"cluster1": OURS["cluster1"]}, 1.0)
    assert wrong(found) == ["1000 requests were answered by 999 calls: the others went around the route"]


def test_copies_that_do_not_come_are_wrong_once_chance_is_no_reason() -> None:
    route = ruled({"vm1": 100}, mirror={"cluster2": 1})
    (first, second) = (judge(route, Counted(calls={"cluster1": {"vm1": Calls(n)}}), {}, 1.0) for n in (999, 1000))
    assert wrong(first) == []
    assert wrong(second) == ["no copy came to cluster2, where 10 were to come"]


def test_calls_that_match_answer_requests_and_must_not_fail() -> None:
    route = ruled({"vm1": 100}, match=[{"labels": {"app": "front"}, "destination": "cluster1"}])
    matched = {name: {"cluster1": Calls(1000)} for name in SPLIT}
    found = judge(route, Counted(calls={}, matched=matched), OURS, 1.0)
    assert found.passed
    assert "every call was one that a match sends" in found.clusters[0].notes[0]
    failing = judge(route, Counted(matched={"cluster1": {"cluster1": Calls(2000, 3)}}), OURS, 1.0)
    assert wrong(failing) == ["3 calls of cluster1 were answered with 5xx"]


STICKY = ruled({"vm1": 75, "cluster1": 25}, affinity={"cookie": "session"})
TESTERS = ruled({"vm1": 75, "cluster1": 25}, match=[{"headers": {"a": "b"}, "destination": "cluster1"}])


@pytest.mark.parametrize("route", [STICKY, TESTERS])
def test_where_calls_of_others_may_be_held_only_a_split_of_ours_alone_is_judged(route: Route) -> None:
    uneven = {"vm1": Calls(1000), "cluster1": Calls()}
    ours = judge(route, Counted(calls={"cluster1": uneven}), {"cluster1": OURS["cluster1"]}, 1.0)
    assert "the split is not the stage's" in wrong(ours)[0]
    others = judge(route, Counted(calls={"cluster1": uneven}), {}, 1.0)
    assert others.passed
    assert others.clusters[0].p_value is None
    assert others.notes[0].startswith("1000 of 1000 calls were none of ours: ")


def test_a_match_to_what_has_no_weight_holds_no_call_of_the_weights() -> None:
    assert not ruled({"vm1": 100}, match=[{"headers": {"a": "b"}, "destination": "cluster1"}]).held
    assert not ruled({"vm1": 100}, match=[{"namespaces": ["a"], "destination": "vm1"}]).held


def split(percents: Sequence[int], calls: int, seed: int) -> list[int]:
    drawn = random.Random(seed).choices(range(len(percents)), percents, k=calls)  # to be repeated
    return [drawn.count(index) for index in range(len(percents))]


@pytest.mark.parametrize(("percents", "calls"), [([75, 25], 1000), ([50, 25, 25], 1000), ([99, 1], 300), ([50, 50], 2)])
def test_right_splits_pass(percents: list[int], calls: int) -> None:
    assert min(split_p_value(split(percents, calls, seed), percents) for seed in range(300)) > FALSE_ALARMS


@pytest.mark.parametrize("percents", [[99, 1], [95, 5], [50, 50]])
@pytest.mark.parametrize("expected", [1, 10, 20, CHI_SQUARE_FROM, 2 * CHI_SQUARE_FROM])
def test_false_alarms_are_as_rare_as_stated(percents: list[int], expected: int) -> None:
    from scipy import stats

    total = expected * 100 // percents[1]
    likely = range(max(0, expected - 90), min(total, expected + 90) + 1)
    # Each count beyond these is less likely than one in a billion, and so are all together.
    alarms = [count for count in likely if split_p_value([total - count, count], percents) < FALSE_ALARMS]
    rate = sum(stats.binom.pmf(count, total, percents[1] / 100) for count in alarms)
    assert rate < 1.5 * FALSE_ALARMS


@pytest.mark.parametrize(
    ("counts", "percents"),
    [([690, 310], [75, 25]), ([1000, 0], [75, 25]), ([430, 320, 250], [50, 25, 25]), ([90, 10], [99, 1])],
)
def test_wrong_splits_are_seen(counts: list[int], percents: list[int]) -> None:
    assert split_p_value(counts, percents) < FALSE_ALARMS / 2
