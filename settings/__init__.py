"""Stack config -> frozen, validated settings.

Pure: nothing is read but what is given, nothing is touched. :func:`load` reports every mistake of a config
at once, each with the path of its key, because a config fixed one error at a time is fixed in production.

The models say what each value must be; :mod:`settings.checks` says what values must be to each other.
"""

from settings.access import AccessRuleSettings, AccessSettings
from settings.application import ServiceSettings, VersionSettings
from settings.clusters import ClusterSettings, ExistingSettings, GatewaySettings, KindSettings
from settings.exported import exported_services, exporters, networks_behind
from settings.extensions import ExtensionSettings, WorkloadSettings
from settings.failover import failover_orders
from settings.load import from_pulumi, load
from settings.management import (
    COLLECTOR,
    COLLECTOR_PORT,
    GRAFANA,
    GRAFANA_PORT,
    KIALI,
    KIALI_PORT,
    LOG_STORE,
    LOG_STORE_PORT,
    TRACE_QUERY_PORT,
    TRACE_STORE,
    TRACE_STORE_PORT,
    AccessLogSettings,
    GrafanaSettings,
    KialiSettings,
    ManagementSettings,
    MetricsSettings,
    TraceSettings,
    collector_service,
)
from settings.mesh import CaSettings, IstioSettings, MeshSettings, MirrorSettings, RevisionSettings
from settings.mistakes import SettingsError
from settings.names import (
    EXPORTED_LABEL,
    INGRESS,
    INGRESS_ACCOUNT,
    LOCALITY,
    MACHINE_LABEL,
    MANAGEMENT_NAMESPACE,
    METRICS_PORT,
    METRICS_SERVICE,
    PROJECT,
    READER,
    SYSTEM_NAMESPACE,
    UNNAMED,
    VM_LABEL,
    first_subset,
    service_host,
    vm_service,
)
from settings.plugins import Plugin, plugins
from settings.policies import Policy, policies, principal
from settings.queries import Queries, queries
from settings.routes import CallerSettings, CheckSettings, GateSettings, RouteSettings
from settings.rules import AffinitySettings, MatchSettings, RetrySettings, RuleSettings
from settings.stack import KEYS, Settings
from settings.vms import (
    CaptureSettings,
    ContainerSettings,
    HostSettings,
    JumpSettings,
    MachineSettings,
    ProbeSettings,
    SidecarSettings,
    VmServiceSettings,
    VmSettings,
)

__all__ = [
    "COLLECTOR",
    "COLLECTOR_PORT",
    "EXPORTED_LABEL",
    "GRAFANA",
    "GRAFANA_PORT",
    "INGRESS",
    "INGRESS_ACCOUNT",
    "KEYS",
    "KIALI",
    "KIALI_PORT",
    "LOCALITY",
    "LOG_STORE",
    "LOG_STORE_PORT",
    "MACHINE_LABEL",
    "MANAGEMENT_NAMESPACE",
    "METRICS_PORT",
    "METRICS_SERVICE",
    "PROJECT",
    "READER",
    "SYSTEM_NAMESPACE",
    "TRACE_QUERY_PORT",
    "TRACE_STORE",
    "TRACE_STORE_PORT",
    "UNNAMED",
    "VM_LABEL",
    "AccessLogSettings",
    "AccessRuleSettings",
    "AccessSettings",
    "AffinitySettings",
    "CaSettings",
    "CallerSettings",
    "CaptureSettings",
    "CheckSettings",
    "ClusterSettings",
    "ContainerSettings",
    "ExistingSettings",
    "ExtensionSettings",
    "GateSettings",
    "GatewaySettings",
    "GrafanaSettings",
    "HostSettings",
    "IstioSettings",
    "JumpSettings",
    "KialiSettings",
    "KindSettings",
    "MachineSettings",
    "ManagementSettings",
    "MatchSettings",
    "MeshSettings",
    "MetricsSettings",
    "MirrorSettings",
    "Plugin",
    "Policy",
    "ProbeSettings",
    "Queries",
    "RetrySettings",
    "RevisionSettings",
    "RouteSettings",
    "RuleSettings",
    "ServiceSettings",
    "Settings",
    "SettingsError",
    "SidecarSettings",
    "TraceSettings",
    "VersionSettings",
    "VmServiceSettings",
    "VmSettings",
    "WorkloadSettings",
    "collector_service",
    "exported_services",
    "exporters",
    "failover_orders",
    "first_subset",
    "from_pulumi",
    "load",
    "networks_behind",
    "plugins",
    "policies",
    "principal",
    "queries",
    "service_host",
    "vm_service",
]
