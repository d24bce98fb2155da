"""What goes across: images of versions, and revisions of Istio."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, SettingsError, load
from tests.unit.settings.support import FULL, changed, errors, shown


def test_a_version_of_which_there_is_no_image_is_refused() -> None:
    application: dict[str, Any] = {
        "details": {"versions": {"v1": {}, "v2": {}}},
        "mine": {"versions": {"v1": {"image": "mine:1"}}},
    }
    with pytest.raises(SettingsError) as error:
        load({"clusters": {"cluster1": {"network": "network1"}}, "application": application})
    assert error.value.errors == (
        "vm-mesh:application.details.versions.v2.image: is missing; without one there are only the images of "
        "Bookinfo's versions",
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("istio/revision", "revision"),
        ("istio/gateways", "revision"),
        ("istio/namespaces/shop", "revision"),
        ("vms/vm1/revision", "revision"),
    ],
)
def test_nobody_may_belong_to_a_revision_that_is_not_installed(path: str, kind: str) -> None:
    assert errors(changed(path, "nxt")) == (f'{shown(path)}: there is no {kind} "nxt"; did you mean "next"?',)


def test_a_revision_that_is_in_use_is_not_taken_away() -> None:
    found = errors(changed("istio/revisions", {"default": {}}))
    assert [error.split(": ")[0] for error in found] == [
        f"{PROJECT}:istio.gateways",
        f"{PROJECT}:istio.namespaces.shop",
        f"{PROJECT}:vms.vm1.revision",
    ]
    assert errors(changed("istio/revisions", {"next": {}})) == (
        f'{PROJECT}:istio.revision: there is no revision "default"; known: "next"',
    )


def test_only_namespaces_of_the_mesh_have_a_revision() -> None:
    assert errors(changed("istio/namespaces", {"shopp": "next"})) == (
        f'{PROJECT}:istio.namespaces.shopp: there is no namespace of the stack "shopp"; did you mean "shop"?',
    )


def test_what_is_gathered_may_have_a_revision_of_its_own() -> None:
    config = changed("istio/namespaces/management", "next")
    assert load(config).istio.revision_of("management") == "next"
    (error,) = errors(changed("management", {}, config))
    assert 'there is no namespace of the stack "management"' in error


def test_namespaces_have_the_meshs_revision_or_their_own() -> None:
    istio = load(FULL).istio
    assert (istio.revision_of("shop"), istio.revision_of("machines")) == ("next", "default")
