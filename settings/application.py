"""The application that runs in the clusters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from settings.model import Model
from settings.values import Count, EnvName, EnvValue, Image, Name, Namespace, ServicePort, UrlPath


class VersionSettings(Model):
    """A version of a service that runs in the clusters."""

    image: Image | None = None
    """Default: the toolchain's image ``<service>-<version>``."""
    replicas: Count = 1
    env: dict[EnvName, EnvValue] = {}


class ServiceSettings(Model):
    """A service of the application, in the clusters."""

    namespace: Namespace = "default"
    port: ServicePort = 9080
    versions: dict[Name, VersionSettings]
    clusters: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Clusters that run it; default: all."""
    ingress_paths: tuple[UrlPath, ...] = ()
    """Path prefixes under which the clusters' ingress gateways expose it."""


def bookinfo() -> dict[str, Any]:
    """Istio's Bookinfo, the application of a config that names none."""
    paths = ["/productpage", "/static", "/login", "/logout", "/api/v1/products"]
    return {
        "productpage": {"versions": {"v1": {}}, "ingressPaths": paths},
        "details": {"versions": {"v1": {}}},
        "reviews": {"versions": {"v1": {}, "v2": {}, "v3": {}}},
        "ratings": {"versions": {"v1": {}}},
    }
