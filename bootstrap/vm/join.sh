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
# The agent writes its roots to the same file, without a newline at the end: the same root is no change.
printf %s "$(cat "$bundle/root-cert.pem")" | put /etc/certs/root-cert.pem 0600 $own
put /var/lib/istio/envoy/cluster.env 0644 $own <"$bundle/cluster.env"
put /etc/istio/config/mesh 0644 $own <"$bundle/mesh.yaml"
# The token differs each time, and is no reason to restart an agent that has its certificate.
install -m 0600 -o istio-proxy -g istio-proxy "$bundle/istio-token" /var/run/secrets/tokens/istio-token
put /var/lib/vm-mesh/hosts 0644 root:root <"$bundle/hosts"
if [ -e "$bundle/resolv.conf" ]; then put /var/lib/vm-mesh/resolv.conf 0644 root:root <"$bundle/resolv.conf"; fi

put /usr/local/sbin/vm-mesh-names 0755 root:root <<'NAMES'
#!/bin/sh
# Before the agent starts: the control plane's address, and a resolver that the redirect of DNS to the agent leaves
# usable. At each start of the agent, because a container's /etc/hosts and /etc/resolv.conf are Docker's, which writes
# them anew when the container starts. They are mounts: they can be written, not replaced.
set -eu
given=/var/lib/vm-mesh
wanted=$(sed '/# vm-mesh$/d' /etc/hosts && sed 's/$/ # vm-mesh/' "$given/hosts")
[ "$wanted" = "$(cat /etc/hosts)" ] || echo "$wanted" >/etc/hosts
# Only Docker's own resolver on loopback is in the way: it is itself behind a redirect.
if [ -s "$given/resolv.conf" ] && grep -q '^nameserver 127\.0\.0\.11$' /etc/resolv.conf; then
	cat "$given/resolv.conf" >/etc/resolv.conf
fi
NAMES

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
/usr/local/sbin/vm-mesh-names
exec /usr/local/bin/istio-start.sh >>/var/log/istio/start.log 2>&1
RUN
