"""Who checks objects of Istio's API that name no revision."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from components.revisions import istiod_service
from settings import SYSTEM_NAMESPACE

_GROUPS = ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"]


def default_validator(
    name: str,
    revision: str,
    ca_bundle: pulumi.Input[str],
    control_plane: pulumi.Resource,
    parent: pulumi.Resource,
) -> kubernetes.admissionregistration.v1.ValidatingWebhookConfiguration:
    """Declares the webhook by which the API server asks the istiod of ``revision``, whom it knows by ``ca_bundle``.

    It is what the chart ``base`` makes for its value ``defaultRevision``. That chart holds Istio's CRDs as well: to
    update it takes Helm some ten seconds of a processor, and every change of the root or of the revision would.
    """
    return kubernetes.admissionregistration.v1.ValidatingWebhookConfiguration(
        name,
        metadata={"name": "istiod-default-validator", "labels": {"app": "istiod", "istio.io/rev": revision}},
        webhooks=[
            {
                "name": "validation.istio.io",
                "client_config": {
                    "service": {"name": istiod_service(revision), "namespace": SYSTEM_NAMESPACE, "path": "/validate"},
                    "ca_bundle": ca_bundle,
                },
                "rules": [
                    {
                        "operations": ["CREATE", "UPDATE"],
                        "api_groups": _GROUPS,
                        "api_versions": ["*"],
                        "resources": ["*"],
                    }
                ],
                "failure_policy": "Fail",
                "side_effects": "None",
                "admission_review_versions": ["v1"],
            }
        ],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[control_plane]),
    )
