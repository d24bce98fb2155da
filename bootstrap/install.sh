#!/bin/sh
# Installs Istio's sidecar package PACKAGE (SHA256 PACKAGE_SHA256) and what it needs on the VM.
set -eu
. bootstrap/common.sh

echo "$PACKAGE_SHA256  $PACKAGE" | sha256sum --check --quiet - || {
	echo "$VM: $PACKAGE is not the package that the config names; nothing was installed" >&2
	exit 1
}
until_true 60 "the machine to answer" on_vm ready.sh </dev/null
on_vm install.sh "SHA256=$PACKAGE_SHA256" <"$PACKAGE"
