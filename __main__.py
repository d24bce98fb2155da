"""Virtual machines as first-class citizens of a service mesh: the outline of the talk, as a program."""

import pulumi

from components.access import Access, AccessArgs
from components.application import Application, ApplicationArgs
from components.cluster import network_gateways
from components.deletion import bounded_deletion
from components.exports import Exports
from components.extensions import Extensions, ExtensionsArgs
from components.failover import Failover
from components.federation import Federation, FederationArgs
from components.gathering import Gathering
from components.infrastructure import Infrastructure
from components.inputs import inputs
from components.onboarding import Onboarding, OnboardingArgs
from components.operators import Operators, OperatorsArgs
from components.route import Route, RouteArgs
from components.site import Site
from components.trust import Trust, TrustArgs
from components.virtual_machine import VirtualMachine
from components.workload_group import WorkloadGroup, WorkloadGroupArgs
from settings import SidecarSettings, plugins, policies

settings, tools, modules = inputs()
pulumi.runtime.register_stack_transformation(bounded_deletion)
stack = f"{pulumi.get_project()}-{pulumi.get_stack()}"
infrastructure = Infrastructure(stack=stack, docker_network=settings.docker_network, tools=tools)

clusters = {name: infrastructure.cluster(name, cluster) for name, cluster in settings.clusters.items()}
applied = {name: clusters[name] for name in settings.application_clusters()}
if settings.mesh.installed:
    sites = {name: Site.found(cluster, settings) for name, cluster in clusters.items()}
else:
    trust = Trust("trust", TrustArgs.of(settings))
    known = network_gateways(clusters.values(), keyless=settings.mesh.keyless)
    sites = {
        name: Site.made(cluster, settings, tools, trust.authorities[name], known) for name, cluster in clusters.items()
    }
meshes = {name: site.mesh for name, site in sites.items()}
gateways = {name: site.gateway for name, site in sites.items()}
urls = {name: site.url for name, site in sites.items() if site.url}

applications = {
    name: Application(
        name,
        ApplicationArgs(cluster=cluster, mesh=meshes[name], services=settings.services_in(name), images=tools.images),
        pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.deleted_with),
    )
    for name, cluster in applied.items()
}

if not settings.mesh.keyless and not settings.mesh.installed:
    Federation("federation", FederationArgs(clusters=clusters, readers=applied, meshes=meshes))

sidecar = SidecarSettings(package=tools.sidecar_package.path, sha256=tools.sidecar_package.sha256)
groups: dict[str, WorkloadGroup] = {}
machines: dict[str, VirtualMachine] = {}
joined: dict[str, list[pulumi.Resource]] = {}
for vm_name, vm in settings.vms.items():
    groups[vm_name] = group = WorkloadGroup(
        vm_name,
        WorkloadGroupArgs(name=vm_name, vm=vm, clusters=applied, meshes=meshes, ports=settings.called_ports(vm_name)),
    )
    joined[vm_name] = []
    for name, machine in vm.all_machines(vm_name).items():
        machines[name] = infrastructure.machine(name, machine)
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
                extensions=settings.extensions_on(vm_name),
            ),
        )
        joined[vm_name] += onboarding.joined

if settings.access:
    Access("access", AccessArgs(policies=policies(settings), clusters=applied, meshes=meshes))
if settings.access.operators:
    Operators("operators", OperatorsArgs(operators=settings.access.operators, clusters=applied, meshes=meshes))

if settings.extensions:
    Extensions(
        "extensions",
        ExtensionsArgs(
            extensions=settings.extensions,
            plugins=plugins(settings),
            files=modules,
            image=f"{settings.istio.hub or tools.istio.hub}/proxyv2:{settings.istio.tag or tools.istio.tag}",
            joined=joined,
            clusters=applied,
            meshes=meshes,
        ),
    )

exports = Exports(
    settings=settings, clusters=applied, meshes=meshes, gateways=gateways, applications=applications, joined=joined
)
for service, route in settings.routes.items():
    vms = {name: groups[name] for name, vm in settings.vms.items() if service in vm.services}
    Route(
        service,
        RouteArgs(
            service=service,
            route=route,
            weights=settings.weights(service),
            rule=settings.rule(service),
            vms=vms,
            joined=[step for name in vms for step in joined[name]],
            clusters=applied,
            meshes=meshes,
            failover=Failover.of(service, settings, vms, applied, meshes),
            exports=exports,
        ),
    )
exports.of_all_without_routes()

if home := settings.management.cluster:
    gathering = Gathering(settings=settings, tools=tools, home=clusters[home], clusters=clusters, meshes=meshes)
    gathering.metrics(machines, joined)
    gathering.logs_and_traces(exports)

pulumi.export("stages", settings.stages)
pulumi.export("urls", urls)
pulumi.export("gateways", {name: gateway.address for name, gateway in gateways.items()})
pulumi.export("kubeconfigs", {name: cluster.kubeconfig for name, cluster in clusters.items()})
pulumi.export("transports", {name: machine.transport for name, machine in machines.items()})
