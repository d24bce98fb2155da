#!/bin/sh
# Brings IMAGES, which the toolchain has packed into one archive, into the nodes of the kind cluster CLUSTER.
set -eu
kind load image-archive --quiet --name "$CLUSTER" .state/images.tar
