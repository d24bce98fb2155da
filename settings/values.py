"""Types of single values, each with the rule that a message gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from settings.mistakes import did_you_mean, shown
from settings.names import LOCALITY, NAME, NAME_RULE


def refusal(what: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{what}", {"what": what})


def _checked(holds: Callable[[str], object], rule: str, longest: int) -> AfterValidator:
    def check(value: str) -> str:
        # The length first: no pattern gets to see megabytes.
        if len(value) > longest:
            raise refusal(f"must be at most {longest} characters long, not {len(value)}")
        if not holds(value):
            raise refusal(f"{rule}, not {shown(value)}")
        return value

    return AfterValidator(check)


def _like(pattern: str, rule: str, longest: int = 500) -> AfterValidator:
    return _checked(re.compile(pattern, re.ASCII).fullmatch, rule, longest)


def _pem(label: str, count: str, rule: str) -> AfterValidator:
    """PEM blocks. No message shows any of the text, for it may be a key even where a certificate belongs."""
    pattern = re.compile(rf"(\s*-----BEGIN {label}-----[A-Za-z0-9+/=\s]+-----END {label}-----){count}\s*")

    def check(value: str | SecretStr) -> str | SecretStr:
        if not pattern.fullmatch(value if isinstance(value, str) else value.get_secret_value()):
            raise refusal(rule)
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


def _is_network(text: str) -> bool:
    try:
        return bool(ip_network(text))
    except ValueError:
        return False


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    """A :data:`Duration` in seconds."""
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * _SECONDS[unit]


def _in_seconds(value: object) -> object:
    """Seconds of a duration as people write it, 90, 30s, 2m or 1h."""
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{1,6}[smh]", value, re.ASCII):
            raise refusal(f"must be a duration such as 30s, 2m or 1h, not {shown(value)}")
        return int(seconds(value))
    return value


# Envoy's own (x-envoy-retry-on, x-envoy-retry-grpc-on), as far as Istio takes them (supportedRetryOnPolicies in
# pkg/config/validation). A number is a status that is retried. Two more of Envoy's are of no use here, for they need
# headers that no VirtualService has: retriable-headers and retriable-status-codes.
_RETRY_ON = (
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream"),
    *("envoy-ratelimited", "http3-post-connect-failure"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"),
)


def _all_retried(words: str) -> str:
    if len(words) > 300:
        raise refusal(f"must be at most 300 characters long, not {len(words)}")
    for word in words.split(","):
        if word not in _RETRY_ON and not re.fullmatch(r"[1-5][0-9]{2}", word, re.ASCII):
            raise refusal(
                f"has {shown(word)}, which is no status and nothing of Envoy's{did_you_mean(word, _RETRY_ON)}"
            )
    return words


def _nearest_first(value: object) -> object:
    return (LOCALITY,) if value == "locality" else value


def _all_of_it(weights: dict[str, int]) -> dict[str, int]:
    total = sum(weights.values())
    if total != 100:
        raise refusal(f"weights add up to {total}, must be 100")
    return weights


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
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
PositivePercent = Annotated[int, Field(strict=True, ge=1, le=100)]
Destinations = Annotated[tuple[str, ...], BeforeValidator(_nearest_first), Field(min_length=1)]
Weights = Annotated[dict[str, Percent], AfterValidator(_all_of_it)]
# Kubernetes has 32 bits for these.
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 3600), BeforeValidator(_in_seconds)]
SuccessRate = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Factor = Annotated[float, Field(strict=True, ge=1, le=1e6, allow_inf_nan=False)]

Name = Annotated[str, _like(NAME.pattern, NAME_RULE)]
Namespace = Annotated[
    str, _like(_LABEL, "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end")
]
Caller = Annotated[
    str,
    _like(
        rf"\*|{NAME.pattern}|{_LABEL}/({_LABEL}(\.{_LABEL})*|\*)",
        "must be a VM, a service, 'ingress', 'namespace/account', 'namespace/*' or '*'",
    ),
]
Subject = Annotated[
    str, _like(r"(user|group):[!-~]+", "must be 'user:' or 'group:' and a name, as the clusters' RBAC has it", 250)
]
DnsName = Annotated[str, _like(rf"{_LABEL}(\.{_LABEL})*", "must be a lower-case DNS name", longest=253)]
# As Istio has them, but for its path templates, whose braces and other stars would mean less here than they say.
PathPattern = Annotated[
    str,
    _like(
        r"/[-\w.~!$&'()+,;=:@%/]*\*?|\*[-\w.~!$&'()+,;=:@%/]*",
        "must be a path, without a query; a '*' may stand for the rest of it, or for what comes before",
    ),
]
Method = Annotated[str, _like(r"[A-Z]+", "must be an HTTP method, such as GET", longest=20)]
UrlPath = Annotated[str, _like(r"/[-\w.~!$&'()*+,;=:@%/?]*", "must be a path that begins with '/' and holds no spaces")]
HttpsUrl = Annotated[str, _like(rf"https://{_URL}", "must be https://host[:port][/path]")]
HttpUrl = Annotated[str, _like(rf"https?://{_URL}", "must be http(s)://host[:port][/path]")]
ChartsUrl = Annotated[str, _like(rf"(https?|oci)://{_URL}", "must be http(s):// or oci://host[:port][/path]")]
Cidr = Annotated[str, _checked(_is_network, "must be a range of IP addresses, such as 10.0.0.0/8", longest=49)]
HostName = Annotated[
    str, _like(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*|[0-9A-Fa-f:]+", "must be a host name or an IP address")
]
UserName = Annotated[str, _like(r"[a-z_][-a-z0-9_]{0,31}", "must be the name of a user")]
HostKey = Annotated[
    str,
    _like(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}",
        "must be a type and a key, as `ssh-keyscan HOST` prints them behind the host",
        longest=2000,
    ),
]
Path = Annotated[str, _like(r"[-\w./~+@]+", "must be a path without spaces")]
PackageSource = Annotated[
    str, _like(rf"(https://{_URL}|[-\w./~+@]+)\.(deb|rpm)", "must be a path or an https:// URL of a .deb or a .rpm")
]
# A tag may name another image tomorrow, so an image is named by its digest.
Module = Annotated[
    str,
    _like(
        rf"oci://{_REPOSITORY}(:{_TAG})?@sha256:[0-9a-f]{{64}}|https?://{_URL}|[-\w./~+@]+",
        "must be oci://repository@sha256:digest, http(s)://host[:port]/path, or a path without spaces",
    ),
]
Sha256 = Annotated[str, _like(r"[0-9a-f]{64}", "must be a SHA-256 sum, 64 hexadecimal digits")]
LabelName = Annotated[str, _like(rf"({_LABEL}(\.{_LABEL})*/)?{_LABEL_PART}", "must be the name of a Kubernetes label")]
LabelValue = Annotated[str, _like(_LABEL_PART, "must be the value of a Kubernetes label")]
HeaderName = Annotated[
    str, _like(r"[a-z0-9]([-a-z0-9_.]*[a-z0-9])?", "must be the lower-case name of a header", longest=100)
]
HeaderValue = Annotated[str, _like(r"[!-~]([ -~]*[!-~])?", "must be printable ASCII, with no space at either end")]
# Of what RFC 6265 lets a cookie's name have, only what no regular expression reads as more than itself.
CookieName = Annotated[
    str, _like(r"\w[-\w]*", "must be the name of a cookie, of letters, digits, '-' and '_'", longest=100)
]
CookieValue = Annotated[
    str, _like(r"[!#-+\--:<-\[\]-~]+", "must be the value of a cookie, with no space, quote, comma, ';' or '\\'")
]
# Istio takes no less than 1 ms; more than an hour is no time that a caller waits.
Duration = Annotated[
    str,
    _like(r"[1-9][0-9]{0,6}(ms|s|m|h)", "must be a whole number of ms, s, m or h, such as 500ms or 2s"),
    _checked(lambda value: seconds(value) <= 3600, "must be at most 1h", longest=9),
]
Retention = Annotated[
    str,
    _checked(re.compile(r"[1-9][0-9]{0,3}[hdw]").fullmatch, "must be hours, days or weeks, such as 12h, 7d or 4w", 5),
]
"""For how long what was gathered is kept, as Prometheus and VictoriaLogs take it."""
LogRetention = Annotated[
    Retention,
    _checked(lambda value: not value.endswith("h") or int(value[:-1]) >= 24, "must be at least 24h", longest=5),
]
"""VictoriaLogs drops whole days."""
WholeSeconds = Annotated[
    str, _like(r"[1-9][0-9]{0,6}(s|m|h)", "must be a whole number of s, m or h, such as 30m or 1h", longest=9)
]
# More tries of every call than these are a flood for a service that is in trouble already.
Attempts = Annotated[int, Field(strict=True, ge=0, le=10)]
RetryOn = Annotated[str, AfterValidator(_all_retried)]
StackName = Annotated[
    str,
    _like(r"[-\w.]+(/[-\w.]+){2}", "must be organization/project/stack (the organization is 'organization' in files)"),
]
IpAddress = Annotated[str, _checked(_reaches_others, "must be an IP address that other machines can reach", longest=45)]
Image = Annotated[str, _like(rf"{_REPOSITORY}(:{_TAG})?(@{_DIGEST})?", "must be an image, [host/]path[:tag][@digest]")]
Repository = Annotated[str, _like(_REPOSITORY, "must be a repository of images, [host/]path")]
Registry = Annotated[str, _like(rf"{_HOST}(/{_COMPONENT})*", "must be a registry, host[:port][/path]")]
Tag = Annotated[str, _like(_TAG, "must be an image's tag")]
EnvName = Annotated[str, _like(r"[A-Za-z_]\w*", "must be letters, digits and '_', and begin with no digit")]
EnvValue = Annotated[str, _checked(str.isprintable, "must be one line of printable text", longest=4000)]
AnnotationName = Annotated[
    str,
    _like(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-\w.]{{0,61}}[A-Za-z0-9])?", "must be an annotation, [prefix/]name"),
]
DockerNetwork = Annotated[str, _like(r"[A-Za-z0-9][\w.-]*", "must be the name of a Docker network", longest=128)]
Line = Annotated[
    str,
    _checked(lambda value: value.strip() and value.isprintable(), "must be one printable line", longest=500),
]
# A command line is for a shell to read, by design; but what a reviewer cannot see, no shell gets to read.
Command = Annotated[str, _like(r"[ -~]*[!-~][ -~]*", "must be one line of printable ASCII", longest=4000)]
# Istiod gives no certificate for longer than 90 days (MAX_WORKLOAD_CERT_TTL, pilot/pkg/bootstrap/istio_ca.go), and one
# for less than a minute is renewed more often than is worth it.
Lifetime = Annotated[
    str,
    _like(r"[1-9][0-9]{0,4}[mh]", "must be whole minutes or hours, such as 90m or 24h"),
    _checked(
        lambda value: int(value[:-1]) * (60 if value[-1] == "h" else 1) <= 90 * 24 * 60, "must be at most 2160h", 6
    ),
]
Certificates = Annotated[str, _pem("CERTIFICATE", "+", "must be certificates in PEM and nothing else")]
PrivateKey = Annotated[
    SecretStr,
    _pem("((RSA|EC) )?PRIVATE KEY", "{1}", "must be one private key in PEM, not encrypted, and nothing else"),
]
