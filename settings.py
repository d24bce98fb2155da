"""Stack config -> frozen, validated settings.

Pure: nothing is read but what is given, nothing is touched. :func:`load` reports every mistake of a config
at once, each with the path of its key, because a config fixed one error at a time is fixed in production.

The models say what each value must be; :class:`_CrossChecks` says what values must be to each other.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

PROJECT = "vm-mesh"

# Kubernetes names a Service by an RFC 1035 label; 40 of its 63 characters leave room for a suffix of ours.
NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
NAME_RULE = "must be 1 to 40 lower-case letters, digits and '-', begin with a letter and not end with '-'"

VM_LABEL = "vm-mesh/vm"
"""Label of a VM's workload entries, by which its Services select them."""


def vm_service(service: str, vm: str) -> str:
    """Name of a VM's Service: the VM is a destination of its own, told apart from every cluster's pods."""
    return f"{service}-{vm}"


def service_host(service: str, namespace: str) -> str:
    """Full name of a Kubernetes Service, by which Istio knows it in every cluster."""
    return f"{service}.{namespace}.svc.cluster.local"


class SettingsError(ValueError):
    """The config cannot be used. ``errors`` has a line for each mistake: where it is, and what is wrong."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        count = len(self.errors)
        head = f"The stack's config has {count} error{'s' if count != 1 else ''}; nothing was touched:"
        super().__init__("\n".join([head, *(f"  - {error}" for error in self.errors)]))


# Types of single values


def _shown(value: object) -> str:
    """``value`` as a message may have it: short, one line, ASCII, and nothing out of an object or a key."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return "a number far too large" if abs(value) >= 1e18 else str(value)
        case str():
            if "PRIVATE KEY" in value:
                return "a private key"
            quoted = json.dumps(re.sub("//.*@", "//...@", value[:500]))
            return quoted if len(quoted) <= 42 else f'{quoted[:38]}..."'
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def _refusal(what: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{what}", {"what": what})


def _checked(holds: Callable[[str], object], rule: str, longest: int) -> AfterValidator:
    def check(value: str) -> str:
        # The length first: no pattern gets to see megabytes.
        if len(value) > longest:
            raise _refusal(f"must be at most {longest} characters long, not {len(value)}")
        if not holds(value):
            raise _refusal(f"{rule}, not {_shown(value)}")
        return value

    return AfterValidator(check)


def _like(pattern: str, rule: str, longest: int = 500) -> AfterValidator:
    return _checked(re.compile(pattern, re.ASCII).fullmatch, rule, longest)


def _pem(label: str, count: str, rule: str) -> AfterValidator:
    """PEM blocks. No message shows any of the text, for it may be a key even where a certificate belongs."""
    pattern = re.compile(rf"(\s*-----BEGIN {label}-----[A-Za-z0-9+/=\s]+-----END {label}-----){count}\s*")

    def check(value: str | SecretStr) -> str | SecretStr:
        if not pattern.fullmatch(value if isinstance(value, str) else value.get_secret_value()):
            raise _refusal(rule)
        return value

    return AfterValidator(check)


def _reaches_others(address: str) -> bool:
    """Whether ``address`` is an IP address and none of those that Kubernetes refuses as an external one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    special = ip.is_unspecified or ip.is_loopback or ip.is_link_local or ip.is_multicast
    return not special and "%" not in address


_UNITS = {"s": 1, "m": 60, "h": 3600}


def _seconds(value: object) -> object:
    """Seconds of a duration as people write it, 90, 30s, 2m or 1h."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,6})([smh])", value)
        if not match:
            raise _refusal(f"must be a duration such as 30s, 2m or 1h, not {_shown(value)}")
        return int(match[1]) * _UNITS[match[2]]
    return value


