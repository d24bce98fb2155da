#!/bin/sh
# join.sh VM: makes a container that acts as a machine and joins it by hand, as Istio's "Virtual Machine Installation" has
# it; prints the seconds from the machine's start to its first answer through the mesh.
#
# KUBECONFIG: of the cluster whose control plane it joins (cluster1). GATEWAY: address of that cluster's gateway. NETWORK:
# in Docker. CONTAINER: name in Docker. VM_IMAGE, SIDECAR (package).
set -eu
vm=$1
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

cat >"$files/group.yaml" <<YAML
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: $vm, namespace: virtual-machines}
spec:
  metadata: {labels: {app: details, version: vm, vm: $vm}}
  template: {serviceAccount: $vm, network: vm-network, ports: {http: 9080}}
YAML
kubectl --namespace virtual-machines create serviceaccount "$vm" >/dev/null
kubectl apply --filename "$files/group.yaml" >/dev/null
istioctl x workload entry configure --file "$files/group.yaml" --output "$files/out" --clusterID cluster1 \
	--autoregister --ingressIP "$GATEWAY" --capture-dns >"$files/log" 2>&1 || {
	cat "$files/log" >&2
	exit 1
}

docker run --detach --name "$CONTAINER" --hostname "$vm" --network "$NETWORK" --cap-add NET_ADMIN --cap-add NET_RAW \
	"$VM_IMAGE" >/dev/null
docker cp "$SIDECAR" "$CONTAINER:/tmp/istio-sidecar.deb" >/dev/null
docker cp "$files/out" "$CONTAINER:/tmp/files" >/dev/null
docker exec "$CONTAINER" sh -ceu '
	dpkg --install /tmp/istio-sidecar.deb >/dev/null
	mkdir -p /etc/certs /etc/istio/proxy /etc/istio/config /var/run/secrets/tokens
	cp /tmp/files/root-cert.pem /etc/certs/
	cp /tmp/files/istio-token /var/run/secrets/tokens/
	cp /tmp/files/cluster.env /var/lib/istio/envoy/
	cp /tmp/files/mesh.yaml /etc/istio/config/mesh
	cat /tmp/files/hosts >>/etc/hosts
	chown -R istio-proxy /etc/certs /etc/istio /var/run/secrets /var/lib/istio'
docker exec --detach "$CONTAINER" /usr/local/bin/details
docker exec --detach --workdir / "$CONTAINER" /usr/local/bin/istio-start.sh
# STRICT mTLS and a name that only the mesh resolves: an answer is one by mTLS.
docker exec "$CONTAINER" sh -c '
	until curl --silent --fail --max-time 1 --output /dev/null http://details.default.svc.cluster.local:9080/details/0; do
		sleep 0.2
	done'
started=$(docker inspect -f '{{.State.StartedAt}}' "$CONTAINER")
awk -v now="$(date +%s.%N)" -v then="$(date -d "$started" +%s.%N)" 'BEGIN { printf "%.2f\n", now - then }'
