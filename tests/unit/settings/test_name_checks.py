"""Names that the program joins of others: no two come out the same."""

from __future__ import annotations

from typing import Any

from settings import PROJECT, load
from tests.unit.settings.support import DEV, FULL, errors


def test_deployments_of_one_name() -> None:
    image = {"image": "web:1"}
    application = {"web": {"versions": {"api-v1": image}}, "web-api": {"versions": {"v1": image}}}
    assert errors({"clusters": DEV["clusters"], "application": application}) == (
        f"{PROJECT}:application.web.versions.api-v1: names the same Deployment as "
        f"{PROJECT}:application.web-api.versions.v1",
    )


def test_clusters_and_what_is_in_them() -> None:
    clusters = {"eu": {"network": "network1"}, "eu-west": {"network": "network2"}}
    four = "give one of the four another name"

    def with_two(services: dict[str, Any]) -> dict[str, Any]:
        return {"clusters": clusters, "application": {name: {"versions": {}, **it} for name, it in services.items()}}

    assert errors(with_two({"api": {}, "west-api": {}})) == (
        f'{PROJECT}:clusters.eu-west: makes the name "eu-west-api" with "api", as "eu" does with "west-api"; {four}',
    )
    assert errors(with_two({"api": {"namespace": "west-shop"}, "web": {"namespace": "shop"}})) == (
        f'{PROJECT}:clusters.eu-west: makes the name "eu-west-shop" with "shop", as "eu" does with "west-shop"; {four}',
    )
    load(with_two({"api": {"namespace": "west-web"}, "web": {"namespace": "api-shop"}}))


def test_routes_and_clusters() -> None:
    route = {"stages": {"pods": {"west": 100}}}
    config = {
        "clusters": {"west": {"network": "network1"}, "eu-west": {"network": "network2"}},
        "application": {name: {"versions": {"v1": {"image": "api:1"}}} for name in ("api", "api-eu")},
        "routes": {"api": route, "api-eu": route},
        "stages": {"api": "pods", "api-eu": "pods"},
    }
    assert errors(config) == (
        f'{PROJECT}:routes.api-eu: makes the name "api-eu-west" with "west", as "api" does with "eu-west"; give one of '
        "the four another name",
    )


def test_a_cluster_is_not_called_as_a_root() -> None:
    config = {"clusters": {"root": {"network": "network1"}, "root-next": {"network": "network2"}}}
    taken = "is what the program calls the root"
    assert errors(config) == (f'{PROJECT}:clusters.root: {taken} "root"; give it another name',)
    assert errors({**config, "roots": ["next"]}) == (
        f'{PROJECT}:clusters.root-next: {taken} "next"; give it another name',
    )
    own = {key: FULL[key] for key in ("caCertificate", "caKey")}
    load({**config, **own})
