"""Ports of the operator's machine at which clusters are reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psutil

from settings import PROJECT
from vmmesh.doctor.finding import Said
from vmmesh.doctor.operator import Operator

_SECONDS = 5.0


def ports(operator: Operator) -> Iterator[Said]:
    """Ports of 127.0.0.1 that the clusters are reached at: free, or the stack's own."""
    for node, port in operator.kinds.items():
        if port is None:
            continue
        publishing = [name for name, rest in operator.containers.items() if f":{port}->" in rest]
        if publishing == [node] and _free(port) and not _answers(port):
            # Docker's proxy of a port ends for good when it has no more file descriptors (moby/moby#6402).
            what = f"Docker publishes port {port} of {node}, and nothing takes its connections any more"
            yield Said("failure", what, f"run `docker restart {node}`: calls to and from its cluster fail for a minute")
        elif publishing == [node]:
            yield Said("ok", f"port {port} is the stack's own")
        elif _free(port):
            yield Said("ok", f"port {port} is free")
        else:
            holder = f"the container {publishing[0]}" if publishing else _holder(port)
            where = f"clusters.{node.removeprefix(f'{PROJECT}-{operator.name}-').removesuffix('-control-plane')}"
            advice = f"stop that, or set {PROJECT}:{where}.kind.ingressPort to another port"
            yield Said("failure", f"port {port} is taken by {holder}", advice)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as what listens there will
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


def _holder(port: int) -> str:
    """What listens on a port, in words; only root sees the programs of others."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
