# shellcheck shell=sh
# Installs the istio-sidecar package on stdin (SHA256) and what it needs.
package=/var/cache/vm-mesh/istio-sidecar.deb
marker=/var/lib/vm-mesh/package

if [ "$(cat "$marker" 2>/dev/null)" = "$SHA256" ] && dpkg --status istio-sidecar >/dev/null 2>&1; then
	cat >/dev/null # the sender must not break off
	exit 0
fi
mkdir -p /var/cache/vm-mesh /var/lib/vm-mesh
cat >"$package"
echo "$SHA256  $package" | sha256sum --check --quiet - || fail "the package was damaged on its way"

export DEBIAN_FRONTEND=noninteractive
# A killed run may have left packages half configured.
dpkg --configure --pending >/dev/null
if ! dpkg --simulate --install "$package" >/dev/null 2>&1; then
	echo "$VM: installing what the sidecar needs"
	apt-get --quiet --quiet update
fi
apt-get --quiet --quiet --yes --no-install-recommends --allow-downgrades -o DPkg::Lock::Timeout=120 \
	-o Dpkg::Use-Pty=0 install "$package" >/var/lib/vm-mesh/install.log 2>&1 || {
	tail -n 20 /var/lib/vm-mesh/install.log >&2
	fail "apt could not install the package"
}
rm -f "$package"
echo "$SHA256" | put "$marker" 0644 root:root
