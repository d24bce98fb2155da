#!/bin/sh
# Prints the address that the load balancer of SERVICE in NAMESPACE has got; stdin: kubeconfig.
set -eu
umask 077
kubeconfig=$(mktemp)
trap 'rm -f "$kubeconfig"' EXIT
cat >"$kubeconfig"
kubectl --kubeconfig "$kubeconfig" --context "$CONTEXT" --namespace "$NAMESPACE" get service "$SERVICE" \
	-o 'jsonpath={.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}'
