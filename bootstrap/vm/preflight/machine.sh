# shellcheck shell=sh
# Checks of the machine as it is: clock, rights, init, room.

# istiod dates a certificate two minutes back (istio/istio#32176), so a machine that is later than that takes it for not
# yet valid. One minute is the limit, since this clock is not istiod's and the way here takes its time. A clock that is
# ahead shortens every certificate. Clocks that are kept right differ by far less than ten seconds.
look_at_clock() {
	skew=$(($(date +%s) - NOW))
	side="ahead of"
	[ "$skew" -ge 0 ] || side=behind skew=$((-skew))
	mend="keep it right: timedatectl set-ntp true, or install chrony"
	if [ "$skew" -gt 60 ]; then
		failure clock "its clock is ${skew} s $side the operator's; certificates would not be valid" "$mend"
	elif [ "$skew" -gt 10 ]; then
		warning clock "its clock is ${skew} s $side the operator's" "$mend"
	else
		ok clock "within 10 s of the operator's"
	fi
}

# Bit 12 of the capabilities is NET_ADMIN, bit 13 NET_RAW.
may_change_network() {
	granted=$(awk '$1 == "CapEff:" { print $2 }' /proc/self/status)
	[ $(((0x$granted >> 12) & 3)) = 3 ]
}

look_at_rights() {
	if may_change_network; then
		ok rights "root, and may change its network"
	else
		failure rights "its root may not change the machine's network" \
			"give the machine the capabilities NET_ADMIN and NET_RAW (docker run --cap-add)"
	fi
}

look_at_init() {
	if found=$(init 2>/dev/null); then
		ok init "$found"
	else
		failure init "it runs neither systemd nor runit, so nothing would start the agent again" \
			"use an image whose process 1 is systemd, or install runit and run runsvdir /etc/service"
	fi
}

# Measured: the package unpacks to 140 MB below /usr/local; itself it takes 50 MB of /var, and apt's lists 155 MB.
look_at_disk() {
	# A machine that has joined has used that already.
	if [ -e /var/lib/vm-mesh/package ]; then level=warning; else level=failure; fi
	for need in "/usr/local 200" "/var 250"; do
		folder=${need% *} least=${need#* }
		# Two needs of one file system add up.
		[ "$(stat -c %d /usr/local)" != "$(stat -c %d /var)" ] || least=450
		free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
		if [ ! -w "$folder" ]; then
			failure disk "$folder cannot be written to" "mount it for writing, or use another image"
		elif [ "$free" -lt "$least" ]; then
			$level disk "$folder has ${free} MB left, and the sidecar needs $least MB" "make room, or a larger disk"
		else
			ok disk "$folder has ${free} MB left"
		fi
	done
}

look_at_memory() {
	free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
	if [ "${free:-0}" -lt 256 ]; then
		warning memory "${free:-0} MB are free, and agent and proxy take up to 250 MB" "give the machine more memory"
	else
		ok memory "${free} MB are free"
	fi
}

look_at_selinux() {
	if [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; then
		warning selinux "SELinux is enforcing, and Istio's package has no policy for it" \
			"if the agent does not start, see: ausearch -m avc -ts recent"
	else
		ok selinux "not enforcing"
	fi
}
