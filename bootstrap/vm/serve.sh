# shellcheck shell=sh
# Runs COMMAND as SERVICE under the init, as a user without rights.
unit=/etc/systemd/system/$SERVICE.service run=/etc/sv/$SERVICE/run program=/usr/local/lib/vm-mesh/$SERVICE
for theirs in "/lib/systemd/system/$SERVICE.service" "$unit" "$run"; do
	[ ! -e "$theirs" ] || grep -q vm-mesh "$theirs" ||
		fail "runs a $SERVICE of its own ($theirs): leave out services.$SERVICE.command in the config, and it is taken as it is"
done
id "svc-$SERVICE" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "svc-$SERVICE"
mkdir -p /usr/local/lib/vm-mesh /var/lib/vm-mesh
put "$program" 0755 root:root <<PROGRAM
#!/bin/sh
exec $COMMAND
PROGRAM
case $(init) in
systemd)
	put "$unit" 0644 root:root <<UNIT
[Unit]
Description=$SERVICE, run by vm-mesh
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=svc-$SERVICE
ExecStart=$program
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
UNIT
	;;
runit)
	mkdir -p "/etc/sv/$SERVICE"
	put "$run" 0755 root:root <<RUN
#!/bin/sh
exec 2>&1
exec chpst -u svc-$SERVICE $program
RUN
	;;
esac
start "$SERVICE"
