#!/bin/sh
# Removes FOLDER, with all that is in it, from the node of the kind cluster CLUSTER; quiet if there is no node.
set -eu
node="$CLUSTER-control-plane"
test -n "$(docker ps --quiet --filter "name=^$node\$")" || exit 0
docker exec "$node" rm -rf "$FOLDER"
