# shellcheck shell=sh
# The istio-sidecar package of SHA256 is installed, and configured.
[ "$(cat /var/lib/vm-mesh/package 2>/dev/null)" = "$SHA256" ] || exit 1
[ "$(dpkg-query --show --showformat='${db:Status-Status}' istio-sidecar 2>/dev/null)" = installed ] ||
	rpm --query istio-sidecar >/dev/null 2>&1
