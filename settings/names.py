"""Names that the program gives, and the rule for those that the config gives."""

from __future__ import annotations

import re

PROJECT = "vm-mesh"

# Kubernetes names a Service by an RFC 1035 label; 40 of its 63 characters leave room for a suffix of ours.
NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
NAME_RULE = "must be 1 to 40 lower-case letters, digits and '-', begin with a letter and not end with '-'"

VM_LABEL = "vm-mesh/vm"
"""Label of a VM's workload entries, by which its Services select them."""

MACHINE_LABEL = "vm-mesh/machine"
"""Label that tells the workload entries of a VM's machines apart."""

EXPORTED_LABEL = "vm-mesh/exported-by"
"""Label of the workload entries that stand for what another cluster exports; its value is that cluster."""

UNNAMED = "default"
"""Istio's own name for the istiod that is installed without a revision."""


SYSTEM_NAMESPACE = "istio-system"

MANAGEMENT_NAMESPACE = "management"
"""Namespace, in every cluster, of what gathers metrics, access logs and traces."""

METRICS_SERVICE = "prometheus"
"""What keeps the metrics of all clusters: a Service, and its account."""
METRICS_PORT = 9090
READER = "prometheus-agent"
"""What reads the proxies of its cluster, and its account: who may read them, and who may write to what keeps it."""

INGRESS = "ingress"
"""Name, in rules of access, of the gateway that people call."""
INGRESS_ACCOUNT = "istio-ingressgateway"
"""Its service account in Istio's namespace, which the gateway chart names after the release."""

LOCALITY = "*locality*"
"""Stands for an order of destinations that each caller's own cluster begins. No destination can have this name."""


def vm_service(service: str, vm: str) -> str:
    """Name of a VM's Service: the VM is a destination of its own, told apart from every cluster's pods."""
    return f"{service}-{vm}"


def service_host(service: str, namespace: str) -> str:
    """Full name of a Kubernetes Service, by which Istio knows it in every cluster."""
    return f"{service}.{namespace}.svc.cluster.local"


def first_subset(destination: str) -> str:
    """Subset of calls that are meant for a destination, and go to others when it fails.

    No cluster can have this name: names begin with a letter.
    """
    return f"1st-{destination}"