def _all_of_it(weights: dict[str, int]) -> dict[str, int]:
    total = sum(weights.values())
    if total != 100:
        raise _refusal(f"weights add up to {total}, must be 100")
    return weights


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"({_HOST_LABEL}(\.{_HOST_LABEL})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?"
_URL = rf"{_HOST}(/[-\w.~%/]*)?"
# The OCI distribution's grammar of references, with the two digests that registries know.
_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"({_HOST}/)?{_COMPONENT}(/{_COMPONENT})*"
_TAG = r"\w[-.\w]{0,127}"
_DIGEST = r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Weights = Annotated[dict[str, Percent], AfterValidator(_all_of_it)]
# Kubernetes has 32 bits for these.
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Duration = Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 3600), BeforeValidator(_seconds)]
SuccessRate = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Factor = Annotated[float, Field(strict=True, ge=1, le=1e6, allow_inf_nan=False)]

Name = Annotated[str, _like(NAME.pattern, NAME_RULE)]
Namespace = Annotated[
    str, _like(_LABEL, "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end")
]
DnsName = Annotated[str, _like(rf"{_LABEL}(\.{_LABEL})*", "must be a lower-case DNS name", longest=253)]
UrlPath = Annotated[str, _like(r"/[-\w.~!$&'()*+,;=:@%/?]*", "must be a path that begins with '/' and holds no spaces")]
HttpsUrl = Annotated[str, _like(rf"https://{_URL}", "must be https://host[:port][/path]")]
HttpUrl = Annotated[str, _like(rf"https?://{_URL}", "must be http(s)://host[:port][/path]")]
ChartsUrl = Annotated[str, _like(rf"(https?|oci)://{_URL}", "must be http(s):// or oci://host[:port][/path]")]
IpAddress = Annotated[str, _checked(_reaches_others, "must be an IP address that other machines can reach", longest=45)]
Image = Annotated[str, _like(rf"{_REPOSITORY}(:{_TAG})?(@{_DIGEST})?", "must be an image, [host/]path[:tag][@digest]")]
Repository = Annotated[str, _like(_REPOSITORY, "must be a repository of images, [host/]path")]
Registry = Annotated[str, _like(rf"{_HOST}(/{_COMPONENT})*", "must be a registry, host[:port][/path]")]
Tag = Annotated[str, _like(_TAG, "must be an image's tag")]
EnvName = Annotated[str, _like(r"[A-Za-z_]\w*", "must be letters, digits and '_', and begin with no digit")]
EnvValue = Annotated[str, _checked(str.isprintable, "must be one line of printable text", longest=4000)]
Line = Annotated[
    str,
    _checked(lambda value: value.strip() and value.isprintable(), "must be one printable line", longest=500),
]
# A command line is for a shell to read, by design; but what a reviewer cannot see, no shell gets to read.
Command = Annotated[str, _like(r"[ -~]*[!-~][ -~]*", "must be one line of printable ASCII", longest=4000)]
Certificates = Annotated[str, _pem("CERTIFICATE", "+", "must be certificates in PEM and nothing else")]
PrivateKey = Annotated[
    SecretStr,
    _pem("((RSA|EC) )?PRIVATE KEY", "{1}", "must be one private key in PEM, not encrypted, and nothing else"),
]


# Settings, from the parts to the whole


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class KindSettings(_Model):
    """A cluster that the program makes with kind."""

    ingress_port: Port | None = None
    """Port of 127.0.0.1 that serves the exposed services; none: they are at the node's address only."""
    node_image: Image | None = None
    """Node image with digest; default: the toolchain's."""


class GatewaySettings(_Model):
    """How the gateways of an existing cluster are reached from outside it."""

    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    external_ips: tuple[IpAddress, ...] = Field(default=(), alias="externalIPs")
    """Addresses on which the nodes take traffic for the gateways, where no load balancer gives one."""


class ExistingSettings(_Model):
    """A cluster that is there already."""

    context: Line
    """Context in the kubeconfig."""
    kubeconfig: Line = "~/.kube/config"
    """Path of the kubeconfig on the machine that runs Pulumi."""
    api_server: HttpsUrl | None = None
    """URL under which the other clusters reach the API server; default: the one in the kubeconfig."""
    gateway: GatewaySettings = GatewaySettings()


class ClusterSettings(_Model):
    """A cluster of the mesh: existing, or else made by kind."""

    network: Name
    kind: KindSettings | None = None
    existing: ExistingSettings | None = None


