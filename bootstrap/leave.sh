#!/bin/sh
# Takes the VM out of the mesh: gone from the endpoints, drained, and as it was before it joined.
# stdin: kubeconfig of the cluster whose control plane it has joined. SELECTOR finds its workload entries in NAMESPACE,
# SERVICES are those that the program runs on it. VM_MESH_GONE, of whoever runs Pulumi, names machines that are gone for
# good: only what the mesh knows of them is removed.
set -eu
umask 077
. bootstrap/common.sh

kubeconfig=$(mktemp)
trap 'rm -f "$kubeconfig"' EXIT
trap 'exit 130' INT TERM
cat >"$kubeconfig"

gone() {
	case " ${VM_MESH_GONE:-} " in *" $VM "*) return ;; esac
	case $TRANSPORT in
	docker\ *) [ "$(docker container inspect --format '{{.State.Running}}' "${TRANSPORT##* }" 2>/dev/null)" != true ] ;;
	*) false ;;
	esac
}

if ! gone && ! on_vm identify.sh </dev/null >/dev/null; then
	cat >&2 <<ADVICE
$VM does not answer, so it could not be taken out of the mesh. Run again when it does; or, if it is gone for good, say so:
  VM_MESH_GONE=$VM pulumi up      (or: make up GONE=$VM)
ADVICE
	exit 1
fi

# Callers first: without its entry no caller has the machine as an endpoint, and its agent makes no other one before it
# connects anew. Where the cluster does not answer, istiod removes the entry when the agent is gone.
kubectl --kubeconfig "$kubeconfig" --request-timeout 15s --namespace "$NAMESPACE" \
	delete workloadentries.networking.istio.io --selector "$SELECTOR" --ignore-not-found >/dev/null ||
	echo "$VM: its workload entry could not be removed; istiod removes it when it is back"

if gone; then
	echo "$VM is gone: nothing was done on it"
else
	on_vm drain.sh SECONDS_AT_MOST=30 </dev/null || echo "$VM: it leaves all the same"
	on_vm leave.sh "SERVICES=$SERVICES" </dev/null
fi
