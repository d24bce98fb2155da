"""Virtual machines as first-class citizens of a service mesh: the outline of the talk, as a program."""

from functools import cache
from pathlib import Path

import pulumi

from components.access import Access, AccessArgs
from components.application import Application, ApplicationArgs
from components.cluster import Cluster
from components.container_vm import ContainerVm, ContainerVmArgs
from components.deletion import bounded_deletion
from components.east_west_gateway import EastWestGateway, EastWestGatewayArgs
from components.existing_cluster import ExistingCluster, ExistingClusterArgs
from components.failover import Failover, FailoverArgs
from components.federation import Federation, FederationArgs
from components.host_vm import HostVm, HostVmArgs
from components.ingress_gateway import IngressGateway, IngressGatewayArgs
from components.kind_cluster import KindCluster, KindClusterArgs
from components.mesh import Mesh, MeshArgs
from components.onboarding import Onboarding, OnboardingArgs
from components.operators import Operators, OperatorsArgs
from components.route import Route, RouteArgs
from components.trust import Trust, TrustArgs
from components.underlay import Underlay, UnderlayArgs
from components.virtual_machine import VirtualMachine
from components.workload_group import WorkloadGroup, WorkloadGroupArgs
from settings import (
    ClusterSettings,
    ContainerSettings,
    KindSettings,
    MachineSettings,
    SettingsError,
    SidecarSettings,
    from_pulumi,
    policies,
)
from toolchain import artifacts
from toolchain.problem import Problem

try:
    settings = from_pulumi(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    tools = artifacts.load(Path.cwd())
except SettingsError as error:
    raise pulumi.RunError(str(error)) from None
except Problem as problem:
    raise pulumi.RunError(f"{problem}; {problem.advice}") from None
sidecar = SidecarSettings(package=tools.sidecar_package.path, sha256=tools.sidecar_package.sha256)
pulumi.runtime.register_stack_transformation(bounded_deletion)
stack = f"{pulumi.get_project()}-{pulumi.get_stack()}"


@cache
def docker_network() -> pulumi.Output[str]:
    """The network of everything that runs in Docker, made if anything does and the config names none."""
    if settings.docker_network:
        return pulumi.Output.from_input(settings.docker_network)
    return Underlay("underlay", UnderlayArgs(name=stack)).network


def make_cluster(name: str, cluster: ClusterSettings) -> Cluster:
    """The cluster that the config describes: one that is there, or one that kind makes."""
    if cluster.existing:
        return ExistingCluster(name, ExistingClusterArgs(name=name, network=cluster.network, existing=cluster.existing))
    return KindCluster(
        name,
        KindClusterArgs(
            name=name,
            kind_name=f"{stack}-{name}",
            network=cluster.network,
            docker_network=docker_network(),
            kind=cluster.kind or KindSettings(),
            node_image=tools.images["node"],
            node_config=tools.kind_config,
            images=tools.local_images,
        ),
    )


clusters = {name: make_cluster(name, cluster) for name, cluster in settings.clusters.items()}
trust = Trust(
    "trust",
    TrustArgs(clusters=list(clusters), own=settings.ca, roots=settings.made_roots(), trusted=settings.ca_trusted or ""),
)

network_gateways: dict[str, list[str]] = {}
for cluster in clusters.values():
    if cluster.gateway_name:
        network_gateways.setdefault(cluster.network, []).append(cluster.gateway_name)

meshes: dict[str, Mesh] = {}
gateways: dict[str, EastWestGateway] = {}
urls: dict[str, pulumi.Output[str]] = {}
for name, cluster in clusters.items():
    inside = pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.deleted_with)
    meshes[name] = mesh = Mesh(
        name,
        MeshArgs(
            cluster=cluster,
            authority=trust.authorities[name],
            mesh=settings.mesh,
            istio=settings.istio,
            hub=settings.istio.hub or tools.istio.hub,
            tag=settings.istio.tag or tools.istio.tag,
            istio_proxy=tools.istio.proxy == "istio",
            charts=tools.charts,
            namespaces=settings.namespaces(),
            network_gateways=network_gateways,
        ),
        inside,
    )
    gateways[name] = EastWestGateway(name, EastWestGatewayArgs(cluster=cluster, mesh=mesh, charts=tools.charts), inside)
    ingress = IngressGateway(name, IngressGatewayArgs(cluster=cluster, mesh=mesh, charts=tools.charts), inside)
    urls[name] = ingress.url
    services = settings.services_in(name)
    Application(name, ApplicationArgs(cluster=cluster, mesh=mesh, services=services, images=tools.images), inside)

Federation("federation", FederationArgs(clusters=clusters, meshes=meshes))


def make_machine(name: str, machine: MachineSettings) -> VirtualMachine:
    """The machine that the config describes: one that is there, or a container that acts as one."""
    if machine.host:
        return HostVm(name, HostVmArgs(name=name, host=machine.host))
    image = (machine.container or ContainerSettings()).image or tools.images["vm"]
    return ContainerVm(
        name, ContainerVmArgs(name=name, container_name=f"{stack}-{name}", image=image, network=docker_network())
    )


groups: dict[str, WorkloadGroup] = {}
machines: dict[str, VirtualMachine] = {}
joined: dict[str, list[pulumi.Resource]] = {}
for vm_name, vm in settings.vms.items():
    groups[vm_name] = group = WorkloadGroup(
        vm_name,
        WorkloadGroupArgs(name=vm_name, vm=vm, clusters=clusters, meshes=meshes, ports=settings.called_ports(vm_name)),
    )
    joined[vm_name] = []
    for name, machine in vm.all_machines(vm_name).items():
        machines[name] = make_machine(name, machine)
        onboarding = Onboarding(
            name,
            OnboardingArgs(
                machine=machines[name],
                name=vm_name,
                vm=vm,
                group=group,
                cluster=clusters[vm.cluster],
                istio=meshes[vm.cluster],
                gateway=gateways[vm.cluster],
                mesh=settings.mesh,
                package=vm.sidecar or sidecar,
            ),
        )
        joined[vm_name] += onboarding.joined

if settings.access:
    Access("access", AccessArgs(policies=policies(settings), clusters=clusters, meshes=meshes))
if settings.access.operators:
    Operators("operators", OperatorsArgs(operators=settings.access.operators, clusters=clusters, meshes=meshes))

for service, route in settings.routes.items():
    vms = {name: groups[name] for name, vm in settings.vms.items() if service in vm.services}
    orders = {caller: settings.failover(service, caller) for caller in route.callers.clusters or clusters}
    failover = None
    if route.failover:
        failover = Failover(
            f"{service}-failover",
            FailoverArgs(
                service=service,
                namespace=route.namespace,
                orders=orders,
                ports=settings.ports(service),
                vms=vms,
                clusters=clusters,
                meshes=meshes,
            ),
        )
    Route(
        service,
        RouteArgs(
            service=service,
            route=route,
            weights=settings.weights(service),
            rule=settings.rule(service),
            vms=vms,
            joined=[step for name in vms for step in joined[name]],
            clusters=clusters,
            meshes=meshes,
            failover=failover,
        ),
    )

pulumi.export("stages", settings.stages)
pulumi.export("urls", urls)
pulumi.export("gateways", {name: gateway.address for name, gateway in gateways.items()})
pulumi.export("kubeconfigs", {name: cluster.kubeconfig for name, cluster in clusters.items()})
pulumi.export("transports", {name: machine.transport for name, machine in machines.items()})
