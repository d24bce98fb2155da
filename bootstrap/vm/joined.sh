# shellcheck shell=sh
# The agent has a certificate and its configuration. From then on it renews by the certificate: the token is removed.
[ -s /etc/certs/cert-chain.pem ] || fail "no certificate yet; $(tail -n 3 /var/log/istio/istio.log)"
curl --silent --fail --max-time 2 --output /dev/null http://127.0.0.1:15021/healthz/ready ||
	fail "the agent is not ready; $(tail -n 3 /var/log/istio/istio.log)"
rm -f /var/run/secrets/tokens/istio-token
