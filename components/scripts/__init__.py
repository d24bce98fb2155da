"""Shell that runs on the machine that runs Pulumi. Data comes by environment and stdin, never in the text."""

NOTHING = "true"
"""Command text of a step of which there is nothing to do."""


def script(name: str) -> str:
    """Command text that runs a script of this folder; paths are relative to the project, as Pulumi runs there."""
    return f"sh components/scripts/{name}"
