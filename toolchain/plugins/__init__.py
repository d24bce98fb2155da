"""Stand-ins for official Pulumi resource plugins, for machines that cannot download those.

A stand-in keeps the official plugin's contract for what it supports, and refuses the rest. ``tests/contract``
holds both to the same behaviour.

The pulumi CLI starts one as an executable that runs ``python -P -m toolchain.plugins.NAME "$@"``, with the
folder above ``toolchain`` first on PYTHONPATH and PYTHONCOERCECLOCALE=0. Commands that it runs see neither.
"""

from __future__ import annotations

OFFICIAL = {"command": "1.2.1", "docker": "5.2.0"}
"""The official plugins whose contract the stand-ins keep, in the version that the SDK asks the engine for."""


def instead(name: str) -> str:
    """Where that can be had which the stand-in ``name`` lacks: sentences to end a refusal with."""
    return (
        f"This is a stand-in for Pulumi's {name!r} plugin. Where official downloads can be reached, "
        f"`pulumi plugin install resource {name} {OFFICIAL[name]} --reinstall` gets the official one instead."
    )
