# shellcheck shell=sh
# The istio-sidecar package of SHA256 is installed.
[ "$(cat /var/lib/vm-mesh/package 2>/dev/null)" = "$SHA256" ] &&
	{ dpkg --status istio-sidecar || rpm --query istio-sidecar; } >/dev/null 2>&1
