# shellcheck shell=sh
# Waits, here and not by asking again and again from afar, until the agent has a certificate and its configuration, and the
# mesh knows which services it has: PORTS. SECONDS_AT_MOST: then it says what is missing.
missing() {
	[ -s /etc/certs/cert-chain.pem ] || {
		echo "no certificate yet; $(tail -n 3 /var/log/istio/istio.log)"
		return
	}
	pilot-agent wait --timeoutSeconds 5 --periodMillis 200 >/dev/null 2>&1 || {
		echo "the agent is not ready; $(tail -n 3 /var/log/istio/istio.log)"
		return
	}
	clusters=$(pilot-agent request GET clusters 2>/dev/null) || true
	for port in $PORTS; do
		case $clusters in
		*"inbound|$port|"*) ;;
		*) echo "istiod does not know yet that the machine serves port $port" && return ;;
		esac
	done
}
deadline=$(($(date +%s) + SECONDS_AT_MOST))
until what=$(missing) && [ -z "$what" ]; do
	[ "$(date +%s)" -lt "$deadline" ] ||
		fail "gave up after ${SECONDS_AT_MOST}s waiting for the agent to join the mesh: $what"
	sleep 0.2
done
