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

# ISTIOD_SAN counts for the CA too only where CA_ADDR is not set (pilot/cmd/pilot-agent/options/security.go), and
# istio-start.sh always sets it.
install -d -m 0755 /usr/local/lib/vm-mesh
put /usr/local/lib/vm-mesh/pilot-agent 0755 root:root <<'AGENT'
#!/bin/sh
unset CA_ADDR
exec /usr/local/bin/pilot-agent "$@"
AGENT

put /usr/local/sbin/vm-mesh-dns 0755 root:root <<'DNS'
#!/bin/sh
# Docker's resolver on loopback is itself behind a redirect. Istio's rules put the agent's queries into conntrack zone 1,
# and the answers, which come from another port than 53, into none: they are lost. $1: on, while Istio's rules are there,
# or off.
grep -q '^nameserver 127\.0\.0\.11$' /etc/resolv.conf || exit 0
answers="OUTPUT --table raw --protocol udp --source 127.0.0.11 ! --source-port 53 --jump CT --zone 1"
# shellcheck disable=SC2086  # a list of words
case $1 in
on) iptables --check $answers 2>/dev/null || iptables --append $answers ;;
off) while iptables --delete $answers 2>/dev/null; do :; done ;;
esac
DNS

mkdir -p /etc/sv/istio
# As ExecStopPost of Istio's unit: an agent that is gone must not leave its redirect, and so the VM cut off, behind.
put /etc/sv/istio/finish 0755 root:root <<'FINISH'
#!/bin/sh
cd /
/usr/local/sbin/vm-mesh-dns off
exec /usr/local/bin/istio-start.sh clean >>/var/log/istio/start.log 2>&1
FINISH
supervise istio <<'RUN'
#!/bin/sh
# istio-start.sh takes its paths from the root.
cd /
/usr/local/sbin/vm-mesh-dns on
export ISTIO_BIN_BASE=/usr/local/lib/vm-mesh
exec /usr/local/bin/istio-start.sh >>/var/log/istio/start.log 2>&1
RUN
