# shellcheck shell=sh
# Checks of the kernel's rules: whether the agent can have its own, and whether others are in its way.

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
	has iptables && may_change_network || return 0
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
