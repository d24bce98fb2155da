"""Run by the pulumi CLI as its plugin for ``docker``."""

from __future__ import annotations

from typing_extensions import override

from toolchain.plugins.docker.container import Container
from toolchain.plugins.docker.engine import Engine
from toolchain.plugins.docker.network import Network
from toolchain.plugins.resource import Plugin
from toolchain.plugins.serving import serve
from toolchain.plugins.values import Properties


class DockerPlugin(Plugin):
    """Containers and networks of one Docker engine."""

    name = "docker"
    strongly_typed = False
    configuration = ("host", "context")

    def __init__(self) -> None:
        self._engine = Engine()
        self.functions = {}
        self.resources = {
            "docker:index/container:Container": Container(self._engine),
            "docker:index/network:Network": Network(self._engine),
        }

    @override
    def configure(self, configuration: Properties) -> None:
        self._engine.choose(host=configuration.get("host"), context=configuration.get("context"))


serve(DockerPlugin())
