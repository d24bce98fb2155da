# shellcheck shell=sh
# The agent has a certificate and its configuration, and the mesh knows which services it has: PORTS.
[ -s /etc/certs/cert-chain.pem ] || fail "no certificate yet; $(tail -n 3 /var/log/istio/istio.log)"
pilot-agent wait --timeoutSeconds 2 >/dev/null 2>&1 ||
	fail "the agent is not ready; $(tail -n 3 /var/log/istio/istio.log)"
clusters=$(pilot-agent request GET clusters)
for port in $PORTS; do
	case $clusters in
	*"inbound|$port|"*) ;;
	*) fail "istiod does not know yet that the machine serves port $port" ;;
	esac
done
