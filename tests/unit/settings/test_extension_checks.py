"""Extensions: of what there is, and of modules that cannot change."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, load
from tests.unit.settings.support import changed, errors

IMAGE_OF_MODULE = f"oci://registry.example.com/filters/header@sha256:{64 * 'a'}"
MODULE = "must be oci://repository@sha256:digest, http(s)://host[:port]/path, or a path without spaces"


@pytest.mark.parametrize("module", ["filters/header.wasm", "~/header.wasm", "http://192.0.2.1:8080/header.wasm"])
def test_a_module_by_file_or_url_has_a_sum(module: str) -> None:
    extension = load(changed("extensions/header/module", module)).extensions["header"]
    assert extension.file == (None if "://" in module else module)
    (found,) = errors(changed("extensions/header", {"module": module}))
    assert found.startswith(f"{PROJECT}:extensions.header.sha256: is missing")


def test_an_image_has_its_digest_and_no_sum() -> None:
    assert load(changed("extensions/header", {"module": IMAGE_OF_MODULE})).extensions["header"].file is None
    (found,) = errors(changed("extensions/header", {"module": IMAGE_OF_MODULE, "sha256": 64 * "a"}))
    assert found.startswith(f"{PROJECT}:extensions.header.sha256: is of no use with an image")
    for module in ("oci://registry.example.com/header:1", "file:///header.wasm", "ftp://files.example.com/a", "a b"):
        found = errors(changed("extensions/header", {"module": module, "sha256": 64 * "a"}))
        assert any(error.startswith(f"{PROJECT}:extensions.header.module: {MODULE}, not ") for error in found)


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("sha256", 63 * "0", "must be a SHA-256 sum, 64 hexadecimal digits"),
        ("clusters", ["there", "mad"], 'there is no cluster "mad"; did you mean "made"?'),
        ("clusters", ["there", "there"], "is the same cluster as vm-mesh:extensions.header.clusters[0]"),
        (
            "workloads/services/0",
            "detials",
            'there is no service in the application "detials"; did you mean "details"?',
        ),
        ("workloads/vms/0", "vm2", 'there is no VM "vm2"; did you mean "vm1"?'),
        ("workloads/vms/0", "vm1", '"vm1" joins "made", which is none of the extension\'s clusters'),
        ("workloads/vms", ["fleet", "fleet"], "is the same VM as vm-mesh:extensions.header.workloads.vms[0]"),
        ("workloads", {}, "needs 'services', 'vms' or both; without 'workloads' it is for all"),
        ("config", {"a": None}, "config.a: must not be null; remove the key, or give it a value"),
    ],
)
def test_extensions_of_what_there_is_not(path: str, value: Any, error: str) -> None:
    (found,) = errors(changed(f"extensions/header/{path}", value))
    assert error in found


def test_a_service_that_no_cluster_of_the_extension_runs_is_no_workload() -> None:
    config = changed("extensions/header/workloads", {"services": ["ratings"]})
    assert errors(changed("extensions/header/clusters", ["made", "known"], config)) == (
        f'{PROJECT}:extensions.header.workloads.services[0]: "ratings" runs in none of the extension\'s clusters',
    )


def test_all_mistakes_of_extensions_are_told_at_once() -> None:
    wrong = {"module": "a.wasm", "workloads": {"services": ["detials"], "vms": ["vm2"]}, "clusters": ["mad"]}
    assert len(errors(changed("extensions/header", wrong))) == 4
