"""What is asked of the metrics that the management cluster keeps: the same for a picture and for a dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from settings.names import first_subset, service_host, vm_service
from settings.stack import Settings


@dataclass(frozen=True, kw_only=True)
class Queries:
    """Of the calls of a route to one destination, as the callers' own proxies have counted them; in PromQL.

    ``window`` is over how long a rate is taken. Envoy counts by cluster, whichever build of it the proxies are; of an
    Istio without its own filters there is nothing else.
    """

    matchers: str

    def calls(self, window: str) -> str:
        """Calls a second."""
        return f"sum(rate(envoy_cluster_upstream_rq_total{{{self.matchers}}}[{window}]))"

    def failed(self, window: str) -> str:
        """Those of them, a second, that were answered with 5xx or given up by who called."""
        answered = f'sum(rate(envoy_cluster_upstream_rq{{{self.matchers},response_code_class="5xx"}}[{window}]))'
        given_up = f"sum(rate(envoy_cluster_upstream_rq_tx_reset{{{self.matchers}}}[{window}]))"
        return f"({answered} or vector(0)) + ({given_up} or vector(0))"

    def percentile(self, percent: int, window: str) -> str:
        """Milliseconds in which so many of the calls were answered, between the bounds of Envoy's buckets."""
        times = f"sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{{{self.matchers}}}[{window}]))"
        return f"histogram_quantile({percent / 100:g}, {times})"


def queries(settings: Settings, route: str) -> dict[str, Queries]:
    """Destination of a route -> its queries."""
    return {
        destination: Queries(matchers=_matchers(settings, route, destination))
        for destination in _served(settings, route)
    }


def _served(settings: Settings, route: str) -> list[str]:
    """VMs and clusters that run a route's service."""
    clusters = settings.application_clusters()
    return [name for name in settings.ports(route) if name not in clusters or route in settings.services_in(name)]


def _matchers(settings: Settings, route: str, destination: str) -> str:
    entry = settings.routes[route]
    port = settings.application[route].port
    if destination in settings.vms:
        host = service_host(vm_service(route, destination), settings.vms[destination].namespace)
        subsets = ["", first_subset(destination)]
    else:
        host = service_host(route, entry.namespace)
        subsets = [destination, first_subset(destination)]
    names = [f"outbound|{port}|{subset}|{host}" for subset in subsets]
    found = {
        "cluster_name": names,
        "cluster": settings.callers(route),
        "namespace": entry.callers.namespaces or settings.namespaces(),
    }
    return ",".join(f'{label}=~"{_any_of(values)}"' for label, values in found.items())


def _any_of(values: Sequence[str]) -> str:
    """A regular expression without a backslash, which PromQL, JSON and a URL would each have doubled."""
    return "|".join(value.replace("|", "[|]").replace(".", "[.]") for value in values)
