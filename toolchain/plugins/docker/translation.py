"""Between the properties of a container and what the Docker engine's API has of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from toolchain.plugins.values import Properties

MEBIBYTE = 1024 * 1024
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def creation(inputs: Properties) -> dict[str, Any]:
    """What to tell the engine to create."""
    volumes = inputs.get("volumes", [])
    ports = inputs.get("ports", [])
    capabilities = inputs.get("capabilities", {})
    return {
        "Image": inputs["image"],
        "Hostname": inputs.get("hostname"),
        "User": inputs.get("user"),
        "Cmd": inputs.get("command"),
        "Entrypoint": inputs.get("entrypoints"),
        "Env": inputs.get("envs"),
        "Labels": {label["label"]: label["value"] for label in inputs.get("labels", [])},
        "StopSignal": inputs.get("stopSignal"),
        "StopTimeout": inputs.get("stopTimeout"),
        "Healthcheck": _healthcheck(inputs["healthcheck"]) if "healthcheck" in inputs else None,
        "ExposedPorts": {_port(port): {} for port in ports},
        "Volumes": {volume["containerPath"]: {} for volume in volumes if "containerPath" in volume},
        "HostConfig": {
            "AutoRemove": inputs.get("rm", False),
            "Binds": [_bind(volume) for volume in volumes if _source(volume)],
            "CapAdd": _canonical(capabilities.get("adds")),
            "CapDrop": _canonical(capabilities.get("drops")),
            "Dns": inputs.get("dns"),
            "ExtraHosts": [f"{host['host']}:{host['ip']}" for host in inputs.get("hosts", [])],
            "Init": inputs.get("init", False),
            "Memory": inputs.get("memory", 0) * MEBIBYTE,
            "Mounts": [_mount(mount) for mount in inputs.get("mounts", [])],
            "NetworkMode": inputs["networkMode"],
            "PortBindings": _bindings(ports),
            "Privileged": inputs.get("privileged", False),
            "RestartPolicy": {"Name": inputs["restart"]},
            "Sysctls": inputs.get("sysctls"),
            "Tmpfs": inputs.get("tmpfs"),
            "VolumesFrom": [volume["fromContainer"] for volume in volumes if "fromContainer" in volume],
        },
    }


def description(found: Properties, given: Properties) -> Properties:
    """The outputs for what the engine's inspection found.

    ``given`` are the inputs or the last outputs: some properties are never read, as in the official plugin.
    """
    config, host = found["Config"], found["HostConfig"]
    network, state = found["NetworkSettings"], found["State"]
    hosts: list[str] = host["ExtraHosts"] or []
    mounts: list[Properties] = host.get("Mounts") or []
    outputs: Properties = given | {
        "name": found["Name"].lstrip("/"),
        "image": found["Image"] if str(given.get("image")).startswith("sha256:") else config["Image"],
        "hostname": config["Hostname"],
        "user": config["User"],
        "command": config["Cmd"] or [],
        "entrypoints": config["Entrypoint"] or [],
        "stopSignal": config.get("StopSignal"),
        "stopTimeout": config.get("StopTimeout"),
        "rm": host["AutoRemove"],
        "dns": host["Dns"] or [],
        "hosts": [dict(zip(("host", "ip"), entry.split(":", 1), strict=True)) for entry in hosts],
        "init": bool(host.get("Init")),
        "memory": host["Memory"] // MEBIBYTE,
        "mounts": [_read_mount(mount) for mount in mounts],
        "networkMode": host["NetworkMode"],
        "privileged": host["Privileged"],
        "restart": host["RestartPolicy"]["Name"],
        "sysctls": host.get("Sysctls") or {},
        "tmpfs": host.get("Tmpfs") or {},
        "bridge": network.get("Bridge"),
        "networkDatas": [_network_data(name, end) for name, end in sorted(network["Networks"].items())],
        "containerLogs": given.get("containerLogs"),
        "exitCode": given.get("exitCode"),
    }
    if host["CapAdd"] or host["CapDrop"]:
        outputs["capabilities"] = {"adds": host["CapAdd"] or [], "drops": host["CapDrop"] or []}
    if config.get("Healthcheck"):
        outputs["healthcheck"] = _read_healthcheck(config["Healthcheck"])
    if given.get("ports") and (state["Running"] or given.get("mustRun")):
        outputs["ports"] = list(_read_ports(network.get("Ports") or {}))
    if not state["Running"]:
        # What it must do and does not: the difference that has it started again.
        outputs |= {"exitCode": state["ExitCode"], "mustRun": False}
    return outputs


def _canonical(capabilities: Iterable[str] | None) -> list[str]:
    """In Docker's own spelling, as the official plugin's client sends them."""
    upper = {name.upper() for name in capabilities or ()}
    return sorted({name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper})


def _source(volume: Properties) -> str:
    return volume.get("hostPath") or volume.get("volumeName") or ""


def _bind(volume: Properties) -> str:
    modes = ["ro" if volume.get("readOnly") else "rw", *filter(None, [volume.get("selinuxRelabel")])]
    return f"{_source(volume)}:{volume['containerPath']}:{','.join(modes)}"


def _mount(mount: Properties) -> Properties:
    return {
        "Type": mount["type"],
        "Source": mount.get("source", ""),
        "Target": mount["target"],
        "ReadOnly": mount.get("readOnly", False),
    }


def _read_mount(mount: Properties) -> Properties:
    return {
        "type": mount["Type"],
        "source": mount.get("Source", ""),
        "target": mount["Target"],
        "readOnly": mount.get("ReadOnly", False),
    }


def _port(port: Properties) -> str:
    return f"{port['internal']}/{port['protocol']}"


def _bindings(ports: list[Properties]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": port["ip"], "HostPort": str(port.get("external") or "")}
        bindings.setdefault(_port(port), []).append(binding)
    return bindings


def _read_ports(found: Properties) -> Iterable[Properties]:
    for key in sorted(found, key=lambda port: int(port.split("/")[0])):
        internal, protocol = key.split("/")
        bindings: list[dict[str, str]] = found[key] or []
        for binding in bindings:
            external, ip = int(binding["HostPort"]), binding["HostIp"]
            yield {"internal": int(internal), "protocol": protocol, "external": external, "ip": ip}


def _network_data(name: str, endpoint: Properties) -> Properties:
    return {
        "networkName": name,
        "ipAddress": endpoint["IPAddress"],
        "ipPrefixLength": endpoint["IPPrefixLen"],
        "gateway": endpoint["Gateway"],
        "globalIpv6Address": endpoint["GlobalIPv6Address"],
        "globalIpv6PrefixLength": endpoint["GlobalIPv6PrefixLen"],
        "ipv6Gateway": endpoint["IPv6Gateway"],
        "macAddress": endpoint["MacAddress"],
    }


def _healthcheck(check: Properties) -> Properties:
    return {
        "Test": check.get("tests"),
        "Interval": _nanoseconds(check["interval"]),
        "Timeout": _nanoseconds(check["timeout"]),
        "StartPeriod": _nanoseconds(check["startPeriod"]),
        "Retries": check["retries"],
    }


def _read_healthcheck(check: Properties) -> Properties:
    return {
        "tests": check.get("Test") or [],
        "interval": _duration(check.get("Interval", 0)),
        "timeout": _duration(check.get("Timeout", 0)),
        "startPeriod": _duration(check.get("StartPeriod", 0)),
        "startInterval": _duration(check.get("StartInterval", 0)),
        "retries": check.get("Retries", 0),
    }


def _nanoseconds(duration: str) -> int:
    return sum(int(float(number) * _NANOSECONDS[unit]) for number, unit in re.findall(r"([\d.]+)([a-zµ]+)", duration))


def _duration(nanoseconds: int) -> str:
    """As Go writes it, and so the official plugin: ``90s`` becomes ``1m30s``, and differs from the input."""
    if 0 < nanoseconds < _NANOSECONDS["s"]:
        return f"{nanoseconds / _NANOSECONDS['ms']:g}ms"
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{prefix}{rest / _NANOSECONDS['s']:g}s"
