"""Who may call what, and who takes over: of what there is."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, failover_orders, load, policies
from tests.unit.settings.support import DEV, FULL, changed, errors


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (
            "access/rules/detials",
            [],
            'there is no service in the application or on a VM "detials"; did you mean "details"?',
        ),
        ("access/rules/details/0/from/0", "ratngs", 'there is no VM or service "ratngs"; did you mean "ratings"?'),
        ("access/rules/details/0/from/0", "shop/", "must be a VM, a service, 'ingress'"),
        ("access/rules/details/0/methods/0", "get", "must be an HTTP method, such as GET"),
        ("access/rules/details/0/paths/0", "/a?b", "must be a path, without a query"),
        ("access/rules/details/0/paths/0", "/a/*/b", "must be a path, without a query"),
        ("access/rules/details/0/paths/0", "/a/{*}", "must be a path, without a query"),
        ("access/enforced/0", "elsewhere", 'there is no namespace of the stack "elsewhere"; known: "machines", "shop"'),
        ("access/enforced", ["shop", "shop"], "is the same namespace as vm-mesh:access.enforced[0]"),
        ("access/operators/books", ["shop"], "must be 'user:' or 'group:' and a name"),
        ("access/operators/group:books/0", "elsewhere", 'there is no namespace of the stack "elsewhere"'),
        ("routes/details/failover", "localty", 'must be a list, not "localty"'),
        ("routes/details/failover/0", "old", 'VM "old" does not run "details"'),
        ("routes/details/failover", ["made", "made"], "is the same destination as vm-mesh:routes.details.failover[0]"),
    ],
)
def test_access_and_failover_of_what_there_is_not(path: str, value: Any, error: str) -> None:
    (found,) = errors(changed(path, value))
    assert error in found


def test_a_caller_that_is_a_vm_and_a_service_is_asked_which() -> None:
    config = changed("vms/ratings", FULL["vms"]["old"])
    del config["vms"]["old"]
    assert errors(config) == (
        f"{PROJECT}:access.rules.details[0].from[0]: is a VM and a service; name the one that it is as "
        "'namespace/account'",
    )


def test_a_service_named_as_the_gateway_is_asked_which() -> None:
    config = changed("application/ingress", {"versions": {}})
    assert errors(config) == (
        f"{PROJECT}:access.rules.details[0].from[1]: is the ingress gateway and a service; name the one that it is as "
        "'namespace/account'",
    )
    load(changed("access/rules/details/0/from/1", "istio-system/istio-ingressgateway", config))


def test_an_unknown_key_of_a_rule_is_told_with_the_nearest() -> None:
    assert errors(changed("access/rules/details/0/path", ["/"])) == (
        f'{PROJECT}:access.rules.details[0].path: unknown key; did you mean "paths"?',
    )


def test_nothing_is_limited_unless_the_config_says_so() -> None:
    settings = load(DEV)
    assert not settings.access
    assert policies(settings) == []
    assert failover_orders(settings, "details", "cluster1") == {}