class ProbeSettings(_Model):
    """What the VM's agent asks to know that the VM can serve; until it answers, no caller sees the VM."""

    path: UrlPath = "/"
    port: Port
    period_seconds: PositiveCount = 2
    failure_threshold: PositiveCount = 2


class VmServiceSettings(_Model):
    """A service that runs on a VM."""

    port: Port
    command: Command
    """Command line that runs in the foreground; the VM's init starts it again when it ends."""


class ContainerSettings(_Model):
    """A VM that is a Docker container."""

    image: Image | None = None
    """Image with an init; default: the toolchain's."""


class VmSettings(_Model):
    """A virtual machine in the mesh."""

    cluster: str
    """Cluster whose control plane the VM joins."""
    network: str = "vm-network"
    namespace: Namespace = "virtual-machines"
    container: ContainerSettings = ContainerSettings()
    services: Annotated[dict[Name, VmServiceSettings], Field(min_length=1)]
    probe: ProbeSettings


class VersionSettings(_Model):
    """A version of a service that runs in the clusters."""

    image: Image | None = None
    """Default: the toolchain's image ``<service>-<version>``."""
    replicas: Count = 1
    env: dict[EnvName, EnvValue] = {}


class ServiceSettings(_Model):
    """A service of the application, in the clusters."""

    namespace: Namespace = "default"
    port: Port = 9080
    versions: dict[Name, VersionSettings]
    clusters: tuple[str, ...] | None = None
    """Clusters that run it; default: all."""
    ingress_paths: tuple[UrlPath, ...] = ()
    """Path prefixes under which the clusters' ingress gateways expose it."""


class CallerSettings(_Model):
    """Whom a route is for. Callers that it is not for reach the service's pods, wherever they are."""

    namespaces: tuple[Namespace, ...] | None = Field(default=None, min_length=1)
    clusters: tuple[str, ...] | None = Field(default=None, min_length=1)


class CheckSettings(_Model):
    """A check of the user's own: a command that must end with 0, or a URL that must answer with 2xx."""

    command: Command | None = None
    url: HttpUrl | None = None


class GateSettings(_Model):
    """What must hold in a stage before it counts as proven, for each destination by its own calls."""

    duration: Duration = 60
    """Seconds for which it must hold."""
    success_rate: SuccessRate | None = None
    """Least percent of the calls that are answered, and not with 5xx."""
    p99_milliseconds: PositiveCount | None = None
    """Greatest 99th percentile of the time to an answer."""
    min_requests: Count = 0
    """Calls that each destination of the stage must have had."""
    times_others: Factor = 3.0
    """How many times as likely as at the other destinations a call may fail, or be slower than the p99 allowed."""
    checks: dict[Name, CheckSettings] = {}
    pause: Annotated[bool, Field(strict=True)] = False
    """Whether a person takes the next step."""


class RouteSettings(_Model):
    """How the calls to a service are spread over its destinations, stage by stage."""

    namespace: Namespace = "default"
    callers: CallerSettings = CallerSettings()
    stages: Annotated[dict[Name, Weights], Field(min_length=1)]
    probe_path: UrlPath | None = None
    """Path behind the ingress whose every answer takes one call of this service; ``verify`` requests it."""
    gate: GateSettings | None = None
    gates: dict[str, GateSettings] = {}
    """Stage -> what is different there."""

    def gate_of(self, stage: str) -> GateSettings | None:
        """The gate of a stage; None: it has none."""
        own = self.gates.get(stage)
        if self.gate is None or own is None:
            return own or self.gate
        return self.gate.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


class MeshSettings(_Model):
    """What all clusters and VMs of the mesh share."""

    id: DnsName = "mesh1"
    trust_domain: DnsName = "cluster.local"


class IstioSettings(_Model):
    """Where Istio's images come from; default: what the toolchain has found or built."""

    hub: Repository | None = None
    tag: Tag | None = None


class MirrorSettings(_Model):
    """Private mirrors, used by the toolchain in place of the publishers' hosts."""

    images: Registry | None = None
    charts: ChartsUrl | None = None
    downloads: HttpUrl | None = None


