"""How OpenSSH is told to reach a host."""

from __future__ import annotations

import subprocess

from tests.unit.bootstrap.support import ROOT
from tests.unit.vmmesh.support import Programs


def test_a_host_with_an_address_of_ipv6_is_reached_by_way_of_another(programs: Programs) -> None:
    programs.make("ssh", 'for word; do case $word in ProxyCommand=*) eval "${word#ProxyCommand=}" ;; esac; done')
    words = ["address=2001:db8::8", "user=root", "port=22", "key=ssh-ed25519:A"]
    words += ["jump-address=192.0.2.9", "jump-user=root", "jump-port=22", "jump-key=ssh-ed25519:B", "--", "true"]
    subprocess.run(["sh", "bootstrap/ssh.sh", *words], cwd=ROOT, check=True)
    # ssh puts the host's address into the brackets, which keep it apart from the port.
    assert " -W [%h]:%p 192.0.2.9" in programs.calls[-1]
