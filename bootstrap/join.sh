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
# The agent calls the gateway by the address or the name that it has, and asks for istiod's certificate there: a name
# is resolved at each connection, where an address that istioctl writes for /etc/hosts goes stale.
rm -f "$work/bundle/hosts"
sed -i "s/discoveryAddress: .*/discoveryAddress: $GATEWAY:15012/" "$work/bundle/mesh.yaml"
echo "ISTIOD_SAN='istiod.istio-system.svc'" >>"$work/bundle/cluster.env"
tar --create --directory "$work/bundle" . | on_vm join.sh
until_true 60 "the agent to join the mesh" on_vm joined.sh </dev/null