class CaSettings(_Model):
    """The user's own CA, which then signs the clusters' intermediates."""

    certificate: Certificates
    key: PrivateKey


class Settings(_Model):
    """A stack's whole config, checked. ``stages`` names the stage that each route is in."""

    mesh: MeshSettings = MeshSettings()
    istio: IstioSettings = IstioSettings()
    mirror: MirrorSettings = MirrorSettings()
    ca: CaSettings | None = None
    clusters: Annotated[dict[Name, ClusterSettings], Field(min_length=1)]
    networks: tuple[Name, ...] = ("vm-network",)
    """Networks that have no cluster, and so no gateway."""
    application: dict[Name, ServiceSettings]
    vms: dict[Name, VmSettings] = {}
    routes: dict[Name, RouteSettings] = {}
    stages: dict[str, str] = {}

    def weights(self, route: str) -> dict[str, int]:
        """Destination -> percent of the stage that ``route`` is in, zeros included."""
        return dict(self.routes[route].stages[self.stages[route]])

    def namespaces(self) -> list[str]:
        """Namespaces whose workloads are in the mesh, in every cluster."""
        homes = [home.namespace for home in (*self.application.values(), *self.vms.values())]
        callers = [name for route in self.routes.values() for name in route.callers.namespaces or ()]
        return sorted({*homes, *callers})

    def services_in(self, cluster: str) -> dict[str, ServiceSettings]:
        """Services of the application that run in ``cluster``."""
        return {
            name: service
            for name, service in self.application.items()
            if service.clusters is None or cluster in service.clusters
        }


def bookinfo() -> dict[str, Any]:
    """Istio's Bookinfo, the application of a config that names none."""
    paths = ["/productpage", "/static", "/login", "/logout", "/api/v1/products"]
    return {
        "productpage": {"versions": {"v1": {}}, "ingressPaths": paths},
        "details": {"versions": {"v1": {}}},
        "reviews": {"versions": {"v1": {}, "v2": {}, "v3": {}}},
        "ratings": {"versions": {"v1": {}}},
    }


# From config to settings

# Pulumi encrypts whole keys, so the CA's two halves are two keys; here they are one thing.
_CA = {"caCertificate": "certificate", "caKey": "key"}
KEYS = (*(to_camel(name) for name in Settings.model_fields if name != "ca"), *_CA)
"""Keys of the stack's config, without the project's name."""

_Path = tuple[str | int, ...]
_Mistake = tuple[_Path, str]


def load(values: Mapping[str, Any]) -> Settings:
    """Make settings of a stack's config.

    ``values`` maps each key without its namespace (``routes``, not ``vm-mesh:routes``) to its value, or to
    the value's JSON text, which is how Pulumi hands it to a program; empty text is its way to say "not set".

    Raises :class:`SettingsError` with every mistake that the config has.
    """
    unknown = [((key,), f"unknown key{_nearest(key, KEYS)}") for key in values if key not in KEYS]
    config = {key: _decoded(key, values[key]) for key in KEYS if values.get(key, "") != ""}
    if config.get("application", {}) == {}:
        config["application"] = bookinfo()

    settings, mistakes = _parsed(config)
    mistakes = [*unknown, *mistakes, *_CrossChecks(config).mistakes()]
    mistakes += _oddities(config, {path for path, _ in mistakes})
    if settings is None or mistakes:
        lines = sorted({(_where(path), what) for path, what in mistakes})
        raise SettingsError(f"{where}: {what}" for where, what in lines)
    return settings


def from_pulumi(config: Mapping[str, str], secret: Collection[str]) -> Settings:
    """:func:`load` for Pulumi's whole config map, of which the keys ``secret`` are encrypted.

    Other projects' and providers' keys are left alone. Raises :class:`SettingsError` also for a private key in clear
    text: Pulumi's own check of that (``secret: true`` in Pulumi.yaml) refuses a key that may be left out.
    """
    prefix = f"{PROJECT}:"
    if config.get(f"{prefix}caKey") and f"{prefix}caKey" not in secret:
        raise SettingsError([f"{prefix}caKey: is in clear text; set it anew with `pulumi config set --secret caKey`"])
    return load({key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)})


