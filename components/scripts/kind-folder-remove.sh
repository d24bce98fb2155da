#!/bin/sh
# Removes FOLDER, with all that is in it, from the node of the kind cluster CLUSTER.
set -eu
docker exec "$CLUSTER-control-plane" rm -rf "$FOLDER"
