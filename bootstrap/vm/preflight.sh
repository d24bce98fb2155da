# shellcheck shell=sh
# Looks whether the machine can join the mesh, and changes nothing on it. Prints a line for each finding: level (ok,
# warning, failure), check, what was found, what to do, with tabs between them. docs/doctor.md explains each check.
#
# NOW: the operator's time. GATEWAY: of the control plane, or empty. PORTS: of the machine's services. WAIT: seconds.
PATH=$PATH:/usr/sbin:/sbin

ok() { printf 'ok\t%s\t%s\t\n' "$1" "$2"; }
warning() { printf 'warning\t%s\t%s\t%s\n' "$1" "$2" "$3"; }
failure() { printf 'failure\t%s\t%s\t%s\n' "$1" "$2" "$3"; }
has() { command -v "$1" >/dev/null 2>&1; }
within() { if has timeout; then timeout "$@"; else shift && "$@"; fi; }

# istiod dates a certificate two minutes back (istio/istio#32176), so a machine that is later than that takes it for not
# yet valid. One minute is the limit, since this clock is not istiod's and the way here takes its time. A clock that is
# ahead shortens every certificate. Clocks that are kept right differ by far less than ten seconds.
look_at_clock() {
	skew=$(($(date +%s) - NOW))
	side="ahead of"
	[ "$skew" -ge 0 ] || side=behind skew=$((-skew))
	mend="keep it right: timedatectl set-ntp true, or install chrony"
	if [ "$skew" -gt 60 ]; then
		failure clock "its clock is ${skew} s $side the operator's; certificates would not be valid" "$mend"
	elif [ "$skew" -gt 10 ]; then
		warning clock "its clock is ${skew} s $side the operator's" "$mend"
	else
		ok clock "within 10 s of the operator's"
	fi
}

# Bit 12 of the capabilities is NET_ADMIN, bit 13 NET_RAW.
look_at_rights() {
	granted=$(awk '$1 == "CapEff:" { print $2 }' /proc/self/status)
	granted=$(((0x$granted >> 12) & 3))
	if [ "$granted" = 3 ]; then
		ok rights "root, and may change its network"
	else
		failure rights "its root may not change the machine's network" \
			"give the machine the capabilities NET_ADMIN and NET_RAW (docker run --cap-add)"
	fi
}

look_at_init() {
	if [ -d /run/systemd/system ]; then
		ok init systemd
	elif [ -d /etc/service ] && has runsvdir; then
		ok init runit
	else
		failure init "it runs neither systemd nor runit, so nothing would start the agent again" \
			"use an image whose process 1 is systemd, or install runit and run runsvdir /etc/service"
	fi
}

