"""What a join takes away, and brings, on a machine that has things of its own."""

from __future__ import annotations

from tests.unit.bootstrap.support import Machine
from tests.unit.vmmesh.support import Programs

JOIN = {
    "NAMESPACE": "virtual-machines",
    "ACCOUNT": "vm1",
    "TRUST_DOMAIN": "cluster.local",
    "MESH_CONFIG": "{}",
    "CLUSTER_ENV": "A=b",
    "PORTS": "9080",
}


def test_a_join_removes_the_agents_certificate_and_nobody_elses(machine: Machine, programs: Programs) -> None:
    programs.make("kubectl", "echo of the mesh")
    programs.make("pilot-agent", 'echo "inbound|9080||::cx_active"')
    chain = machine.put("etc/certs/cert-chain.pem", "old")
    programs.make("systemctl", f'case "$*" in "restart istio") echo new >{chain} ;; esac')
    key, root = machine.put("etc/certs/key.pem", "old"), machine.put("etc/certs/root-cert.pem", "old")
    others = [machine.put("etc/certs/database.pem"), machine.put("etc/certs/site/chain.pem")]
    machine.put("var/lib/vm-mesh/package")
    done = machine.step("join.sh", "a kubeconfig", **JOIN)
    assert done.returncode == 0, done.stderr
    assert (chain.read_text(), root.read_text(), key.exists()) == ("new\n", "of the mesh\n", False)
    assert all(file.exists() for file in others)
