"""Pictures on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.vmmesh.support import CONFIG
from vmmesh import cli
from vmmesh.graph import rendered
from vmmesh.picture.style import DARK, LIGHT
from vmmesh.picture.topology import picture
from vmmesh.stackfile import load

ROOT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(CONFIG)
    return tmp_path


def vmmesh(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(part) for part in arguments], obj=lambda _root: {})  # pyright: ignore[reportUnknownLambdaType]


@pytest.mark.usefixtures("root")
def test_a_stage_is_drawn_without_a_mesh_on_standard_output() -> None:
    result = vmmesh("graph", "details", "--stage", "all")
    assert result.exit_code == 0
    assert result.stdout.startswith("<svg")
    assert result.stdout.endswith("</svg>\n")
    assert "details in stage all" in result.stdout


@pytest.mark.parametrize(
    ("name", "begins"), [("p.svg", b"<svg"), ("p.png", b"\x89PNG"), ("p.html", b"<!DOCTYPE html>")]
)
def test_the_ending_says_the_format(root: Path, name: str, begins: bytes) -> None:
    result = vmmesh("graph", "--stage", "all", "--output", root / name)
    assert (result.exit_code, result.stdout) == (0, f"{root / name} is written\n")
    assert (root / name).read_bytes().startswith(begins)


def test_a_theme_can_be_chosen(root: Path) -> None:
    both = vmmesh("graph", "--stage", "all").stdout
    dark = vmmesh("graph", "--stage", "all", "--theme", "dark").stdout
    assert LIGHT.paper in both
    assert DARK.paper in both
    assert LIGHT.paper not in dark
    images: list[bytes] = []
    for theme in ((), ("--theme", "light"), ("--theme", "dark")):
        assert vmmesh("graph", "--stage", "all", "--output", root / "p.png", *theme).exit_code == 0
        images.append((root / "p.png").read_bytes())
    assert images[0] == images[1] != images[2]


def test_json_has_what_the_picture_shows(root: Path) -> None:
    found = json.loads(vmmesh("graph", "--stage", "all", "--json", "--output", root / "p.svg").stdout)
    assert found["output"] == str(root / "p.svg")
    assert (root / "p.svg").exists()
    (panel,) = found["panels"]
    assert (panel["service"], panel["stage"], panel["now"]) == ("details", "all", "canary")
    assert panel["zones"][0]["vms"][0]["destination"] == {"percent": 0, "now": 75, "seen": None, "gateway": "none"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("graph", "--stage", "al"), "no stage al (known: all, canary, on, vm-only)"),
        (("graph", "detail", "--stage", "all"), "did you mean details?"),
        (("graph", "detail"), "did you mean details?"),
        (("report", "detail"), "did you mean details?"),
        (("graph", "--output", "p.gif"), "p.gif must end with .svg, .png or .html"),
        (("report", "--output", "p.pdf"), "p.pdf must end with .md or .html"),
        (("graph", "--output", "nowhere/p.svg"), "there is no folder nowhere"),
        (("graph", "--theme", "blue"), "blue"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_asked(root: Path, arguments: tuple[str, ...], says: str) -> None:
    result = vmmesh(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert not (root / ".state").exists()


def test_a_file_that_cannot_be_written_is_a_problem(root: Path) -> None:
    (root / "p.svg").mkdir()
    result = vmmesh("graph", "--stage", "all", "--output", root / "p.svg")
    assert result.exit_code == 1
    assert "p.svg cannot be written: Is a directory" in result.output


def test_the_picture_in_the_readme_is_the_command_s() -> None:
    """`vmmesh graph details --stage spread --output docs/topology.svg` draws it anew."""
    config = load((ROOT / "Pulumi.dev.yaml").read_text(), "Pulumi.dev.yaml")
    # The stage that a user is in makes no difference here.
    config = config.model_copy(update={"stages": {"details": "vm-only"}})
    drawn = picture("dev", config, ["details"], stages={"details": "spread"})
    assert (ROOT / "docs/topology.svg").read_bytes() == rendered(drawn, ".svg", None)
