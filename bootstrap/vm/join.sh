# shellcheck shell=sh
# Joins the mesh with the files of `istioctl x workload entry configure`, a tar on stdin; starts the agent.
umask 077
bundle=$(mktemp -d)
trap 'rm -rf "$bundle"' EXIT
tar --extract --no-same-owner --directory "$bundle"

# Places and owners as in Istio's "Configure the virtual machine"; modes as tight as the agent, which runs as
# istio-proxy, can read.
own=istio-proxy:istio-proxy
install -d -m 0755 -o istio-proxy -g istio-proxy /etc/certs /etc/istio/proxy /etc/istio/config /var/lib/istio/envoy
install -d -m 0755 /var/run/secrets /var/lib/vm-mesh
install -d -m 0700 -o istio-proxy -g istio-proxy /var/run/secrets/tokens
chown istio-proxy:istio-proxy /var/run/secrets
put /etc/certs/root-cert.pem 0644 $own <"$bundle/root-cert.pem"
put /var/lib/istio/envoy/cluster.env 0644 $own <"$bundle/cluster.env"
put /etc/istio/config/mesh 0644 $own <"$bundle/mesh.yaml"
# The token differs each time, and is no reason to restart an agent that has its certificate.
install -m 0600 -o istio-proxy -g istio-proxy "$bundle/istio-token" /var/run/secrets/tokens/istio-token
if [ -e "$bundle/resolv.conf" ]; then put /var/lib/vm-mesh/resolv.conf 0644 root:root <"$bundle/resolv.conf"; fi

# /etc/hosts is a mount in a container: it can be written, not replaced.
{
	sed '/# vm-mesh$/d' /etc/hosts
	sed 's/$/ # vm-mesh/' "$bundle/hosts"
} >"$bundle/hosts.new"
cmp -s "$bundle/hosts.new" /etc/hosts || cat "$bundle/hosts.new" >/etc/hosts

put /usr/local/sbin/vm-mesh-resolver 0755 root:root <<'RESOLVER'
#!/bin/sh
# Before the agent starts: asks the resolver that was given when the VM joined, if the present one is on loopback and
# is not the agent's business (Docker's; it comes back with each start of the container).
set -eu
given=/var/lib/vm-mesh/resolv.conf
if [ -s "$given" ] && grep -q '^nameserver 127\.0\.0\.11$' /etc/resolv.conf; then cat "$given" >/etc/resolv.conf; fi
RESOLVER

mkdir -p /etc/sv/istio
# As ExecStopPost of Istio's unit: an agent that is gone must not leave its redirect, and so the VM cut off, behind.
put /etc/sv/istio/finish 0755 root:root <<'FINISH'
#!/bin/sh
cd /
exec /usr/local/bin/istio-start.sh clean >>/var/log/istio/start.log 2>&1
FINISH
supervise istio <<'RUN'
#!/bin/sh
# istio-start.sh takes its paths from the root.
cd /
/usr/local/sbin/vm-mesh-resolver
exec /usr/local/bin/istio-start.sh >>/var/log/istio/start.log 2>&1
RUN
