# shellcheck shell=sh
# Leaves the mesh: stops the agent and the services that run here by our hand, and takes away all that the bootstrap
# brought, but for the packages that the sidecar needs.

stop istio
[ ! -x /usr/local/bin/istio-start.sh ] || (cd / && /usr/local/bin/istio-start.sh clean >/dev/null 2>&1) || true
rm -f /var/lib/vm-mesh/started-istio
for started in /var/lib/vm-mesh/started-*; do
	[ ! -e "$started" ] || unserve "${started#*/started-}"
done
if command -v dpkg >/dev/null; then
	dpkg --purge istio-sidecar >/dev/null 2>&1 || true
else
	rpm --erase istio-sidecar >/dev/null 2>&1 || true
fi
rm -rf /etc/sv/istio /etc/systemd/system/istio.service.d /etc/istio /var/lib/istio /var/log/istio \
	/var/lib/vm-mesh /var/cache/vm-mesh /usr/local/lib/vm-mesh /var/run/secrets/tokens
mkdir -p /usr/local/bin # dpkg takes it along when it is empty
rm -f /etc/certs/cert-chain.pem /etc/certs/key.pem /etc/certs/root-cert.pem
rmdir /etc/certs /var/run/secrets 2>/dev/null || true
userdel istio-proxy 2>/dev/null || true
groupdel istio-proxy 2>/dev/null || true
if [ "$(init)" = systemd ]; then
	systemctl daemon-reload
	systemctl reset-failed 2>/dev/null || true
fi
