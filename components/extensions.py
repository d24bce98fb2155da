"""Extensions of the proxies, at pods and on VMs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from components.module_files import ModuleFile
from components.module_server import module_server, served_at
from settings import ExtensionSettings, Plugin, Settings, plugins
from toolchain.artifacts import Artifacts

KEPT = "/var/lib/vm-mesh/modules/{}.wasm"
"""Where ``bootstrap/vm/extension.sh`` keeps a module, by its SHA-256."""

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"


@dataclass(frozen=True, kw_only=True)
class ExtensionsArgs:
    """The extensions, where each of them is, and where their modules come from."""

    extensions: Mapping[str, ExtensionSettings]
    plugins: Sequence[Plugin]
    files: Mapping[str, ModuleFile]
    """Extension -> its module, if that is a file."""
    image: str
    """The proxy's image."""
    joined: Mapping[str, Sequence[pulumi.Resource]]
    """VM -> what a plugin on it waits for: that the machines have joined, and have or can keep the module."""
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]

    @classmethod
    def of(
        cls,
        settings: Settings,
        tools: Artifacts,
        files: Mapping[str, ModuleFile],
        joined: Mapping[str, Sequence[pulumi.Resource]],
        clusters: Mapping[str, Cluster],
        meshes: Mapping[str, Mesh],
    ) -> ExtensionsArgs:
        """Those of a config."""
        return cls(
            extensions=settings.extensions,
            plugins=plugins(settings),
            files=files,
            image=f"{settings.istio.hub or tools.istio.hub}/proxyv2:{settings.istio.tag or tools.istio.tag}",
            joined=joined,
            clusters=clusters,
            meshes=meshes,
        )


class Extensions(pulumi.ComponentResource):
    """A WasmPlugin for each workload that runs an extension, which fails open: without the module, calls go on.

    The agent beside each proxy fetches the module and checks its sum and its form; where it cannot, it has the proxy
    let every call pass (pkg/wasm/convert.go). A module that is a file is served inside each cluster. A VM has no way
    there, for its agent's own calls do not pass the mesh: the bootstrap copies the file to it.
    """

    def __init__(self, name: str, args: ExtensionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Extensions", name, None, opts)
        for cluster in args.clusters.values():
            here = [plugin for plugin in args.plugins if plugin.cluster == cluster.name]
            of_pods = {plugin.extension for plugin in here if plugin.vm is None}
            served = {extension: module for extension, module in args.files.items() if extension in of_pods}
            after: list[pulumi.Resource] = []
            if served:
                mesh = args.meshes[cluster.name]
                after.append(module_server(f"{name}-{cluster.name}-modules", cluster, mesh, served, args.image, self))
            for plugin in here:
                self._plugin(f"{name}-{cluster.name}-{plugin.name}", cluster, plugin, args, after)
        self.register_outputs({})

    def _plugin(
        self, name: str, cluster: Cluster, plugin: Plugin, args: ExtensionsArgs, after: Sequence[pulumi.Resource]
    ) -> None:
        extension = args.extensions[plugin.extension]
        joined = args.joined[plugin.vm] if plugin.vm else ()
        ready = args.meshes[cluster.name].configures(plugin.namespace)
        metadata = {"name": plugin.name, "namespace": plugin.namespace}
        passed_over = istio_object(
            f"{name}-default",
            "EnvoyFilter",
            metadata,
            {"configPatches": [_with_default(filter_) for filter_ in _filters(plugin)]},
            cluster.inside(self, *ready),
        )
        istio_object(
            name,
            "WasmPlugin",
            metadata,
            {
                "selector": {"matchLabels": plugin.labels},
                # By default a plugin acts on the calls that the workload makes, too.
                "match": [{"mode": "SERVER"}],
                **_module(extension, plugin, args.files.get(plugin.extension)),
                "failStrategy": "FAIL_OPEN",
                **({} if extension.phase == "unspecified" else {"phase": extension.phase.upper()}),
                **({"pluginConfig": extension.config} if extension.config else {}),
            },
            cluster.inside(self, *ready, passed_over, *after, *joined),
        )


def _module(extension: ExtensionSettings, plugin: Plugin, file: ModuleFile | None) -> dict[str, Any]:
    """Where a plugin's module is, and its sum. Envoy itself loads a file, so of one there is nobody to check the sum:
    the bootstrap has done so."""
    if file and plugin.vm:
        return {"url": f"file://{KEPT.format(file.sha256)}"}
    if file:
        return {"url": served_at(file), "sha256": file.sha256}
    return {"url": extension.module, **({"sha256": extension.sha256} if extension.sha256 else {})}


def _filters(plugin: Plugin) -> tuple[str, str]:
    """What Istio names a plugin's filter: since 1.30 (pilot/pkg/config/kube/extensions/translate.go), and before."""
    name = f"{plugin.namespace}.{plugin.name}"
    return f"extensions.istio.io/trafficextension/{name}~istio-translated-wasmplugin", (
        f"extensions.istio.io/wasmplugin/{name}"
    )


def _with_default(name: str) -> dict[str, Any]:
    """A patch: Istio's filter (pilot/pkg/networking/core/extension) once more, with a default that allows all.

    What the agent passes on and Envoy then refuses, as a module that is cut off or that refuses its config, leaves the
    filter without a config. ``failStrategy`` is not asked in that case, and Envoy answers every call with 500
    (``MissingConfigFilter``) unless there is a default, for which Istio has no word. Where no filter has the name, as
    with an Istio that names them otherwise, the patch does nothing.
    """
    manager = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": name}}
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": manager}}},
        "patch": {
            "operation": "REPLACE",
            "value": {
                "name": name,
                "config_discovery": {
                    # Istio waits for ever: a proxy would not start for a module that does not come.
                    "config_source": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "5s"},
                    "type_urls": [f"{_FILTERS}.wasm.v3.Wasm", f"{_FILTERS}.rbac.v3.RBAC"],
                    "default_config": {"@type": f"{_FILTERS}.rbac.v3.RBAC"},
                },
            },
        },
    }
