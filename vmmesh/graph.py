"""The topology as a picture: of the mesh as it is, or of a stage as it would be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolchain.problem import Problem
from vmmesh.observe import Observation, observe, planned
from vmmesh.picture.drawing import draw
from vmmesh.picture.page import page
from vmmesh.picture.png import png
from vmmesh.picture.shown import Picture
from vmmesh.picture.style import Theme
from vmmesh.picture.topology import picture
from vmmesh.place import Place
from vmmesh.stackfile import Misuse

FORMATS = (".svg", ".png", ".html")


def of_stage(place: Place, service: str | None, stage: str) -> Picture:
    """The picture of a stage, from the config alone. Raises SettingsError or Misuse."""
    config = place.file.settings()
    stages = planned(config, service, stage)
    return picture(place.name, config, [service] if service else list(config.routes), stages=stages)


def of_mesh(place: Place, service: str | None, seconds: float) -> Picture:
    """The picture of the mesh, by the calls that pass in so many seconds. Raises as :func:`observe` does."""
    return of_observation(place.name, observe(place, service, seconds))


def of_observation(stack: str, seen: Observation) -> Picture:
    """The picture of what was observed."""
    return picture(
        stack,
        seen.settings,
        [verdict.route.service for verdict in seen.verdicts],
        config=seen.config,
        verdicts=seen.verdicts,
        vms=seen.vms,
        moment=seen.moment,
    )


def rendered(drawn: Picture, ending: str, theme: Theme | None) -> bytes:
    """The picture as the file format of an ending. A PNG has one theme: light, unless another is asked for."""
    if ending == ".png":
        return png(draw(drawn, Theme.LIGHT if theme in (None, Theme.AUTO) else theme))
    svg = draw(drawn, theme or Theme.AUTO)
    return (page(drawn, svg, theme or Theme.AUTO) if ending == ".html" else svg).encode()


def check_output(output: Path | None, endings: tuple[str, ...] = ()) -> None:
    """Raises Misuse if ``output`` cannot be written, or ends otherwise: before anything is done for it."""
    if output and endings and output.suffix not in endings:
        raise Misuse(f"{output} must end with {', '.join(endings[:-1])} or {endings[-1]}")
    if output and not output.parent.is_dir():
        raise Misuse(f"there is no folder {output.parent}")


def save(output: Path, content: bytes) -> None:
    """Writes a file. Raises Problem."""
    try:
        output.write_bytes(content)
    except OSError as error:
        raise Problem(f"{output} cannot be written: {error.strerror}") from None


def document(drawn: Picture, output: Path | None) -> dict[str, Any]:
    """What the picture shows, as JSON."""
    return {"output": str(output) if output else None, **asdict(drawn)}
