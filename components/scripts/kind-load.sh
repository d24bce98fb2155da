#!/bin/sh
# Copies IMAGES of the local Docker engine into the nodes of the kind cluster CLUSTER.
set -eu
# shellcheck disable=SC2086  # a list of image names
kind load docker-image --quiet --name "$CLUSTER" $IMAGES
