#!/bin/sh
# Makes the kind cluster CLUSTER of the node image IMAGE; stdin: kind's config.
set -eu
scratch=$(mktemp)
log=$(mktemp)
trap 'rm -f "$scratch" "$log"' EXIT

# Pulumi does not know this cluster, so nodes of its name are what a killed run left behind, or not ours.
for node in $(kind get nodes --quiet --name "$CLUSTER"); do
	networks=$(docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "$node")
	case " $networks" in
	*" $KIND_EXPERIMENTAL_DOCKER_NETWORK "*) ;;
	*)
		echo "a kind cluster '$CLUSTER' exists that this stack did not make; remove it with: kind delete cluster --name $CLUSTER" >&2
		exit 1
		;;
	esac
done
kind delete cluster --quiet --name "$CLUSTER" --kubeconfig "$scratch"
# Not --quiet: that hides why it failed.
kind create cluster --name "$CLUSTER" --image "$IMAGE" --config /dev/stdin --kubeconfig "$scratch" 2>"$log" || {
	cat "$log" >&2
	exit 1
}
