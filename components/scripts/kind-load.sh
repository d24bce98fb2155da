#!/bin/sh
# Brings IMAGES, which the toolchain has packed into one archive, into the nodes of the kind cluster CLUSTER.
# ARCHIVE: which one; default: that of the images that every stack needs.
set -eu
kind load image-archive --quiet --name "$CLUSTER" "${ARCHIVE:-.state/images.tar}"
