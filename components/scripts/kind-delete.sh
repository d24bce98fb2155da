#!/bin/sh
# Removes the kind cluster CLUSTER; quiet if there is none.
set -eu
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
kind delete cluster --quiet --name "$CLUSTER" --kubeconfig "$scratch"
