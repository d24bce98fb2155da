"""How Grafana shows the dashboard of the routes, to whoever reaches it, and speaks to nobody but the metrics store."""

from __future__ import annotations

from typing import Any

from settings import GRAFANA_PORT, MANAGEMENT_NAMESPACE, METRICS_PORT, METRICS_SERVICE, service_host

PROVISIONING = "/etc/grafana/provisioning"
DASHBOARDS = "/etc/vm-mesh-dashboards"
DATA = "/var/lib/grafana"

# By Grafana's own names: a variable for each key of its configuration that is not as it comes.
_SETTINGS = {
    # Who may port-forward may look. There is no user, and so no password that anybody would have to keep.
    "auth_anonymous": {"enabled": True, "org_role": "Viewer"},
    "auth_basic": {"enabled": False},
    "auth": {"disable_login_form": True},
    "security": {"disable_initial_admin_creation": True, "disable_gravatar": True},
    # It asks for nothing outside of the cluster: no plugin, no version, no picture, no key.
    "analytics": {
        "reporting_enabled": False,
        "check_for_updates": False,
        "check_for_plugin_updates": False,
        "feedback_links_enabled": False,
    },
    "plugins": {
        "plugin_admin_enabled": False,
        "preinstall_disabled": True,
        "preinstall_auto_update": False,
        "public_key_retrieval_disabled": True,
    },
    "news": {"news_feed_enabled": False},
    "snapshots": {"external_enabled": False},
    # Nobody could make an alert.
    "unified_alerting": {"enabled": False},
    "log": {"mode": "console", "level": "warn"},
    "server": {"http_port": GRAFANA_PORT},
    "paths": {"data": DATA, "plugins": f"{DATA}/plugins", "provisioning": PROVISIONING},
}


def environment(dashboard: str) -> dict[str, str]:
    """Its configuration; the file ``dashboard`` is what it opens with."""
    settings = {**_SETTINGS, "dashboards": {"default_home_dashboard_path": f"{DASHBOARDS}/{dashboard}"}}
    return {
        f"GF_{section}_{key}".upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for section, keys in settings.items()
        for key, value in keys.items()
    }


def datasources(interval: int) -> dict[str, Any]:
    """The metrics store, in which there is a reading every ``interval`` seconds.

    The only source of its type, and the default: the dashboard's variable is this one without anybody choosing it.
    """
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "vm-mesh",
                "uid": "vm-mesh",
                "type": "prometheus",
                "access": "proxy",
                "url": f"http://{service_host(METRICS_SERVICE, MANAGEMENT_NAMESPACE)}:{METRICS_PORT}",
                "isDefault": True,
                "editable": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": f"{interval}s"},
            }
        ],
    }


def dashboards() -> dict[str, Any]:
    """Where it finds dashboards, which it reads again when they change."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "vm-mesh",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": DASHBOARDS},
            }
        ],
    }
