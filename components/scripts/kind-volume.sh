#!/bin/sh
# Makes FOLDER on the node of the kind cluster CLUSTER, for the user OWNER alone.
set -eu
# shellcheck disable=SC2016 # for the node's shell
docker exec "$CLUSTER-control-plane" sh -c 'mkdir -p "$1" && chown "$2:$2" "$1" && chmod 700 "$1"' sh "$FOLDER" "$OWNER"
