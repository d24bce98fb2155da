"""What people look at in the management cluster: Kiali, and Grafana."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.dashboard import TITLE
from components.grafana import Grafana, GrafanaArgs
from components.kiali import Kiali, KialiArgs
from components.kiali_accounts import KialiAccounts, KialiAccountsArgs
from components.kiali_config import Sight
from components.mesh import Mesh
from settings import GRAFANA, KIALI, MANAGEMENT_NAMESPACE, MetricsSettings, Settings, principal


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Declares those that the config wants."""

    settings: Settings
    home: Cluster
    """The management cluster."""
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]

    @property
    def identities(self) -> dict[str, str]:
        """Page -> the identity by which it asks for metrics, without its scheme."""
        pages = self.settings.management.pages()
        return {page: principal(self.settings, f"{MANAGEMENT_NAMESPACE}/{page}") for page in pages}

    def declare(self, metrics: MetricsSettings, after: Sequence[pulumi.Resource]) -> None:
        """Declares them; they wait for the metrics store."""
        management, mesh = self.settings.management, self.meshes[self.home.name]
        if management.grafana:
            Grafana(
                GRAFANA,
                GrafanaArgs(
                    cluster=self.home,
                    mesh=mesh,
                    image=management.grafana.image,
                    interval=metrics.interval,
                    callers=[identity for page, identity in self.identities.items() if page == KIALI],
                    after=after,
                ),
            )
        if management.kiali:
            # Where no cluster holds credentials of another, Kiali has none either.
            read = {self.home.name: self.home} if self.settings.mesh.keyless else self.clusters
            accounts = KialiAccounts(
                f"{KIALI}-accounts", KialiAccountsArgs(home=self.home, clusters=read, meshes=self.meshes)
            )
            sight = Sight(
                home=self.home.name,
                clusters=list(self.clusters),
                read=list(read),
                namespaces=self.settings.namespaces(),
                dashboards=[TITLE] if management.grafana else [],
            )
            Kiali(
                KIALI,
                KialiArgs(
                    cluster=self.home,
                    mesh=mesh,
                    image=management.kiali.image,
                    sight=sight,
                    accounts=accounts,
                    after=after,
                ),
            )
