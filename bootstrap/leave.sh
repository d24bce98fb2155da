#!/bin/sh
# Takes the VM out of the mesh: gone from the endpoints, drained, and as it was before it joined.
# stdin: kubeconfig of the cluster whose control plane it has joined. SELECTOR finds its workload entries in NAMESPACE.
set -eu
umask 077
. bootstrap/common.sh

expect_answer
if gone; then
	# Nor is its entry left: istiod removes it when the agent is gone, and the program the one that it has declared.
	echo "$VM is gone: nothing was done on it"
	exit
fi

kubeconfig=$(mktemp)
trap 'rm -f "$kubeconfig"' EXIT
trap 'exit 130' INT TERM
cat >"$kubeconfig"

# entries VERB...: a kubectl command for workload entries.
entries() {
	verb=$1
	shift
	kubectl --kubeconfig "$kubeconfig" --request-timeout 15s --namespace "$NAMESPACE" "$verb" \
		workloadentries.networking.istio.io "$@"
}

# listed CONDITION WHAT: WHAT of the VM's workload entries whose address meets CONDITION.
listed() {
	entries get --selector "$SELECTOR" --output "jsonpath={.items[?(@.spec.address$1\"$address\")]$2}"
}

# relieved: no other machine is in the place of this one, or it can serve.
relieved() {
	others=$(listed '!=' .metadata.name) &&
		health=$(listed '!=' '.status.conditions[?(@.type=="Healthy")].status') || return
	case $others:$health in :* | *True*) ;; *) return 1 ;; esac
}

# forget: no caller has the machine as an endpoint. Its alone: where a host was moved, the machine that has taken its
# place has joined by now, with the same labels, and serves from its first successful probe on.
forget() {
	address=$(on_vm address.sh </dev/null) || return
	own=$(listed '==' .metadata.name) || return
	until_true 30 "the machine in its place to be healthy" relieved || true
	# shellcheck disable=SC2086  # a list of names
	[ -z "$own" ] || entries delete --ignore-not-found $own >/dev/null
}

# Callers first; its agent makes no other entry before it connects anew. Where the cluster does not answer, istiod removes
# the entry when the agent is gone.
forget || echo "$VM: its workload entry could not be removed; istiod removes it when it is back"
on_vm drain.sh SECONDS_AT_MOST=30 </dev/null || echo "$VM: it leaves all the same"
on_vm leave.sh </dev/null
