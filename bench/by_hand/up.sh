#!/bin/sh
# The talk by hand, step after step, as one writes it who follows Istio's pages: two kind clusters, one root, Istio,
# gateways, remote secrets, Bookinfo, a VM. No second run, no diff, no clean way to change anything: what a benchmark
# holds the project against. Same tools, same images, same work.
#
# WORK: an empty folder. PREFIX: of the names in Docker. NODE_IMAGE, KIND_EXTRA (YAML for kind's config), IMAGES (to be
# loaded into the nodes; may be empty), HUB, TAG, PROXY (istio or envoy), SIDECAR (package), VM_IMAGE, PORT1, PORT2 (of
# the ingress gateways), PRODUCTPAGE, DETAILS, REVIEWS_V1 ... RATINGS (images).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$WORK"
export KIND_EXPERIMENTAL_DOCKER_NETWORK="$PREFIX"

on() {
	cluster=$1
	shift
	kubectl --kubeconfig "kubeconfig$cluster" "$@"
}
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$PREFIX-cluster$1-control-plane"; }
step() { echo "$(date +%s) $*" >&2; }

docker network create "$PREFIX" >/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout root-key.pem -out root-cert.pem -days 3650 -subj "/O=by hand/CN=root" 2>/dev/null

for n in 1 2; do
	eval "port=\$PORT$n"
	step "cluster$n"
	cat >"kind$n.yaml" <<KIND
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  extraPortMappings:
  - {containerPort: 30080, hostPort: $port, listenAddress: 127.0.0.1}
$KIND_EXTRA
KIND
	kind create cluster --quiet --name "$PREFIX-cluster$n" --image "$NODE_IMAGE" --config "kind$n.yaml" \
		--kubeconfig "kubeconfig$n"
	# shellcheck disable=SC2086  # a list of images
	[ -z "$IMAGES" ] || kind load docker-image --quiet --name "$PREFIX-cluster$n" $IMAGES

	step "CA of cluster$n"
	mkdir "ca$n"
	openssl req -newkey rsa:2048 -nodes -keyout "ca$n/ca-key.pem" -out "ca$n/request" \
		-subj "/O=by hand/CN=cluster$n" 2>/dev/null
	printf 'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' >"ca$n/extensions"
	openssl x509 -req -in "ca$n/request" -CA root-cert.pem -CAkey root-key.pem -CAcreateserial -days 730 \
		-extfile "ca$n/extensions" -out "ca$n/ca-cert.pem" 2>/dev/null
	cat "ca$n/ca-cert.pem" root-cert.pem >"ca$n/cert-chain.pem"
	on $n create namespace istio-system >/dev/null
	on $n label namespace istio-system "topology.istio.io/network=network$n" >/dev/null
	on $n --namespace istio-system create secret generic cacerts --from-file="ca$n/ca-cert.pem" \
		--from-file="ca$n/ca-key.pem" --from-file="ca$n/cert-chain.pem" --from-file=root-cert.pem >/dev/null

	step "Istio in cluster$n"
	# Upstream Envoy has not all of the filters that Istio's build has.
	filters=true
	[ "$PROXY" = istio ] || filters=false
	cat >"istio$n.yaml" <<ISTIO
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: default
  hub: $HUB
  tag: $TAG
  meshConfig:
    accessLogFile: /dev/stdout
    defaultConfig: {holdApplicationUntilProxyStarts: true, proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}}
  components:
    ingressGateways:
    - name: istio-ingressgateway
      enabled: true
      k8s:
        resources: {requests: {cpu: 10m, memory: 64Mi}}
        service: {type: NodePort, ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]}
    - name: istio-eastwestgateway
      enabled: true
      label: {istio: eastwestgateway, app: istio-eastwestgateway, topology.istio.io/network: network$n}
      k8s:
        env: [{name: ISTIO_META_REQUESTED_NETWORK_VIEW, value: network$n}]
        resources: {requests: {cpu: 10m, memory: 64Mi}}
        service:
          type: ClusterIP
          externalIPs: ["$(address $n)"]
          ports:
          - {name: status-port, port: 15021, targetPort: 15021}
          - {name: tls, port: 15443, targetPort: 15443}
          - {name: tls-istiod, port: 15012, targetPort: 15012}
    pilot:
      k8s:
        env:
        - {name: PILOT_ENABLE_ALPN_FILTER, value: "$filters"}
        - {name: PILOT_ENABLE_METADATA_EXCHANGE, value: "$filters"}
        resources: {requests: {cpu: 10m, memory: 128Mi}}
  values:
    global:
      imagePullPolicy: IfNotPresent
      meshID: mesh1
      multiCluster: {clusterName: cluster$n}
      network: network$n
      proxy: {resources: {requests: {cpu: 10m, memory: 64Mi}}}
    telemetry: {enabled: $filters}
    pilot: {autoscaleEnabled: false}
