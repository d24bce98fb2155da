# shellcheck shell=sh
# Checks of who listens on the ports of the agent and of the machine's services.

# listener PORT PROTOCOL STATE: user id and inode of what listens there. Of the kernel, since ss is not everywhere.
listener() {
	cat "/proc/net/$2" "/proc/net/${2}6" 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" -v state="$3" \
		'$4 == state && substr($2, length($2) - 4) == port { print $8, $10; exit }'
}

# holder USER-ID INODE: what holds a socket, in words. Root without SYS_PTRACE sees the programs of root only.
holder() {
	for process in /proc/[0-9]*; do
		# shellcheck disable=SC2010  # the links' targets are what is looked for
		if ls -l "$process/fd" 2>/dev/null | grep -qF "socket:[$2]"; then
			echo "$(cat "$process/comm") (process ${process#/proc/})"
			return
		fi
	done
	echo "a program of $(id -nu "$1" 2>/dev/null || echo "user $1")"
}

# The agent's ports, as Istio's "Ports used by Istio" has them: administration, outbound, debug, inbound, tunnel,
# metrics, health, DNS, Envoy's metrics.
AGENT_PORTS="15000 15001 15004 15006 15008 15020 15021 15053 15090"

look_at_ports() {
	taken=
	for port in $AGENT_PORTS; do
		found=$(listener "$port" tcp 0A)
		[ -n "$found" ] || [ "$port" != 15053 ] || found=$(listener "$port" udp 07)
		[ -n "$found" ] || continue
		[ "$(id -nu "${found% *}" 2>/dev/null)" != istio-proxy ] || continue
		taken="$taken${taken:+, }$port by $(holder "${found% *}" "${found#* }")"
	done
	if [ -n "$taken" ]; then
		failure ports "ports that the agent needs are taken: $taken" "stop that program, or move it to another port"
	else
		ok ports "those of the agent are free, or its own"
	fi
}

# A service that is to be started here and was there before the mesh runs under its own init still: whoever moves it
# decides when it stops.
look_at_services() {
	for port in $STARTED_PORTS; do
		found=$(listener "$port" tcp 0A)
		if [ -z "$found" ]; then
			ok services "port $port is free"
			continue
		fi
		case $(id -nu "${found% *}" 2>/dev/null) in
		svc-*) ok services "port $port is served by this bootstrap's service" ;;
		*)
			warning services "port $port is taken by $(holder "${found% *}" "${found#* }")" \
				"if that is the service under its old init, disable it there: the bootstrap starts it by its command"
			;;
		esac
	done
}
