# shellcheck shell=sh
# The check of what the sidecar's package needs.

# The hosts of the package repositories, unless a proxy resolves their names.
repositories() {
	! grep -qsr 'Proxy' /etc/apt/apt.conf /etc/apt/apt.conf.d || return 0
	cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/*.repo 2>/dev/null |
		sed -n -e '/^[[:space:]]*#/d' -e 's#.*[a-z]://\([^/: $]*\)[/: ].*#\1#p' | sort -u | head -n 1
}

# missing: the programs that the bootstrap has yet to install.
missing() {
	for tool in bash ip iptables sudo hostname; do has "$tool" || printf ' %s' "$tool"; done
}

look_at_package() {
	case $(uname -m) in
	x86_64 | aarch64) ;;
	*) failure package "there is no sidecar for its processor, $(uname -m)" "use a machine with x86-64 or arm64" ;;
	esac
	if [ "$KIND" = deb ]; then set -- apt-get; else set -- dnf yum; fi
	manager=
	for tool in "$@"; do [ -n "$manager" ] || ! has "$tool" || manager=$tool; done
	if [ -z "$manager" ]; then
		failure package "it has no $1 to install the sidecar's .$KIND with" \
			"give the VM a sidecar.package of the other kind, or use a Debian, Ubuntu or RHEL-like machine"
	elif [ -z "$(missing)" ]; then
		ok package "$manager on $(uname -m)"
	else
		warning package "not installed:$(missing)" "the bootstrap gets this with $manager: the repositories must answer"
	fi
}