ISTIO
	istioctl install --skip-confirmation --kubeconfig "kubeconfig$n" --filename "istio$n.yaml" >"istio$n.log" 2>&1 || {
		cat "istio$n.log" >&2
		exit 1
	}
done

step "remote secrets"
for n in 1 2; do
	istioctl create-remote-secret --kubeconfig "kubeconfig$n" --name "cluster$n" --server "https://$(address $n):6443" |
		on $((3 - n)) apply --filename - >/dev/null
done

# workload CLUSTER SERVICE VERSION IMAGE
workload() {
	cat <<YAML
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $2-$3}
spec:
  selector: {matchLabels: {app: $2, version: $3}}
  template:
    metadata: {labels: {app: $2, version: $3}}
    spec:
      containers:
      - name: $2
        image: $4
        imagePullPolicy: IfNotPresent
        env: [{name: SERVICE_VERSION, value: $3}, {name: CLUSTER_NAME, value: cluster$1}]
        readinessProbe: {tcpSocket: {port: 9080}, periodSeconds: 2}
        resources: {requests: {cpu: 5m, memory: 16Mi}}
YAML
}

for n in 1 2; do
	step "mesh and application in cluster$n"
	on $n label namespace default istio-injection=enabled >/dev/null
	on $n create namespace virtual-machines >/dev/null
	{
		cat "$here/mesh.yaml"
		for service in productpage details reviews ratings; do
			printf -- '---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\n' "$service"
			printf 'spec: {selector: {app: %s}, ports: [{name: http, port: 9080}]}\n' "$service"
		done
		workload $n productpage v1 "$PRODUCTPAGE"
		workload $n details v1 "$DETAILS"
		workload $n reviews v1 "$REVIEWS_V1"
		workload $n reviews v2 "$REVIEWS_V2"
		workload $n reviews v3 "$REVIEWS_V3"
		workload $n ratings v1 "$RATINGS"
	} | on $n apply --filename - >/dev/null
done
for n in 1 2; do on $n rollout status deployment --timeout 180s >/dev/null; done

step "vm1"
for n in 1 2; do
	printf '%s\n' 'apiVersion: v1' 'kind: Service' 'metadata: {name: details-vm1, namespace: virtual-machines}' \
		'spec: {selector: {vm: vm1}, ports: [{name: http, port: 9080}]}' | on $n apply --filename - >/dev/null
done
KUBECONFIG="$WORK/kubeconfig1" GATEWAY="$(address 1)" NETWORK="$PREFIX" CONTAINER="$PREFIX-vm1" \
	sh "$here/join.sh" vm1 >/dev/null

step "all calls of details to vm1"
for n in 1 2; do on $n apply --filename "$here/route.yaml" >/dev/null; done
for port in "$PORT1" "$PORT2"; do
	until curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$port/api/v1/products/0"; do sleep 0.2; done
done
step "serves"
