#!/bin/sh
# Makes FOLDER on the node of the kind cluster CLUSTER, for the user OWNER alone. What is in it stays.
set -eu
docker exec "$CLUSTER-control-plane" install -d -m 0700 -o "$OWNER" -g "$OWNER" "$FOLDER"
