#!/bin/sh
# Takes the VM out of the mesh: gone from the endpoints, drained, and as it was before it joined.
# stdin: kubeconfig of the cluster whose control plane it has joined. SELECTOR finds its workload entries in NAMESPACE.
# Of a machine that is gone, only what the mesh knows of it is removed.
set -eu
umask 077
. bootstrap/common.sh

kubeconfig=$(mktemp)
trap 'rm -f "$kubeconfig"' EXIT
trap 'exit 130' INT TERM
cat >"$kubeconfig"

expect_answer

# Callers first: without its entry no caller has the machine as an endpoint, and its agent makes no other one before it
# connects anew. Where the cluster does not answer, istiod removes the entry when the agent is gone.
kubectl --kubeconfig "$kubeconfig" --request-timeout 15s --namespace "$NAMESPACE" \
	delete workloadentries.networking.istio.io --selector "$SELECTOR" --ignore-not-found >/dev/null ||
	echo "$VM: its workload entry could not be removed; istiod removes it when it is back"

if gone; then
	echo "$VM is gone: nothing was done on it"
else
	on_vm drain.sh SECONDS_AT_MOST=30 </dev/null || echo "$VM: it leaves all the same"
	on_vm leave.sh </dev/null
fi
