"""Types of single values, each with the rule that a message gives."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from settings.names import NAME, NAME_RULE, SYSTEM_NAMESPACE
from settings.value_checks import (
    all_of_it,
    all_retried,
    beside_a_sidecar,
    checked,
    in_seconds,
    is_network,
    like,
    nearest_first,
    pem,
    reaches_others,
    seconds,
)

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_LABEL_PART = r"[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?"
_HOST_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"({_HOST_LABEL}(\.{_HOST_LABEL})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?"
_URL = rf"{_HOST}(/[-\w.~%/]*)?"
# The OCI distribution's grammar of references, with the two digests that registries know.
_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"({_HOST}/)?{_COMPONENT}(/{_COMPONENT})*"
_TAG = r"\w[-.\w]{0,127}"
_DIGEST = r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
ServicePort = Annotated[Port, AfterValidator(beside_a_sidecar)]
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
PositivePercent = Annotated[int, Field(strict=True, ge=1, le=100)]
Destinations = Annotated[tuple[str, ...], BeforeValidator(nearest_first), Field(min_length=1)]
Weights = Annotated[dict[str, Percent], AfterValidator(all_of_it)]
# Kubernetes has 32 bits for these.
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 3600), BeforeValidator(in_seconds)]
SuccessRate = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Factor = Annotated[float, Field(strict=True, ge=1, le=1e6, allow_inf_nan=False)]

Name = Annotated[str, like(NAME.pattern, NAME_RULE)]
# The program makes the namespaces that it is told of: not those of Istio and Kubernetes, and it has its own "system".
Namespace = Annotated[
    str,
    like(_LABEL, "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end"),
    checked(
        lambda value: value not in (SYSTEM_NAMESPACE, "system") and not value.startswith("kube-"),
        "must be none of istio-system, system and kube-*, which are taken",
        longest=63,
    ),
]
Caller = Annotated[
    str,
    like(
        rf"\*|{NAME.pattern}|{_LABEL}/({_LABEL}(\.{_LABEL})*|\*)",
        "must be a VM, a service, 'ingress', 'namespace/account', 'namespace/*' or '*'",
    ),
]
Subject = Annotated[
    str, like(r"(user|group):[!-~]+", "must be 'user:' or 'group:' and a name, as the clusters' RBAC has it", 250)
]
DnsName = Annotated[str, like(rf"{_LABEL}(\.{_LABEL})*", "must be a lower-case DNS name", longest=253)]
# As Istio has them, but for its path templates, whose braces and other stars would mean less here than they say.
PathPattern = Annotated[
    str,
    like(
        r"/[-\w.~!$&'()+,;=:@%/]*\*?|\*[-\w.~!$&'()+,;=:@%/]*",
        "must be a path, without a query; a '*' may stand for the rest of it, or for what comes before",
    ),
]
Method = Annotated[str, like(r"[A-Z]+", "must be an HTTP method, such as GET", longest=20)]
UrlPath = Annotated[str, like(r"/[-\w.~!$&'()*+,;=:@%/?]*", "must be a path that begins with '/' and holds no spaces")]
HttpsUrl = Annotated[str, like(rf"https://{_URL}", "must be https://host[:port][/path]")]
HttpUrl = Annotated[str, like(rf"https?://{_URL}", "must be http(s)://host[:port][/path]")]
Cidr = Annotated[str, checked(is_network, "must be a range of IP addresses, such as 10.0.0.0/8", longest=49)]
HostName = Annotated[
    str, like(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*|[0-9A-Fa-f:]+", "must be a host name or an IP address")
]
UserName = Annotated[str, like(r"[a-z_][-a-z0-9_]{0,31}", "must be the name of a user")]
HostKey = Annotated[
    str,
    like(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}",
        "must be a type and a key, as `ssh-keyscan HOST` prints them behind the host",
        longest=2000,
    ),
]
Path = Annotated[str, like(r"[-\w./~+@]+", "must be a path without spaces")]
PackageSource = Annotated[
    str, like(rf"(https://{_URL}|[-\w./~+@]+)\.(deb|rpm)", "must be a path or an https:// URL of a .deb or a .rpm")
]
# A tag may name another image tomorrow, so an image is named by its digest.
Module = Annotated[
    str,
    like(
        rf"oci://{_REPOSITORY}(:{_TAG})?@sha256:[0-9a-f]{{64}}|https?://{_URL}|[-\w./~+@]+",
        "must be oci://repository@sha256:digest, http(s)://host[:port]/path, or a path without spaces",
    ),
]
Sha256 = Annotated[str, like(r"[0-9a-f]{64}", "must be a SHA-256 sum, 64 hexadecimal digits")]
LabelName = Annotated[str, like(rf"({_LABEL}(\.{_LABEL})*/)?{_LABEL_PART}", "must be the name of a Kubernetes label")]
LabelValue = Annotated[str, like(_LABEL_PART, "must be the value of a Kubernetes label")]
HeaderName = Annotated[
    str, like(r"[a-z0-9]([-a-z0-9_.]*[a-z0-9])?", "must be the lower-case name of a header", longest=100)
]
HeaderValue = Annotated[str, like(r"[!-~]([ -~]*[!-~])?", "must be printable ASCII, with no space at either end")]
# Of what RFC 6265 lets a cookie's name have, only what no regular expression reads as more than itself.
CookieName = Annotated[
    str, like(r"\w[-\w]*", "must be the name of a cookie, of letters, digits, '-' and '_'", longest=100)
]
CookieValue = Annotated[
    str, like(r"[!#-+\--:<-\[\]-~]+", "must be the value of a cookie, with no space, quote, comma, ';' or '\\'")
]
# Istio takes no less than 1 ms; more than an hour is no time that a caller waits.
Duration = Annotated[
    str,
    like(r"[1-9][0-9]{0,6}(ms|s|m|h)", "must be a whole number of ms, s, m or h, such as 500ms or 2s"),
    checked(lambda value: seconds(value) <= 3600, "must be at most 1h", longest=9),
]
Retention = Annotated[
    str,
    checked(re.compile(r"[1-9][0-9]{0,3}[hdw]").fullmatch, "must be hours, days or weeks, such as 12h, 7d or 4w", 5),
]
"""For how long what was gathered is kept, as Prometheus and VictoriaLogs take it."""
LogRetention = Annotated[
    Retention,
    checked(lambda value: not value.endswith("h") or int(value[:-1]) >= 24, "must be at least 24h", longest=5),
]
"""VictoriaLogs drops whole days."""
WholeSeconds = Annotated[
    str, like(r"[1-9][0-9]{0,6}(s|m|h)", "must be a whole number of s, m or h, such as 30m or 1h", longest=9)
]
# More tries of every call than these are a flood for a service that is in trouble already.
Attempts = Annotated[int, Field(strict=True, ge=0, le=10)]
RetryOn = Annotated[str, AfterValidator(all_retried)]
StackName = Annotated[
    str,
    like(r"[-\w.]+(/[-\w.]+){2}", "must be organization/project/stack (the organization is 'organization' in files)"),
]
IpAddress = Annotated[str, checked(reaches_others, "must be an IP address that other machines can reach", longest=45)]
Image = Annotated[str, like(rf"{_REPOSITORY}(:{_TAG})?(@{_DIGEST})?", "must be an image, [host/]path[:tag][@digest]")]
PinnedImage = Annotated[
    str,
    like(
        rf"{_REPOSITORY}(:{_TAG})?@sha256:[0-9a-f]{{64}}",
        "must be an image with its digest, [host/]path[:tag]@sha256:digest",
    ),
]
Repository = Annotated[str, like(_REPOSITORY, "must be a repository of images, [host/]path")]
Registry = Annotated[str, like(rf"{_HOST}(/{_COMPONENT})*", "must be a registry, host[:port][/path]")]
Tag = Annotated[str, like(_TAG, "must be an image's tag")]
EnvName = Annotated[str, like(r"[A-Za-z_]\w*", "must be letters, digits and '_', and begin with no digit")]
EnvValue = Annotated[str, checked(str.isprintable, "must be one line of printable text", longest=4000)]
AnnotationName = Annotated[
    str,
    like(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-\w.]{{0,61}}[A-Za-z0-9])?", "must be an annotation, [prefix/]name"),
]
DockerNetwork = Annotated[str, like(r"[A-Za-z0-9][\w.-]*", "must be the name of a Docker network", longest=128)]
Line = Annotated[
    str,
    checked(lambda value: value.strip() and value.isprintable(), "must be one printable line", longest=500),
]
# A command line is for a shell to read, by design; but what a reviewer cannot see, no shell gets to read.
Command = Annotated[str, like(r"[ -~]*[!-~][ -~]*", "must be one line of printable ASCII", longest=4000)]
# Istiod gives no certificate for longer than 90 days (MAX_WORKLOAD_CERT_TTL, pilot/pkg/bootstrap/istio_ca.go), and one
# for less than a minute is renewed more often than is worth it.
Lifetime = Annotated[
    str,
    like(r"[1-9][0-9]{0,4}[mh]", "must be whole minutes or hours, such as 90m or 24h"),
    checked(
        lambda value: int(value[:-1]) * (60 if value[-1] == "h" else 1) <= 90 * 24 * 60, "must be at most 2160h", 6
    ),
]
Certificates = Annotated[str, pem("CERTIFICATE", "+", "must be certificates in PEM and nothing else")]
PrivateKey = Annotated[
    SecretStr,
    pem("((RSA|EC) )?PRIVATE KEY", "{1}", "must be one private key in PEM, not encrypted, and nothing else"),
]
