"""How long removals wait: for an object to be gone, and for others to hear of what goes before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_command import local

from components.cluster import Cluster
from components.scripts import NOTHING, script

ROUTES_SECONDS = 5
"""Until proxies everywhere have heard that no call goes to a destination any more."""

_SECONDS = "30s"
# What waits for pods to end, or for all that is in it to go.
_SLOW = (
    "kubernetes:core/v1:Namespace",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:helm.sh/v3:Release",
)


def bounded_deletion(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Has the provider look again after half a minute whether an object is gone; it then is.

    Its watch misses the end of an object now and then, and the default is to wait for it for ten minutes
    (pulumi/pulumi-kubernetes#3317).
    """
    if not args.type_.startswith("kubernetes:") or args.type_ in _SLOW:
        return None
    bounded = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete=_SECONDS))
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, bounded))


def linger(
    name: str,
    seconds: int,
    parent: pulumi.Resource,
    goes_later: Sequence[pulumi.Resource],
    clusters: Mapping[str, Cluster],
) -> pulumi.Resource:
    """Declares a pause of so many seconds in a removal: after what depends on it is gone, before ``goes_later`` is.

    It is for the proxies in ``clusters``: where these go as a whole, in the same update, there is none.
    """
    first = next(iter(clusters.values()))
    return local.Command(
        f"{name}-linger",
        create=NOTHING,
        update=NOTHING,
        delete=script("linger.sh"),
        environment={"SECONDS_TO_WAIT": str(seconds)},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(goes_later), deleted_with=first.deleted_with),
    )
