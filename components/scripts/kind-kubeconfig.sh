#!/bin/sh
# Prints the kubeconfig of the kind cluster CLUSTER, for this machine.
set -eu
kind get kubeconfig --name "$CLUSTER"
