# shellcheck shell=sh
# What the steps share on the VM, where they run as root and may run again at any time.
set -eu

fail() {
	echo "$VM: $*" >&2
	exit 1
}

placed=

# put FILE MODE OWNER: makes FILE of stdin by a rename, so that a reader never sees half of it.
put() {
	install -m "$2" -o "${3%:*}" -g "${3#*:}" /dev/stdin "$1.new"
	mv "$1.new" "$1"
	placed="$placed $1"
}

# supervise NAME: the init runs the script on stdin as service NAME, again when it ends, and after a boot. What runs is
# left alone if it was started with the very files that this step has put: what it was started with is written down, so
# that a step that was killed before the restart is made good by the next.
supervise() {
	[ -d /etc/service ] || fail "no init that is known here: /etc/service of runit is missing"
	mkdir -p "/etc/sv/$1" /var/lib/vm-mesh
	put "/etc/sv/$1/run" 0755 root:root
	# shellcheck disable=SC2086  # a list of files
	files=$(sha256sum $placed)
	ln -sfn "/etc/sv/$1" "/etc/service/$1"
	# runsvdir looks for new services every five seconds, and the named pipe is how runsv is spoken to.
	until [ -p "/etc/sv/$1/supervise/ok" ]; do sleep 0.1; done
	if [ "$files" = "$(cat "/var/lib/vm-mesh/started-$1" 2>/dev/null)" ]; then
		sv start "$1" >/dev/null
	else
		sv restart "$1" >/dev/null
		echo "$files" >"/var/lib/vm-mesh/started-$1"
	fi
}
