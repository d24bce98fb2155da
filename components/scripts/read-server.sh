#!/bin/sh
# Prints the URL of the API server of CONTEXT in the kubeconfig KUBECONFIG_PATH.
set -eu
case $KUBECONFIG_PATH in \~/*) KUBECONFIG_PATH=$HOME/${KUBECONFIG_PATH#\~/} ;; esac
kubectl config view --kubeconfig "$KUBECONFIG_PATH" --context "$CONTEXT" --minify -o 'jsonpath={.clusters[0].cluster.server}'