class _Object(dict[str, Any]):
    """A JSON object that remembers the names that its text gives more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str) or key in _CA:
        return value
    try:
        return json.loads(value, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return value  # which is then refused as the text that it is


def _parsed(config: Mapping[str, Any]) -> tuple[Settings | None, list[_Mistake]]:
    whole = {key: value for key, value in config.items() if key not in _CA}
    ca = {field: config[key] for key, field in _CA.items() if key in config}
    if ca:
        whole["ca"] = ca
    try:
        return Settings.model_validate(whole, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, [_in_our_words(detail) for detail in error.errors(include_url=False)]


def _oddities(config: Mapping[str, Any], reported: Collection[_Path]) -> Iterator[_Mistake]:
    """What the models let pass: a null where a key may be left out, and a name given twice."""
    # Not recursive, since nothing limits how deep a config is nested.
    rest: list[tuple[_Path, Any]] = [((key,), value) for key, value in config.items()]
    while rest:
        path, value = rest.pop()
        if value is None and path not in reported:
            yield path, "must not be null; remove the key, or give it a value"
        if isinstance(value, _Object):
            for name in value.repeated:
                yield (*path, name), "is there more than once; give each its own name"
        rest += [((*path, name), inner) for name, inner in _object(value).items()]


class _CrossChecks:
    """What the values of a config must be to each other.

    Reads the config as it is given, not the models, which exist only if all is well: a mistake in one place
    must not hide another one elsewhere. What has the wrong type is passed over; the models report it.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.clusters, self.application, self.vms, self.routes, self.stages = (
            _object(config.get(key)) for key in ("clusters", "application", "vms", "routes", "stages")
        )
        networks = [_value(config, "networks", Settings)]
        networks += [[cluster.get("network")] for cluster in _objects(self.clusters).values()]
        self.networks = {network for names in networks for _, network in _texts((), names)}

    def mistakes(self) -> Iterator[_Mistake]:
        """Every mistake, in no order."""
        yield from self._in_clusters()
        yield from self._in_application()
        yield from self._in_vms()
        yield from self._in_host_names()
        yield from self._in_routes()
        yield from self._in_stages()

    def _in_clusters(self) -> Iterator[_Mistake]:
        contexts: list[tuple[_Path, object]] = []
        ports: list[tuple[_Path, object]] = []
        for name, cluster in _objects(self.clusters).items():
            path = ("clusters", name)
            if "kind" in cluster and "existing" in cluster:
                yield path, "has both 'kind' and 'existing'; keep the one that it is"
            existing = _object(cluster.get("existing"))
            context = f"{_value(existing, 'kubeconfig', ExistingSettings)}#{existing.get('context')}"
            if "context" in existing:
                contexts.append(((*path, "existing", "context"), context))
            ports.append(((*path, "kind", "ingressPort"), _object(cluster.get("kind")).get("ingressPort")))
        yield from _repeated(contexts, "is the same cluster as")
        yield from _repeated(ports, "is the same port as")

    def _in_application(self) -> Iterator[_Mistake]:
        own = bookinfo()
        for name, service in _objects(self.application).items():
            for where, cluster in _texts(("application", name, "clusters"), service.get("clusters")):
                yield from _unknown(where, cluster, "cluster", self.clusters)
            for version, workload in _objects(service.get("versions")).items():
                if "image" not in workload and version not in own.get(name, {}).get("versions", {}):
                    path = ("application", name, "versions", version, "image")
                    yield path, "is missing; without one there are only the images of Bookinfo's versions"

    def _in_vms(self) -> Iterator[_Mistake]:
        for name in self.vms.keys() & self.clusters.keys():
            yield ("vms", name), "is also the name of a cluster; a destination needs a name of its own"
        for name, vm in _objects(self.vms).items():
            path = ("vms", name)
            yield from _unknown((*path, "cluster"), vm.get("cluster"), "cluster", self.clusters)
            network = _value(vm, "network", VmSettings)
            yield from _unknown((*path, "network"), network, "network", self.networks)
            services = _objects(vm.get("services")).items()
            ports = [((*path, "services", service, "port"), entry.get("port")) for service, entry in services]
            yield from _repeated(ports, "is the same port as")

    def _in_host_names(self) -> Iterator[_Mistake]:
        """A VM's service is a Kubernetes Service of its own, ``<service>-<VM>``, beside the application's."""
        places: list[tuple[_Path, object]] = []
        for name, service in _objects(self.application).items():
            places.append((("application", name), f"{name}.{_value(service, 'namespace', ServiceSettings)}"))
        for vm, entry in _objects(self.vms).items():
            for service in _object(entry.get("services")):
                path, host = ("vms", vm, "services", service), vm_service(service, vm)
                if NAME.fullmatch(service) and NAME.fullmatch(vm) and len(host) > 63:
                    yield path, f"{_shown(host)} would name a Service, must be at most 63 characters long"
                places.append((path, f"{host}.{_value(entry, 'namespace', VmSettings)}"))
        yield from _repeated(places, "has the same name in Kubernetes as")

    def _in_routes(self) -> Iterator[_Mistake]:
        services = _objects(self.application)
        for name, route in _objects(self.routes).items():
            path = ("routes", name)
            yield from _unknown(path, name, "service in the application", self.application)
            here = _value(route, "namespace", RouteSettings)
            home = _value(services.get(name, {}), "namespace", ServiceSettings)
            if name in services and isinstance(here, str) and here != home:
                yield (*path, "namespace"), f"is {_shown(here)}, but the service is in {_shown(home)}"
            callers = _object(route.get("callers"))
            for where, cluster in _texts((*path, "callers", "clusters"), callers.get("clusters")):
                yield from _unknown(where, cluster, "cluster", self.clusters)
            for stage, weights in _objects(route.get("stages")).items():
                yield from self._in_stage(name, stage, weights)
            yield from self._in_gates(path, route)

    def _in_gates(self, path: _Path, route: Mapping[str, Any]) -> Iterator[_Mistake]:
        gates = {(*path, "gate"): _object(route.get("gate"))}
        for stage, gate in _objects(route.get("gates")).items():
            if stages := _object(route.get("stages")):
                yield from _unknown((*path, "gates", stage), stage, "stage", stages)
            gates[*path, "gates", stage] = gate
        for where, gate in gates.items():
            for name, check in _objects(gate.get("checks")).items():
                if ("command" in check) == ("url" in check):
                    yield (*where, "checks", name), "must have either 'command' or 'url'"

    def _in_stage(self, service: str, stage: str, weights: Mapping[str, Any]) -> Iterator[_Mistake]:
        for destination, weight in weights.items():
            wrong = self._wrong_with(destination, service)
            if wrong and weight != 0 and self.stages.get(service) == stage:
                wrong += f"; {_shown(service)} is in this stage, so move to another stage first"
            if wrong:
                yield ("routes", service, "stages", stage, destination), wrong

    def _wrong_with(self, destination: str, service: str) -> str | None:
        """Why ``destination`` cannot take calls of ``service``."""
        if destination in self.vms:
            runs = _object(self.vms[destination]).get("services")
            if isinstance(runs, dict) and service not in runs:
                nearest = _nearest(service, _object(runs))
                return f"VM {_shown(destination)} does not run {_shown(service)}{nearest}"
        elif destination in self.clusters:
            entry = _object(self.application.get(service))
            runs = entry.get("clusters")
            if entry.get("versions") == {} or (isinstance(runs, list | tuple) and destination not in runs):
                return f"cluster {_shown(destination)} does not run {_shown(service)}"
        else:
            known = (*self.vms, *self.clusters)
            return f"there is no VM or cluster {_shown(destination)}{_nearest(destination, known)}"
        return None

    def _in_stages(self) -> Iterator[_Mistake]:
        for name in self.stages:
            yield from _unknown(("stages", name), name, "route", self.routes)
        for name, route in _objects(self.routes).items():
            if name not in self.stages:
                yield ("stages", name), f"is missing; name the stage that {_shown(name)} is in"
            elif stages := _object(route.get("stages")):
                yield from _unknown(("stages", name), self.stages[name], "stage", stages)


