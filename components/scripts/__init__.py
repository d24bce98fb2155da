"""Shell that runs on the machine that runs Pulumi. Data comes by environment and stdin, never in the text."""


def script(name: str) -> str:
    """Command text that runs a script of this folder; paths are relative to the project, as Pulumi runs there."""
    return f"sh components/scripts/{name}"
