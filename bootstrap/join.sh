#!/bin/sh
# Joins the VM to the mesh by the workload group of its name in NAMESPACE of CLUSTER, through the gateway at GATEWAY.
# stdin: kubeconfig of the cluster.
#
# The token is made here and goes to the VM through a pipe; it is in no file outside a folder of mode 0700 that is gone
# afterwards, and in no state (istioctl writes it with mode 0744: istioctl/pkg/workload/workload.go).
set -eu
umask 077
. bootstrap/common.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cat >"$work/kubeconfig"
export KUBECONFIG="$work/kubeconfig"

until_true 120 "istiod of $CLUSTER to hand its root certificate to namespace $NAMESPACE" \
	kubectl --namespace "$NAMESPACE" get configmap istio-ca-root-cert
istioctl x workload entry configure --name "$VM" --namespace "$NAMESPACE" --clusterID "$CLUSTER" \
	--autoregister --capture-dns --ingressIP "$GATEWAY" --tokenDuration 600 --output "$work/bundle" >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
case $TRANSPORT in
docker\ *)
	# The resolver of a container is Docker's own on loopback, which the redirect of DNS to the agent breaks (the talk
	# replaces it for the same reason). A container of the default network has those that Docker itself asks.
	docker run --rm --network bridge --entrypoint cat "$(docker inspect --format '{{.Image}}' "${TRANSPORT##* }")" \
		/etc/resolv.conf >"$work/bundle/resolv.conf"
	;;
esac
tar --create --directory "$work/bundle" . | on_vm join.sh
until_true 60 "the agent to join the mesh" on_vm joined.sh </dev/null
