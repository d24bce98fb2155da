"""Gateways that control planes do not know yet: until they do, calls to other networks lead nowhere."""

from __future__ import annotations

from components.revisions import istiod_service
from settings import Settings
from toolchain.progress import Progress
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, each
from vmmesh.stragglers import await_none

KNOWN_SECONDS = 120.0
"""istiod asks for a gateway's name once more 30 s after it was not resolved (``MinGatewayTTL`` in
pilot/pkg/model/network.go): while the cluster's own DNS starts, or a new load balancer's name is on its way."""


def await_gateways(mesh: Mesh, settings: Settings, progress: Progress) -> None:
    """Waits until every control plane knows the gateway of each network that has one.

    Says which do not after ``KNOWN_SECONDS``, and goes on: nothing here mends a name that is not resolved.
    """
    networks = {settings.clusters[cluster].network for cluster in settings.application_clusters()}
    asked = [
        (cluster, istiod_service(revision))
        for cluster in settings.application_clusters()
        for revision in settings.istio.revisions
    ]

    def late() -> list[str]:
        return [it for found in each(lambda where: _unknown(mesh, *where, networks), asked) for it in found]

    until = "until every control plane knows those of the other networks"
    missing = await_none(late, KNOWN_SECONDS, progress, "gateways", until)
    if missing:
        what = f"not known after {KNOWN_SECONDS:.0f} s: {'; '.join(missing)}"
        progress.say(f"{what}; calls that way fail; `make doctor` looks at more")


def _unknown(mesh: Mesh, cluster: str, istiod: str, networks: set[str]) -> list[str]:
    """What a control plane lacks."""
    try:
        known = mesh.networks(cluster, istiod)
    except Unreachable as error:
        return [f"{cluster} ({error})"]
    return [f"{cluster}'s {istiod} knows no gateway of {network}" for network in sorted(networks - known)]
