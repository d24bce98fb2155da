# shellcheck shell=sh
# Installs the istio-sidecar package on stdin (SHA256; KIND deb or rpm) and what it needs.
package=/var/cache/vm-mesh/istio-sidecar.$KIND

install_deb() {
	export DEBIAN_FRONTEND=noninteractive
	# A killed run may have left packages half configured.
	dpkg --configure --pending || return
	# The files that it keeps its settings in are written by the join.
	set -- --quiet --quiet --yes --no-install-recommends --allow-downgrades -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold
	if ! apt-get "$@" --simulate install "$package" >/dev/null 2>&1; then
		echo "$VM: asking for the lists of packages, for what the sidecar needs" >&3
		apt-get "$@" update || return
	fi
	# Another package of the version that is installed is left out by a plain install.
	apt-get "$@" install --reinstall "$package"
}

install_rpm() {
	# `install` takes an older version too, and leaves another package of the version that is installed out.
	set -- install "$package" iptables iproute sudo hostname
	! rpm --query "$(rpm --query --package "$package")" || set -- reinstall "$package"
	# dnf also where it is still called yum.
	"$(command -v dnf || command -v yum)" --assumeyes --quiet "$@"
}

case $KIND in
deb) command -v apt-get >/dev/null || fail "has no apt to install a .deb with: give the config's sidecar.package a .rpm" ;;
rpm) command -v dnf >/dev/null || command -v yum >/dev/null ||
	fail "has no dnf to install a .rpm with: give the config's sidecar.package a .deb" ;;
esac
mkdir -p /var/cache/vm-mesh /var/lib/vm-mesh
cat >"$package"
echo "$SHA256  $package" | sha256sum --check --quiet - || fail "the package was damaged on its way"
# What an install that does not come to its end leaves is neither the old package nor this one.
rm -f /var/lib/vm-mesh/package
"install_$KIND" 3>&1 >/var/lib/vm-mesh/install.log 2>&1 || {
	tail -n 20 /var/lib/vm-mesh/install.log >&2
	fail "the package could not be installed"
}
rm -f "$package"
echo "$SHA256" | put /var/lib/vm-mesh/package 0644 root:root
