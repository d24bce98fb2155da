#!/bin/sh
# Brings IMAGES of the local Docker engine into the nodes of the kind cluster CLUSTER.
set -eu
# shellcheck disable=SC2086 # words
kind load docker-image --quiet --name "$CLUSTER" $IMAGES
