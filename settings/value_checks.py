"""What single values are held against, each check with what it says of a value that it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from settings.mistakes import did_you_mean, shown
from settings.names import LOCALITY


def refusal(what: str) -> PydanticCustomError:
    """What a check raises: ``what`` is wrong with the value, in the words that are shown."""
    return PydanticCustomError("refused", "{what}", {"what": what})


def checked(holds: Callable[[str], object], rule: str, longest: int) -> AfterValidator:
    """A text of at most so many characters for which ``holds`` is true; ``rule`` says what it must be."""

    def check(value: str) -> str:
        # The length first: no pattern gets to see megabytes.
        if len(value) > longest:
            raise refusal(f"must be at most {longest} characters long, not {len(value)}")
        if not holds(value):
            raise refusal(f"{rule}, not {shown(value)}")
        return value

    return AfterValidator(check)


def like(pattern: str, rule: str, longest: int = 500) -> AfterValidator:
    """A text that is as a whole like ``pattern``, in ASCII."""
    return checked(re.compile(pattern, re.ASCII).fullmatch, rule, longest)


def pem(label: str, count: str, rule: str) -> AfterValidator:
    """PEM blocks. No message shows any of the text, for it may be a key even where a certificate belongs."""
    pattern = re.compile(rf"(\s*-----BEGIN {label}-----[A-Za-z0-9+/=\s]+-----END {label}-----){count}\s*")

    def check(value: str | SecretStr) -> str | SecretStr:
        if not pattern.fullmatch(value if isinstance(value, str) else value.get_secret_value()):
            raise refusal(rule)
        return value

    return AfterValidator(check)


def reaches_others(address: str) -> bool:
    """Whether ``address`` is an IP address and none of those that Kubernetes refuses as an external one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    special = ip.is_unspecified or ip.is_loopback or ip.is_link_local or ip.is_multicast
    return not special and "%" not in address


def is_network(text: str) -> bool:
    """Whether ``text`` is a range of IP addresses, with no bit of an address beyond it."""
    try:
        return bool(ip_network(text))
    except ValueError:
        return False


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    """A :data:`settings.values.Duration` in seconds."""
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * _SECONDS[unit]


def in_seconds(value: object) -> object:
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


def all_retried(words: str) -> str:
    """Conditions, with a comma between two, on each of which Envoy tries a call again."""
    if len(words) > 300:
        raise refusal(f"must be at most 300 characters long, not {len(words)}")
    for word in words.split(","):
        if word not in _RETRY_ON and not re.fullmatch(r"[1-5][0-9]{2}", word, re.ASCII):
            raise refusal(
                f"has {shown(word)}, which is no status and nothing of Envoy's{did_you_mean(word, _RETRY_ON)}"
            )
    return words


def beside_a_sidecar(port: int) -> int:
    """A port that Envoy and its agent, which are beside every service, leave to the service."""
    if 15000 <= port < 15100:
        raise refusal(f"must be none of 15000 to 15099, which are the sidecar's, not {port}")
    return port


def nearest_first(value: object) -> object:
    """An order of destinations, for which a config may have one word."""
    return (LOCALITY,) if value == "locality" else value


def all_of_it(weights: dict[str, int]) -> dict[str, int]:
    """Weights that divide all calls, and no more."""
    total = sum(weights.values())
    if total != 100:
        raise refusal(f"weights add up to {total}, must be 100")
    return weights
