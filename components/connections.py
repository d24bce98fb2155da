"""Connections that are made anew in time, so that what ends or changes at their other end cuts no call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.istio_object import istio_object
from settings import SYSTEM_NAMESPACE

_SECONDS = 30
_LONGEST_CALL_SECONDS = 30

# A gateway between networks hands on connections and not calls: nobody is told by it that it is about to end, and a
# caller's proxy would keep what it has open until it is cut. So callers leave each connection after a while, between
# two calls, and a gateway that ends waits for them: until nobody is left, or for as long as a last call may take.
# The same keeps the calls of a service whose listener changes, by a rule of access for one: its proxy says so in every
# answer, but cuts a connection that has stood idle after 45 s (``drainDuration``; envoyproxy/envoy#44116), maybe as a
# call begins on it.
PATIENT_GATEWAY: Mapping[str, Any] = {
    "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},
    "terminationGracePeriodSeconds": _SECONDS + _LONGEST_CALL_SECONDS,
}
"""Values of Istio's gateway chart."""


def renewed(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The traffic policy of a subset, beside that of its rule: ``policy``.

    Of the subset, and not of the rule: a gateway's own TCP proxies take a rule's limit for theirs, and cut what is as
    old (``buildOutboundNetworkFiltersWithSingleDestination`` in pilot/pkg/networking/core/networkfilter.go). A pool is
    replaced by the subset's as a whole.
    """
    pool = policy.get("connectionPool", {}).get("tcp", {})
    return {"connectionPool": {"tcp": {**pool, "maxConnectionDuration": f"{_SECONDS}s"}}}


def renewed_by_default(
    name: str, namespaces: Sequence[str], parent: pulumi.Resource, control_plane: pulumi.Resource
) -> None:
    """Declares the rule of services that have none of their own, for callers in ``namespaces``: not for gateways."""
    istio_object(
        f"{name}-connections",
        "DestinationRule",
        {"name": "connections", "namespace": SYSTEM_NAMESPACE},
        {"host": "*.local", "exportTo": list(namespaces), "trafficPolicy": renewed({})},
        pulumi.ResourceOptions(parent=parent, depends_on=[control_plane]),
    )
