# shellcheck shell=sh
# Joins the mesh with the files of the tar on stdin: mesh, cluster.env, root-cert.pem; istio-token of a machine that needs
# one. Starts the agent.
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
put /var/lib/istio/envoy/cluster.env 0644 $own <"$bundle/cluster.env"
put /etc/istio/config/mesh 0644 $own <"$bundle/mesh"
placed="$placed /var/lib/vm-mesh/package"
if [ -e "$bundle/istio-token" ]; then
	# A certificate that the mesh does not take, and the root that it may be of, would be tried before the token.
	halt istio
	rm -f /etc/certs/cert-chain.pem /etc/certs/key.pem /etc/certs/root-cert.pem /var/lib/vm-mesh/started-istio
	install -m 0600 -o istio-proxy -g istio-proxy "$bundle/istio-token" /var/run/secrets/tokens/istio-token
fi
# From then on the agent keeps it up to date by what istiod tells it.
[ -s /etc/certs/root-cert.pem ] ||
	install -m 0600 -o istio-proxy -g istio-proxy "$bundle/root-cert.pem" /etc/certs/root-cert.pem

install -d -m 0755 /usr/local/lib/vm-mesh /usr/local/lib/vm-mesh/bin
put /usr/local/lib/vm-mesh/bin/pilot-agent 0755 root:root <<'AGENT'
#!/bin/sh
# istio-start.sh always names a CA, and the agent expects that name in the CA's certificate, whatever ISTIOD_SAN says
# (pilot/cmd/pilot-agent/options/security.go). Without one the CA is where istiod is, and has that name.
unset CA_ADDR
exec /usr/local/bin/pilot-agent "$@"
AGENT
put /usr/local/lib/vm-mesh/docker-dns 0755 root:root <<'RULE'
#!/bin/sh
# docker-dns on|off: lets answers of Docker's own resolver reach the agent. That resolver is behind a redirect itself, to a
# port of its own, and the agent's redirect keeps its questions to it in conntrack's zone 1, by their port 53 alone: answers
# come from the other port and are not known there. The talk replaces the resolver for this.
grep -q '^nameserver 127\.0\.0\.11$' /etc/resolv.conf || exit 0
set -- "$1" OUTPUT --table raw --protocol udp --source 127.0.0.11 --jump CT --zone 1
case $1 in
on) shift; iptables --check "$@" 2>/dev/null || iptables --append "$@" ;;
off) shift; while iptables --delete "$@" 2>/dev/null; do :; done ;;
esac
RULE

case $(init) in
systemd)
	mkdir -p /etc/systemd/system/istio.service.d
	# The package's own unit puts the redirect away when the agent ends, however it does.
	put /etc/systemd/system/istio.service.d/vm-mesh.conf 0644 root:root <<'UNIT'
[Unit]
# Not Wants: on a machine that nothing else has wait for it, it may take minutes to find that nothing comes.
After=network-online.target

[Service]
ExecStartPre=/usr/local/lib/vm-mesh/docker-dns on
ExecStopPost=/usr/local/lib/vm-mesh/docker-dns off
RestartSec=1
UNIT
	;;
runit)
	mkdir -p /etc/sv/istio
	# As ExecStopPost of Istio's unit: an agent that is gone must not leave its redirect, and so the VM cut off, behind.
	# And as systemd does it: an agent that was killed leaves its Envoy, which holds the ports of the next one's.
	put /etc/sv/istio/finish 0755 root:root <<'FINISH'
#!/bin/sh
pkill -KILL -u istio-proxy -x envoy
cd /
/usr/local/lib/vm-mesh/docker-dns off
exec /usr/local/bin/istio-start.sh clean >>/var/log/istio/start.log 2>&1
FINISH
	put /etc/sv/istio/run 0755 root:root <<'RUN'
#!/bin/sh
# istio-start.sh takes its paths from the root.
cd /
/usr/local/lib/vm-mesh/docker-dns on
exec /usr/local/bin/istio-start.sh >>/var/log/istio/start.log 2>&1
RUN
	;;
esac
start istio
