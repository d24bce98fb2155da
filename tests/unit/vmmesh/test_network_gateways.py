"""What is made counts as ready when every control plane knows the way to the other networks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import Settings
from tests.unit.vmmesh.support import CONFIG, Programs
from toolchain.progress import Progress
from vmmesh import network_gateways, stragglers
from vmmesh.mesh import connect
from vmmesh.network_gateways import await_gateways
from vmmesh.stackfile import load

BOTH = json.dumps([{"Network": network, "Cluster": "", "Port": 15443} for network in ("network1", "network2")])
ONE = json.dumps([{"Network": "network1", "Cluster": "", "Port": 15443}])
REVISIONS = "  vm-mesh:istio: {revisions: {default: {}, next: {}}}\n"


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    with Progress(tmp_path) as progress:
        yield progress


def wait(progress: Progress, config: str = CONFIG) -> None:
    settings: Settings = load(config, "Pulumi.test.yaml")
    with connect(settings, {"kubeconfigs": {"cluster1": "{}", "cluster2": "{}"}}) as mesh:
        await_gateways(mesh, settings, progress)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stragglers.time, "sleep", lambda _seconds: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def test_what_is_known_is_asked_once_of_every_control_plane(
    programs: Programs, progress: Progress, capfd: pytest.CaptureFixture[str]
) -> None:
    programs.make("kubectl", f"echo '{BOTH}'")
    wait(progress, CONFIG + REVISIONS)
    assert capfd.readouterr().err == ""
    asked = [call for call in programs.calls if call.endswith("-- pilot-discovery request GET /debug/networkz")]
    assert len(asked) == len(programs.calls) == 4
    assert sum("deployment/istiod-next " in call for call in asked) == 2


def test_a_name_that_is_not_resolved_yet_is_waited_for(
    programs: Programs, progress: Progress, capfd: pytest.CaptureFixture[str]
) -> None:
    """A control plane that knows none says ``null``."""
    programs.make("kubectl", f"if mkdir \"$0-was-asked\" 2>/dev/null; then echo null; else echo '{BOTH}'; fi")
    wait(progress)
    said = capfd.readouterr().err
    assert "gateways: until every control plane knows those of the other networks" in said
    assert "gateways: done" in said
    assert "not known" not in said


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (f"echo '{ONE}'", "cluster1's istiod knows no gateway of network2; cluster2's istiod knows no gateway of"),
        ("echo forbidden >&2; exit 1", "cluster1 (kubectl exec"),
    ],
)
def test_what_stays_unknown_is_told(
    programs: Programs,
    progress: Progress,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    does: str,
    says: str,
) -> None:
    monkeypatch.setattr(network_gateways, "KNOWN_SECONDS", 0.0)
    programs.make("kubectl", does)
    wait(progress)
    said = capfd.readouterr().err
    assert f"not known after 0 s: {says}" in said
    assert "calls that way fail; `make doctor` looks at more" in said
