#!/bin/sh
# Joins the VM to the mesh as the account ACCOUNT of NAMESPACE, with the agent's files MESH_CONFIG and CLUSTER_ENV,
# to serve PORTS.
# stdin: kubeconfig of the cluster whose control plane it joins.
#
# A token is made only for a machine without a certificate that the mesh takes; it lives as short as Kubernetes lets it
# (10 minutes), goes to the VM through a pipe, and is removed there as soon as it was used. Here it is in no file outside
# a folder of mode 0700 that is gone afterwards, and in no state.
set -eu
umask 077
. bootstrap/common.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cat >"$work/kubeconfig"
export KUBECONFIG="$work/kubeconfig"
mkdir "$work/bundle"

# has_certificate: the VM's certificate is its own, of this mesh's root, and good for another minute at the least.
has_certificate() {
	on_vm certificate.sh </dev/null >"$work/chain" 2>/dev/null &&
		openssl x509 -in "$work/chain" -noout -checkend 60 >/dev/null &&
		openssl x509 -in "$work/chain" -noout -ext subjectAltName |
		grep -q "URI:spiffe://$TRUST_DOMAIN/ns/$NAMESPACE/sa/$ACCOUNT\$" &&
		openssl verify -CAfile "$work/bundle/root-cert.pem" -untrusted "$work/chain" "$work/chain" >/dev/null 2>&1
}

until_true 120 "istiod to hand its root certificate to namespace $NAMESPACE" \
	kubectl --namespace "$NAMESPACE" get configmap istio-ca-root-cert
kubectl --namespace "$NAMESPACE" get configmap istio-ca-root-cert -o 'jsonpath={.data.root-cert\.pem}' \
	>"$work/bundle/root-cert.pem"
printf %s "$MESH_CONFIG" >"$work/bundle/mesh"
printf %s "$CLUSTER_ENV" >"$work/bundle/cluster.env"
if ! has_certificate; then
	kubectl --namespace "$NAMESPACE" create token "$ACCOUNT" --audience istio-ca --duration 600s \
		>"$work/bundle/istio-token"
fi
tar --create --directory "$work/bundle" . | on_vm join.sh
code=0
on_vm joined.sh "PORTS=$PORTS" SECONDS_AT_MOST=60 </dev/null || code=$?
# From its first certificate on the agent renews by the last one.
on_vm forget-token.sh </dev/null
exit "$code"