def _object(value: Any) -> dict[str, Any]:
    """``value`` if it is an object; else, for the cross-checks, an empty one."""
    entries = cast("dict[object, Any]", value) if isinstance(value, dict) else {}
    return {key: entry for key, entry in entries.items() if isinstance(key, str)}


def _objects(value: Any) -> dict[str, dict[str, Any]]:
    """The entries of ``value`` that are objects."""
    return {name: _object(entry) for name, entry in _object(value).items() if isinstance(entry, dict)}


def _texts(path: _Path, value: Any) -> Iterator[tuple[_Path, str]]:
    """The items of ``value``, which is at ``path``, that are texts, each with its own path."""
    for index, item in enumerate(cast("list[object]", value) if isinstance(value, list | tuple) else ()):
        if isinstance(item, str):
            yield (*path, index), item


def _value(entry: Mapping[str, Any], key: str, model: type[BaseModel]) -> Any:
    """What ``entry`` has for ``key``, or else what ``model`` takes in its place."""
    return entry.get(key, model.model_fields[key].default)


def _unknown(path: _Path, name: object, kind: str, known: Collection[str]) -> Iterator[_Mistake]:
    if isinstance(name, str) and name not in known:
        yield path, f"there is no {kind} {_shown(name)}{_nearest(name, known)}"


