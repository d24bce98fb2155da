"""Ports of the operator's machine."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.unit.vmmesh.doctor.support import engine, operator
from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh.doctor import ports
from vmmesh.doctor.finding import Said


def test_a_port_is_free_the_stack_s_own_or_another_s(tmp_path: Path, programs: Programs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as published:
        its = published.getsockname()[1]
        config = CONFIG.replace("8081", str(port)).replace("8082", str(its))
        node = "vm-mesh-dev-cluster2-control-plane"
        engine(programs, f"{node}\t127.0.0.1:{its}->30080/tcp\tvm-mesh-dev-cluster2")
        mine, own = ports.ports(operator(tmp_path, config))
    assert mine == Said("ok", f"port {port} is free")
    assert own == Said("ok", f"port {its} is the stack's own")
    _, left = ports.ports(operator(tmp_path, config))
    assert (left.level, f"`docker restart {node}`" in left.advice) == ("failure", True)

    engine(programs, f"stranger\t127.0.0.1:{port}->80/tcp\t")
    with socket.create_server(("127.0.0.1", port)):
        taken = next(ports.ports(operator(tmp_path, config)))
    assert (taken.level, taken.what) == ("failure", f"port {port} is taken by the container stranger")
    assert "vm-mesh:clusters.cluster1.kind.ingressPort" in taken.advice
