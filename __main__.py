"""Virtual machines as first-class citizens of a service mesh: the outline of the talk, as a program."""

import pulumi

from components.access import Access, AccessArgs
from components.application import Application, ApplicationArgs
from components.cluster import network_gateways
from components.completion import wait_for_outputs
from components.deletion import bounded_deletion
from components.exports import Exports
from components.extensions import Extensions, ExtensionsArgs
from components.federation import Federation, FederationArgs
from components.gathering import Gathering
from components.infrastructure import Infrastructure
from components.inputs import inputs
from components.member import Member
from components.operators import Operators, OperatorsArgs
from components.route import Route, RouteArgs
from components.site import Site
from components.trust import Trust, TrustArgs
from settings import policies

settings, tools, modules = inputs()
pulumi.runtime.register_stack_transformation(bounded_deletion)
wait_for_outputs()
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

applications = {
    name: Application(
        name,
        ApplicationArgs.of(cluster, settings, tools, meshes[name]),
        pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.deleted_with),
    )
    for name, cluster in applied.items()
}
if not settings.mesh.keyless and not settings.mesh.installed:
    Federation("federation", FederationArgs(clusters=clusters, readers=applied, meshes=meshes))

vms = {name: Member.brought_in(name, settings, infrastructure, applied, meshes, gateways) for name in settings.vms}
machines = {name: machine for vm in vms.values() for name, machine in vm.machines.items()}
joined = {name: vm.joined for name, vm in vms.items()}

if settings.access:
    Access("access", AccessArgs(policies=policies(settings), clusters=applied, meshes=meshes))
if settings.access.operators:
    Operators("operators", OperatorsArgs(operators=settings.access.operators, clusters=applied, meshes=meshes))
if settings.extensions:
    Extensions("extensions", ExtensionsArgs.of(settings, tools, modules, joined, applied, meshes))

exports = Exports(
    settings=settings, clusters=applied, meshes=meshes, gateways=gateways, applications=applications, joined=joined
)
for service in settings.routes:
    Route(service, RouteArgs.of(service, settings, vms, applied, meshes, exports))
exports.of_all_without_routes()

if home := settings.management.cluster:
    gathering = Gathering(settings=settings, tools=tools, clusters={**applied, home: clusters[home]}, meshes=meshes)
    gathering.metrics(machines, joined)
    gathering.logs_and_traces()

pulumi.export("stages", settings.stages)
pulumi.export("urls", {name: site.url for name, site in sites.items() if site.url})
pulumi.export("gateways", {name: gateway.address for name, gateway in gateways.items()})
pulumi.export("kubeconfigs", {name: cluster.kubeconfig for name, cluster in clusters.items()})
pulumi.export("transports", {name: machine.transport for name, machine in machines.items()})
