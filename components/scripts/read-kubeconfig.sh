#!/bin/sh
# Prints the part of the kubeconfig KUBECONFIG_PATH that CONTEXT needs, certificates included.
set -eu
case $KUBECONFIG_PATH in \~/*) KUBECONFIG_PATH=$HOME/${KUBECONFIG_PATH#\~/} ;; esac
kubectl config view --kubeconfig "$KUBECONFIG_PATH" --context "$CONTEXT" --minify --flatten --raw
