# shellcheck shell=sh
rm -f /var/run/secrets/tokens/istio-token
