"""An environment with access rules, for a while."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.e2e.environment import Environment

RULES: dict[str, Any] = {
    "productpage": [{"from": ["ingress"]}],
    "details": [
        {"from": ["productpage"], "methods": ["GET"], "paths": ["/details/*"]},
        {"from": ["vm1"], "methods": ["GET"], "paths": ["/health"]},
    ],
}
ENFORCED = ["default", "virtual-machines"]


@contextmanager
def access(environment: Environment, settings: dict[str, Any]) -> Generator[None]:
    """The environment with this access, and without any again."""
    with environment.edited() as config:
        config["vm-mesh:access"] = settings
    try:
        environment.up()
        yield
    finally:
        with environment.edited() as config:
            config.pop("vm-mesh:access", None)
        environment.up()
