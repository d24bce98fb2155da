"""How long the removal of a Kubernetes object is waited for."""

from __future__ import annotations

import pulumi

_SECONDS = "30s"
# What waits for pods to end, or for all that is in it to go.
_SLOW = ("kubernetes:core/v1:Namespace", "kubernetes:apps/v1:Deployment", "kubernetes:helm.sh/v3:Release")


def bounded_deletion(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Has the provider look again after half a minute whether an object is gone; it then is.

    Its watch misses the end of an object now and then, and the default is to wait for it for ten minutes
    (pulumi/pulumi-kubernetes#3317).
    """
    if not args.type_.startswith("kubernetes:") or args.type_ in _SLOW:
        return None
    bounded = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete=_SECONDS))
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, bounded))
