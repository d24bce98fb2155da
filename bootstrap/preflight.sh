#!/bin/sh
# Looks whether the VM can join the mesh, before anything is changed on it. GATEWAY: address or name of the gateway by
# which it reaches the control plane; PORTS: those of its services, STARTED_PORTS: of those that the bootstrap starts;
# KIND: of the sidecar's package, deb or rpm. Prints what to know; fails with what must be mended.
#
# FINDINGS=lines prints every finding in the form of vm/preflight.sh instead. WAIT: seconds that the machine, and then
# the gateway, may take to answer. NOW: the time to hold its clock against, in seconds since 1970; default: this clock.
set -eu
. bootstrap/common.sh

wait=${WAIT:-60}
# shellcheck disable=SC2086  # TRANSPORT is a command line
until_true "$wait" "the machine to answer" $TRANSPORT true </dev/null >&2
found=$(
	on_vm preflight.sh "NOW=${NOW:-$(date +%s)}" "GATEWAY=${GATEWAY-}" "PORTS=${PORTS-}" \
		"STARTED_PORTS=${STARTED_PORTS-}" "KIND=$KIND" "WAIT=$wait" </dev/null
)
if [ "${FINDINGS-}" = lines ]; then
	echo "$found"
	exit 0
fi
# of LEVEL: its findings as sentences.
of() {
	echo "$found" | awk -F '\t' -v level="$1" -v vm="$VM" '$1 == level { print vm ": " $3 ($4 == "" ? "" : "; " $4) }'
}
of warning
failures=$(of failure)
[ -z "$failures" ] || {
	echo "$failures" >&2
	echo "$VM: nothing was changed on it; mend this, and run again (docs/doctor.md)" >&2
	exit 1
}
