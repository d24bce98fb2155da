# shellcheck shell=sh
# Looks whether the machine can join the mesh, and changes nothing on it. Prints a line for each finding: level (ok,
# warning, failure), check, what was found, what to do, with tabs between them. docs/doctor.md explains each check.
#
# NOW: the operator's time. GATEWAY: of the control plane, or empty. PORTS: of the machine's services,
# STARTED_PORTS: of those among them that the bootstrap starts. KIND: of the sidecar's package, deb or rpm.
# WAIT: seconds.
PATH=$PATH:/usr/sbin:/sbin

look_at_clock # first: the time that it is held against does not wait
if [ "$(id -u)" != 0 ]; then
	failure rights "commands run there as $(id -nu 2>/dev/null || id -u), not as root; nothing else was looked at" \
		"log in as root, or let that user run sudo without a password (NOPASSWD)"
	exit 0
fi
look_at_rights
look_at_init
look_at_package
look_at_dns
look_at_gateway
look_at_ports
look_at_services
look_at_iptables
look_at_redirects
look_at_firewall
look_at_disk
look_at_memory
look_at_selinux
