#!/bin/sh
# Installs Istio's sidecar package PACKAGE (a path or an https:// URL, SHA256 PACKAGE_SHA256) and what it needs on the VM.
set -eu
umask 077
. bootstrap/common.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

until_true 60 "the machine to answer" on_vm ready.sh </dev/null
if on_vm installed.sh "SHA256=$PACKAGE_SHA256" </dev/null; then exit; fi

# shellcheck disable=SC2153  # the one is made of the other
package=$PACKAGE
case $PACKAGE in
https://*)
	package=$work/${PACKAGE##*/}
	curl --fail --silent --show-error --location --retry 3 --output "$package" "$PACKAGE"
	;;
'~'/*) package=$HOME/${PACKAGE#??} ;;
esac
echo "$PACKAGE_SHA256  $package" | sha256sum --check --status - || {
	echo "$VM: $PACKAGE has the sum $(sha256sum "$package" | cut -d ' ' -f 1), the config says $PACKAGE_SHA256; nothing was installed" >&2
	exit 1
}
on_vm install.sh "SHA256=$PACKAGE_SHA256" "KIND=${package##*.}" <"$package"
