"""The checks of the operator's machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.vmmesh.doctor.support import only, operator
from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh.doctor import machine


def test_the_context_of_an_existing_cluster_must_be_in_its_kubeconfig(tmp_path: Path, programs: Programs) -> None:
    file = tmp_path / "kubeconfig"
    existing = CONFIG.replace("kind: {ingressPort: 8081}", f"existing: {{context: mine, kubeconfig: {file}}}")
    assert "there is no kubeconfig" in only(list(machine.kubeconfigs(operator(tmp_path, existing)))).what
    file.touch()
    programs.make("kubectl", "echo other; echo mine")
    assert only(list(machine.kubeconfigs(operator(tmp_path, existing)))).level == "ok"
    programs.make("kubectl", "echo other")
    found = only(list(machine.kubeconfigs(operator(tmp_path, existing))))
    assert (found.level, found.advice) == ("failure", "correct vm-mesh:clusters.cluster1.existing.context")
    assert "it has: other" in found.what


def test_a_cluster_that_another_stack_names_needs_no_file(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    existing = "existing: {stackReference: organization/base/prod, context: there}"
    config = CONFIG.replace("kind: {ingressPort: 8081}", existing)
    assert list(machine.kubeconfigs(operator(tmp_path, config))) == []
    assert programs.calls == []


@pytest.mark.parametrize(("answer", "level"), [("yes", "ok"), ("no", "warning"), ("", "ok")])
def test_a_clock_that_is_known_to_be_adrift_is_a_warning(
    tmp_path: Path, programs: Programs, answer: str, level: str
) -> None:
    programs.make("timedatectl", f"echo {answer}")
    assert only(list(machine.clock(operator(tmp_path)))).level == level
