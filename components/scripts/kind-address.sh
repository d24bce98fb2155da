#!/bin/sh
# Prints the address of the node of the kind cluster CLUSTER.
set -eu
docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$CLUSTER-control-plane"
