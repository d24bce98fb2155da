"""Who takes over from a destination that fails."""

from __future__ import annotations

from settings import failover_orders, load
from tests.unit.settings.support import DEV, changed


def test_each_destination_is_the_first_of_its_own_order() -> None:
    settings = load(changed("routes/details/failover", ["cluster1", "cluster2", "vm1"], DEV))
    assert failover_orders(settings, "details", "cluster2") == {
        "vm1": ["vm1", "cluster1", "cluster2"],
        "cluster1": ["cluster1", "cluster2", "vm1"],
        "cluster2": ["cluster2", "cluster1", "vm1"],
    }


def test_the_nearest_takes_over_by_locality() -> None:
    settings = load(changed("routes/details/failover", "locality", DEV))
    assert failover_orders(settings, "details", "cluster2")["vm1"] == ["vm1", "cluster2", "cluster1"]
    assert failover_orders(settings, "details", "cluster1")["cluster2"] == ["cluster2", "cluster1", "vm1"]
    far = changed("routes/details/failover", "locality")
    assert failover_orders(load(far), "details", "there")["made"] == ["made", "there", "fleet", "vm1"]