# The hosts of the package repositories, unless a proxy resolves their names.
repositories() {
	! grep -qsr 'Proxy' /etc/apt/apt.conf /etc/apt/apt.conf.d || return 0
	cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/*.repo /etc/zypp/repos.d/*.repo 2>/dev/null |
		sed -n -e '/^[[:space:]]*#/d' -e 's#.*[a-z]://\([^/: $]*\)[/: ].*#\1#p' | sort -u | head -n 1
}

look_at_package() {
	case $(uname -m) in
	x86_64 | aarch64) ;;
	*) failure package "there is no sidecar for its processor, $(uname -m)" "use a machine with x86-64 or arm64" ;;
	esac
	manager=
	if has dpkg; then set -- apt-get; else set -- dnf yum zypper; fi
	for tool in "$@"; do [ -n "$manager" ] || ! has "$tool" || manager=$tool; done
	missing=
	for tool in bash ip iptables sudo hostname; do has "$tool" || missing="$missing $tool"; done
	if [ -z "$manager" ]; then
		failure package "it has no apt, dnf, yum or zypper; Istio's sidecar is a deb or an rpm" \
			"use a Debian, Ubuntu or RHEL-like machine"
	elif [ -z "$missing" ]; then
		ok package "$manager on $(uname -m)"
	else
		warning package "not installed:$missing" "the bootstrap gets this with $manager: the repositories must answer"
	fi
}

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
			if [ -n "$missing" ]; then level=failure; else level=warning; fi
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

# A service that was there before the mesh runs under its own init still: whoever moves it decides when it stops.
look_at_services() {
	for port in $PORTS; do
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

# Only the -save programs look without making a table: -S of the legacy kind makes the one that it lists.
rules() {
	if has iptables-nft-save || has iptables-legacy-save; then
		! has iptables-legacy-save || iptables-legacy-save 2>/dev/null || true
		! has iptables-nft-save || iptables-nft-save 2>/dev/null || true
	elif has iptables-save; then
		iptables-save 2>/dev/null || true
	fi
}

# Which iptables the agent takes: legacy if that has rules, else nft (istio-iptables, DetectIptablesVersion).
agents_iptables() {
	if has iptables-legacy-save && iptables-legacy-save 2>/dev/null | grep -q '^-A'; then
		echo iptables-legacy
	elif has iptables-nft; then
		echo iptables-nft
	else
		echo iptables
	fi
}

# can TABLE RULE...: whether the kernel takes such a rule. Tried in a network of its own, which is gone at once. Where none may
# be made (a container), iptables-nft tells by a question for the rule what the kernel lacks; iptables-legacy would make
# the table.
can() {
	table=$1
	shift
	if unshare --net true 2>/dev/null; then
		# Without this, its lock's file would stay.
		XTABLES_LOCKFILE=/dev/null unshare --net "$iptables" -t "$table" -A "$@" >/dev/null 2>&1
	elif [ "$iptables" = iptables-nft ]; then
		! iptables-nft -t "$table" -C "$@" 2>&1 | grep -qi 'not supported\|missing kernel module\|permission denied'
	fi
}

# others KIND: whether there are rules of that kind but the agent's and those of Docker's resolver.
others() {
	has "iptables-$1-save" && "iptables-$1-save" 2>/dev/null | grep '^-A' | grep -qv 'ISTIO_\|DOCKER_[OP]\|127\.0\.0\.11'
}

look_at_iptables() {
	# The checks of the package and of the rights have told.
	has iptables && [ "$granted" = 3 ] || return 0
	iptables=$(agents_iptables)
	can nat OUTPUT -p tcp -m owner --gid-owner 0 -j REDIRECT --to-ports 15001 || {
		failure iptables "$iptables cannot redirect connections by their owner" \
			"load or build the kernel's modules xt_REDIRECT, xt_owner and nf_nat (nft_compat for iptables-nft)"
		return
	}
	can raw OUTPUT -p udp --dport 53 -m owner --gid-owner 0 -j CT --zone 1 || {
		failure iptables "$iptables cannot put DNS into a zone of its own" "load or build the kernel's module xt_CT"
		return
	}
	if [ "$iptables" = iptables-legacy ] && others legacy && others nft; then
		warning iptables "both iptables-legacy and iptables-nft have rules; the agent will add to the legacy ones" \
			"keep one: iptables-legacy-save | iptables-nft-restore, then flush the legacy rules"
	else
		ok iptables "$iptables"
	fi
}

# Rules of others that send connections elsewhere: those for a port of ours, those for every port, and the rest. Not the
# agent's own, nor those of Docker's resolver.
redirects() {
	rules | awk -v ours=" $AGENT_PORTS $PORTS " '
		/^-A ISTIO_/ || / -d 127\.0\.0\.11\/32 / { next }
		/ -j (REDIRECT|DNAT|TPROXY)/ {
			ports = ""; narrow = 0; kind = "other"
			for (i = 3; i < NF; i++) {
				if ($i ~ /^--dports?$/ && $(i - 1) != "!") ports = $(i + 1)
				if ($i == "-d" || $i == "--dst-type") narrow = 1
			}
			if (ports == "" && !narrow) kind = "every"
			count = split(ports, range, ",")
			for (r = 1; r <= count; r++) {
				split(range[r], ends, ":")
				split(ours, wanted, " ")
				for (w in wanted)
					if (wanted[w] + 0 >= ends[1] + 0 && wanted[w] + 0 <= (ends[2] == "" ? ends[1] : ends[2]) + 0)
						kind = "ours"
			}
			print kind, $0
		}'
}

look_at_redirects() {
	has iptables || return 0
	found=$(redirects)
	first() { echo "$found" | sed -n "s/^$1 //p" | head -n 1; }
	if [ -n "$(first ours)" ]; then
		failure redirects "a rule sends connections to a port of the machine's service or agent elsewhere: $(first ours)" \
			"remove it; for a container, publish another port or none"
	elif [ -n "$(first every)" ]; then
		failure redirects "a rule sends connections to every port elsewhere: $(first every)" \
			"remove the proxy that set it: two cannot take the same connections"
	elif [ -n "$found" ]; then
		warning redirects "rules send connections past the agent, the first: $(first other)" \
			"nothing, if what they lead to (such as Docker's published ports) need not be in the mesh"
	else
		ok redirects "none but the agent's"
	fi
}

# The redirect comes before the filter, which then sees the agent's port in place of the service's.
look_at_firewall() {
	closed=
	if grep -qsx firewalld /proc/[0-9]*/comm; then
		within 10 firewall-cmd --query-port=15006/tcp >/dev/null 2>&1 ||
			closed="firewalld" mend="firewall-cmd --permanent --add-port=15006/tcp && firewall-cmd --reload"
	elif grep -qsi '^ENABLED=yes' /etc/ufw/ufw.conf; then
		closed="ufw" mend="ufw allow 15006/tcp"
	elif rules | grep -q '^:INPUT DROP'; then
		closed="the INPUT chain" mend="iptables -I INPUT -p tcp --dport 15006 -j ACCEPT, and keep it over a reboot"
	fi
	if [ -n "$closed" ] && ! rules | grep -q -- '--dport 15006 .*-j ACCEPT'; then
		warning firewall "$closed lets nobody in on port 15006, where the agent takes every call of a service" "$mend"
	else
		ok firewall "none in the way"
	fi
}

# Measured: the package unpacks to 140 MB below /usr/local; itself it takes 50 MB of /var, and apt's lists 155 MB.
look_at_disk() {
	for need in "/usr/local 200" "/var 250"; do
		folder=${need% *} least=${need#* }
		# Two needs of one file system add up.
		[ "$(stat -c %d /usr/local)" != "$(stat -c %d /var)" ] || least=450
		free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
		if [ ! -w "$folder" ]; then
			failure disk "$folder cannot be written to" "mount it for writing, or use another image"
		elif [ "$free" -lt "$least" ]; then
			failure disk "$folder has ${free} MB left, and the sidecar needs $least MB" "make room, or a larger disk"
		else
			ok disk "$folder has ${free} MB left"
		fi
	done
}

look_at_memory() {
	free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
	if [ "${free:-0}" -lt 256 ]; then
		warning memory "${free:-0} MB are free, and agent and proxy take up to 250 MB" "give the machine more memory"
	else
		ok memory "${free} MB are free"
	fi
}

look_at_selinux() {
	if [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; then
		warning selinux "SELinux is enforcing, and Istio's package has no policy for it" \
			"if the agent does not start, see: ausearch -m avc -ts recent"
	else
		ok selinux "not enforcing"
	fi
}

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