def _repeated(places: Iterable[tuple[_Path, object]], what: str) -> Iterator[_Mistake]:
    first: dict[str | int, _Path] = {}
    for path, value in sorted(places, key=lambda place: _where(place[0])):
        if isinstance(value, str | int) and first.setdefault(value, path) != path:
            yield path, f"{what} {_where(first[value])}"


# Words

_PLAIN = re.compile(r"[-\w]{1,63}", re.ASCII)


def _where(path: _Path) -> str:
    """``path`` as ``pulumi config set --path`` takes it."""
    steps = [f".{part}" if isinstance(part, str) and _PLAIN.fullmatch(part) else f"[{_shown(part)}]" for part in path]
    return f"{PROJECT}:{''.join(steps).removeprefix('.')}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if matches := get_close_matches(name, names, n=1):
        return f"; did you mean {_shown(matches[0])}?"
    few = ", ".join([*map(_shown, names[:8]), *(["..."] if names[8:] else [])])
    return f"; known: {few}" if few else ""


_WORDS = {
    "missing": "is missing",
    "too_short": "must not be empty",
    "int_type": "must be a whole number, not {given}",
    "float_type": "must be a number, not {given}",
    "finite_number": "must be a number, not {given}",
    "bool_type": "must be true or false, not {given}",
    "greater_than": "must be more than {gt}, not {given}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "string_type": "must be text, not {given}",
    "string_unicode": "must be text, not {given}",
    "literal_error": "must be {expected}, not {given}",
    "dict_type": "must be an object, not {given}",
    "model_type": "must be an object, not {given}",
    "tuple_type": "must be a list, not {given}",
}


def _in_our_words(detail: ErrorDetails) -> _Mistake:
    """Pydantic's error as a mistake in the config."""
    path = detail["loc"][:-1] if detail["loc"][-1] == "[key]" else detail["loc"]
    if detail["type"] == "extra_forbidden":
        return path, f"unknown key{_nearest(str(path[-1]), _keys_at(path[:-1]))}"
    words = _WORDS.get(detail["type"])
    what = words.format(given=_shown(detail["input"]), **detail.get("ctx", {})) if words else detail["msg"]
    if path[0] == "ca":
        path = tuple(key for key, field in _CA.items() if field == path[1])
        if detail["type"] == "missing":
            what += "; a CA of your own needs both its certificate and its key"
    return path, what


def _keys_at(path: _Path) -> list[str]:
    """Keys that the object at ``path`` may have."""
    kind: Any = Settings
    for part in path:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = next(field.annotation for field in kind.model_fields.values() if field.alias == part)
            kind = kind if get_origin(kind) in (None, dict) else get_args(kind)[0]  # X of `X | None`
    return [field.alias for field in kind.model_fields.values()]
