# shellcheck shell=sh
# What the steps share on the VM, where they run as root and may run again at any time.
set -eu

fail() {
	echo "$VM: $*" >&2
	exit 1
}

changed=

# put FILE MODE OWNER: makes FILE of stdin by a rename, so that a reader never sees half of it; notes whether it changed.
put() {
	install -m "$2" -o "${3%:*}" -g "${3#*:}" /dev/stdin "$1.new"
	if cmp -s "$1.new" "$1"; then
		rm "$1.new"
		chmod "$2" "$1"
		chown "$3" "$1"
	else
		mv "$1.new" "$1"
		changed=yes
	fi
}

# supervise NAME: the init runs the script on stdin as service NAME, again when it ends, and after a boot. What runs is
# left alone unless a file that this step has put is another one than before.
supervise() {
	[ -d /etc/service ] || fail "no init that is known here: /etc/service of runit is missing"
	mkdir -p "/etc/sv/$1"
	put "/etc/sv/$1/run" 0755 root:root
	ln -sfn "/etc/sv/$1" "/etc/service/$1"
	# runsvdir looks for new services every five seconds, and the named pipe is how runsv is spoken to.
	until [ -p "/etc/sv/$1/supervise/ok" ]; do sleep 0.1; done
	if [ -n "$changed" ]; then sv restart "$1" >/dev/null; else sv start "$1" >/dev/null; fi
}
