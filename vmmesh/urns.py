"""What the URNs of the stack's resources say."""

from __future__ import annotations


def resource_name(urn: str) -> str:
    """The name of a resource."""
    return urn.rpartition("::")[2]


def cluster_of(provider: str) -> str:
    """The name of the cluster that a Kubernetes provider is for; resources refer to it with its ID behind its URN."""
    return "".join(provider.split("::")[3:4]).removesuffix("-kubernetes")
