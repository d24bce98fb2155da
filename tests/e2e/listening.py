"""On which ports machines, pods and nodes listen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.e2e.environment import Environment
from tests.e2e.faults import node

NAMESPACES = ("default", "istio-system", "virtual-machines")
ISTIOD = {8080, 15010, 15012, 15014, 15017}
"""Istiod's image has nothing to look at its ports with."""
_LISTEN = "0A"
_TABLES = ("cat", "/proc/net/tcp", "/proc/net/tcp6")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Something with an address, in a cluster's network or in that of all nodes."""

    kind: str
    """``vm``, ``pod``, ``gateway``, ``istiod`` or ``node``."""
    name: str
    address: str
    cluster: str
    """In whose node's network it is reached."""
    ports: frozenset[int]


def ports_of(table: str) -> set[int]:
    """Ports of the sockets that listen in /proc/net/tcp and tcp6, those on loopback too: they must not be reached."""
    rows = [line.split() for line in table.splitlines()]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == _LISTEN}


def ports_of_ss(printed: str) -> set[int]:
    """The same of ``ss -ltnH``."""
    return {int(line.split()[3].rpartition(":")[2]) for line in printed.splitlines()}


def places(environment: Environment) -> Iterator[Place]:
    """The VM, every pod of the mesh and of its control plane, and every node."""
    address = environment.on_vm("hostname --all-ip-addresses").split()[0]
    ports = frozenset(ports_of_ss(environment.on_vm("ss -ltnH")))
    yield Place(kind="vm", name="vm1", address=address, cluster="cluster1", ports=ports)
    for cluster in environment.outputs["urls"]:
        yield from _pods(environment, cluster)
        yield _node(environment, cluster)


def _pods(environment: Environment, cluster: str) -> Iterator[Place]:
    for namespace in NAMESPACES:
        for pod in json.loads(environment.kubectl(cluster, "get", "pods", "-n", namespace, "-o", "json"))["items"]:
            name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
            containers = {it["name"] for key in ("containers", "initContainers") for it in pod["spec"].get(key, ())}
            if "istio-proxy" in containers:
                command = ("exec", "-n", namespace, name, "-c", "istio-proxy", "--", *_TABLES)
                kind, ports = (
                    "gateway" if "istio" in labels else "pod",
                    ports_of(environment.kubectl(cluster, *command)),
                )
            elif labels.get("app") == "istiod":
                kind, ports = "istiod", ISTIOD
            else:
                continue
            address = pod["status"]["podIP"]
            yield Place(kind=kind, name=name, address=address, cluster=cluster, ports=frozenset(ports))


def _node(environment: Environment, cluster: str) -> Place:
    """What listens on it, and the ports by which services are reached on it, which nothing listens on."""
    services: list[dict[str, Any]] = json.loads(environment.kubectl(cluster, "get", "services", "-A", "-o", "json"))[
        "items"
    ]
    ports = {port["nodePort"] for it in services for port in it["spec"].get("ports", ()) if port.get("nodePort")}
    ports |= ports_of(environment.run("docker", "exec", node(cluster), *_TABLES))
    format_ = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = environment.run("docker", "inspect", "-f", format_, node(cluster)).strip()
    return Place(kind="node", name=node(cluster), address=address, cluster=cluster, ports=frozenset(ports))
