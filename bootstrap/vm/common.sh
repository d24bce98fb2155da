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

# init: says which init runs the machine's services.
init() {
	if [ -d /run/systemd/system ]; then
		echo systemd
	elif [ -d /etc/service ] && grep -qsx runsvdir /proc/[0-9]*/comm; then
		echo runit
	else
		fail "neither systemd nor runit runs here, and no other init is known"
	fi
}

# start NAME: the init runs the service NAME that it has been told of, again when it ends, and after a boot. What runs is
# left alone if it was started with the very files that this step has put: what it was started with is written down, so
# that a step that was killed before the restart is made good by the next. So is that it was to be started, by which a
# machine that leaves knows what to take back.
start() {
	# shellcheck disable=SC2086  # a list of files
	files=$(sha256sum $placed)
	started=/var/lib/vm-mesh/started-$1
	[ -e "$started" ] || : >"$started"
	action=restart
	[ "$files" != "$(cat "$started" 2>/dev/null)" ] || action=start
	case $(init) in
	systemd)
		systemctl daemon-reload
		systemctl --quiet enable "$1"
		systemctl "$action" "$1"
		;;
	runit)
		ln -sfn "/etc/sv/$1" "/etc/service/$1"
		# runsvdir looks for new services every five seconds, and runsv makes its pipes a moment before it reads them.
		until [ -p "/etc/sv/$1/supervise/ok" ] && sv status "$1" >/dev/null; do sleep 0.2; done
		said=$(sv -w 30 "$action" "$1") || fail "$said"
		;;
	esac
	echo "$files" >"$started"
}

# halt NAME: the init stops the service NAME until the next start of it or of the machine.
halt() {
	case $(init) in
	systemd) systemctl stop "$1" 2>/dev/null || true ;;
	runit) [ ! -e "/etc/service/$1" ] || sv -w 30 force-stop "$1" >/dev/null || true ;;
	esac
}

# stop NAME: the init stops the service NAME, if there is one, and no longer starts it after a boot.
stop() {
	case $(init) in
	systemd) systemctl --quiet disable --now "$1" 2>/dev/null || true ;;
	runit)
		rm -f "/etc/service/$1"
		[ ! -p "/etc/sv/$1/supervise/ok" ] || sv -w 30 force-shutdown "/etc/sv/$1" >/dev/null || true
		;;
	esac
}

# unserve NAME: stops the service NAME and takes away what runs it. One that is the machine's own by now is left alone.
unserve() {
	if grep -qs vm-mesh "/etc/systemd/system/$1.service" "/etc/sv/$1/run"; then
		stop "$1"
		userdel "svc-$1" 2>/dev/null || true
		rm -rf "/etc/sv/$1" "/etc/systemd/system/$1.service"
		[ "$(init)" != systemd ] || systemctl daemon-reload
	fi
	rm -f "/usr/local/lib/vm-mesh/$1" "/var/lib/vm-mesh/started-$1"
}
