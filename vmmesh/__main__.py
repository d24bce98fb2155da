"""``python -m vmmesh``."""

from vmmesh.cli import main

main()
