"""API servers that do not answer are named at once, waited for, and end the run before anything is changed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.kubeconfig import digest
from settings import Settings
from tests.unit.components.program import kubeconfig
from tests.unit.vmmesh.support import CONFIG, Programs, settings, state_with, urn
from toolchain.problem import Problem
from vmmesh import api_servers
from vmmesh.api_servers import await_api_servers, silent
from vmmesh.stackfile import load

BOTH = state_with("cluster1", "cluster2")


def kubectl(programs: Programs, cluster2: str) -> None:
    """Has cluster1 answer, and cluster2 do what these commands do. A kubeconfig is its cluster's name."""
    programs.make(
        "kubectl", f'here=$(dirname "$0")\ncase $(cat "${{1#--kubeconfig=}}") in\ncluster2) {cluster2} ;;\nesac'
    )


def waited(state: Mapping[str, Any] = BOTH, config: Settings | None = None) -> list[str]:
    """What is said while API servers are waited for."""
    said: list[str] = []
    await_api_servers(state, config or settings(), said.append)
    return said


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_servers, "WAIT_SECONDS", 0.0)


def test_those_that_answer_are_asked_once_and_nothing_is_said(programs: Programs) -> None:
    kubectl(programs, "true")
    assert waited() == []
    assert len(programs.calls) == 2
    assert all(call.endswith("get --raw=/readyz") for call in programs.calls)


def test_clusters_are_asked_at_the_same_time(programs: Programs) -> None:
    programs.make("kubectl", "sleep 1")
    began = time.monotonic()
    assert silent({f"cluster{number}": "text" for number in range(4)}) == {}
    assert time.monotonic() - began < 3


def test_one_that_hangs_is_named_at_once_and_then_the_run_ends(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_servers, "ANSWER_SECONDS", 1.0)
    kubectl(programs, "exec sleep 10")
    said: list[str] = []
    with pytest.raises(Problem, match=r"nothing was changed.*\n  - cluster2: no answer in 1 s") as problem:
        await_api_servers(state_with("cluster2"), settings(), said.append)
    assert "docker ps" in problem.value.advice
    assert "make doctor" in problem.value.advice
    assert said == [
        "cluster2's API server does not answer: no answer in 1 s: kubectl get --raw=/readyz; "
        "waiting for it, at most 0 s; Ctrl-C changes nothing"
    ]


def test_one_that_comes_back_is_gone_on_with_and_the_others_are_not_asked_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_servers, "WAIT_SECONDS", 30.0)
    kubectl(programs, '[ -e "$here/asked" ] || { touch "$here/asked"; echo "connection refused" >&2; exit 1; }')
    (said,) = waited()
    assert said.startswith("cluster2's API server does not answer: kubectl get --raw=/readyz: connection refused;")
    assert len(programs.calls) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        "Error from server (Forbidden): no",
        "error: You must be logged in to the server (Unauthorized)",
        "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
    ],
)
def test_one_that_does_not_tell_this_user_has_answered(programs: Programs, refusal: str) -> None:
    kubectl(programs, f"echo '{refusal}' >&2; exit 1")
    assert waited() == []


def test_a_cluster_that_the_config_has_no_more_or_lets_go_may_hang(programs: Programs) -> None:
    kubectl(programs, "exit 1")
    line = "    cluster2: {network: network2, kind: {ingressPort: 8082}}\n"
    without = CONFIG.replace(line, "").replace("[cluster1, cluster2]", "[cluster1]")
    for text in (without, f"{CONFIG}  vm-mesh:allowReplace: [cluster2]\n"):
        assert waited(config=load(text, "Pulumi.test.yaml")) == []


def test_what_another_stack_says_of_a_cluster_may_be_new(programs: Programs) -> None:
    kubectl(programs, "echo refused >&2; exit 1")
    existing = "existing: {stackReference: organization/base/prod, context: there}"
    config = load(CONFIG.replace("kind: {ingressPort: 8082}", existing), "Pulumi.test.yaml")
    (said,) = waited(config=config)
    assert said.endswith("refused; going on with the kubeconfig that organization/base/prod has now")


@pytest.mark.parametrize("renewed", [True, False])
def test_a_file_may_have_another_way_to_a_cluster_by_now(renewed: bool, programs: Programs, tmp_path: Path) -> None:
    """After its CA was renewed, or its API server has moved: to wait by the old one would be in vain."""
    kubectl(programs, "echo refused >&2; exit 1")
    file = tmp_path / "config"
    file.write_text(json.dumps(kubeconfig("there")))
    existing = f"existing: {{kubeconfig: {file}, context: there}}"
    config = load(CONFIG.replace("kind: {ingressPort: 8082}", existing), "Pulumi.test.yaml")
    command = "command:local:Command"
    read = {"KUBECONFIG_PATH": str(file), "CONTEXT": "there", "DIGEST": digest(file, "there")}
    state = {
        "resources": [
            *BOTH["resources"],
            {"type": command, "urn": urn(command, "cluster2-kubeconfig"), "inputs": {"environment": read}},
        ]
    }
    if renewed:
        file.write_text(file.read_text().replace("there.example.com", "elsewhere.example.com"))
        (said,) = waited(state, config)
        assert said.endswith(f"refused; going on with the kubeconfig that {file} has now")
        return
    with pytest.raises(Problem, match=r"cluster2: .*refused"):
        waited(state, config)
    file.unlink()  # the update goes by what was read last
    with pytest.raises(Problem, match=r"cluster2: .*refused"):
        waited(state, config)


def test_a_stack_that_was_just_made_has_none(programs: Programs) -> None:
    programs.make("kubectl", "exit 1")
    assert waited({}) == []
    assert programs.calls == []
