#!/bin/sh
# Takes down what up.sh has made (PREFIX).
set -eu
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
docker rm --force "$PREFIX-vm1" >/dev/null 2>&1 || true
for n in 1 2; do kind delete cluster --quiet --name "$PREFIX-cluster$n" --kubeconfig "$scratch"; done
docker network rm "$PREFIX" >/dev/null 2>&1 || true
