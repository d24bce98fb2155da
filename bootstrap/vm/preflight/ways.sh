# shellcheck shell=sh
# Checks of the ways out: names, and the gateway by which the machine reaches the control plane.

resolves() { within 10 getent ahosts "$1" >/dev/null 2>&1; }

look_at_dns() {
	server=$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf 2>/dev/null || true)
	case $server in
	"") kind="no resolver in /etc/resolv.conf" ;;
	127.0.0.11) kind="Docker's resolver on loopback" ;;
	127.0.0.53) kind="systemd-resolved" ;;
	127.* | ::1) kind="a resolver on loopback" ;;
	*) kind="the resolver $server" ;;
	esac
	mend="mend /etc/resolv.conf, or what answers there; try: getent ahosts"
	if has getent; then
		case $GATEWAY in
		*:*) ;; # an IPv6 address
		*[!0-9.]*)
			resolves "$GATEWAY" || {
				failure dns "the gateway's name $GATEWAY is not resolved, by $kind" "$mend $GATEWAY"
				return
			}
			;;
		esac
		repository=$(repositories)
		if [ -n "$repository" ] && ! resolves "$repository"; then
			if [ -n "$(missing)" ]; then level=failure; else level=warning; fi
			$level dns "the package repository's name $repository is not resolved, by $kind" "$mend $repository"
			return
		fi
	fi
	ok dns "$kind"
}

# reach PORT: whether the gateway takes a connection; 124 if nothing answers. As the agent's user, if it is there: of
# everybody else a machine in the mesh redirects the connection to the agent, which takes any.
reach() {
	# shellcheck disable=SC2016  # for bash to expand
	set -- within 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$GATEWAY" "$1"
	if id istio-proxy >/dev/null 2>&1 && has setpriv; then
		shift 2
		set -- within 5 setpriv --reuid istio-proxy --regid istio-proxy --clear-groups "$@"
	fi
	"$@" 2>/dev/null
}

# through PORT LEVEL WHAT: a finding if the gateway is not reached before the time is over.
through() {
	until reach "$1"; do
		why=$?
		if [ "$(date +%s)" -ge "$deadline" ]; then
			if [ "$why" = 124 ]; then
				$2 gateway "$GATEWAY does not answer on port $1, by which $3" \
					"let the machine out, and in at the gateway, to $GATEWAY:$1/tcp (firewall, security group, route)"
			else
				$2 gateway "$GATEWAY takes no connection on port $1, by which $3" \
					"see that the gateway runs (vmmesh doctor), and that $GATEWAY is its address and is routed"
			fi
			return
		fi
		sleep 0.5
	done
	ok gateway "$GATEWAY answers on port $1"
}

look_at_gateway() {
	[ -n "$GATEWAY" ] || return 0
	has bash || return 0 # the sidecar brings it; there is no other way to connect that every machine has
	deadline=$(($(date +%s) + WAIT))
	through 15012 failure "the agent reaches the control plane"
	through 15443 warning "the machine calls the clusters' services"
}
