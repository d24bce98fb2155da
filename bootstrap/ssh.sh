#!/bin/sh
# Runs a command as root on a host by SSH: ssh.sh NAME=VALUE... -- COMMAND...; stdin, output and exit code are its own.
#   address, user, port; key: the host's public key, TYPE:KEY; identity: path of the private key
#   jump-address, jump-user, jump-port, jump-key: the same of a host by way of which it is reached
# OpenSSH is told all of it here. Neither ~/.ssh/config nor known_hosts is asked, so it does not matter who runs this.
set -eu

identity='' jump_address=''
while [ "$1" != -- ]; do
	case $1 in
	address=*) address=${1#*=} ;;
	user=*) user=${1#*=} ;;
	port=*) port=${1#*=} ;;
	key=*) key=${1#*=} ;;
	identity=*) identity=${1#*=} ;;
	jump-address=*) jump_address=${1#*=} ;;
	jump-user=*) jump_user=${1#*=} ;;
	jump-port=*) jump_port=${1#*=} ;;
	jump-key=*) jump_key=${1#*=} ;;
	*)
		echo "ssh.sh: unknown argument $1" >&2
		exit 2
		;;
	esac
	shift
done
shift

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
echo "host ${key%%:*} ${key#*:}" >"$folder/known_hosts"

options="-F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$folder/known_hosts \
-o GlobalKnownHostsFile=none -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o LogLevel=ERROR"
case $identity in '~'/*) identity=$HOME/${identity#??} ;; esac
[ -z "$identity" ] || options="$options -o IdentitiesOnly=yes -i $identity"
if [ -n "$jump_address" ]; then
	echo "jump ${jump_key%%:*} ${jump_key#*:}" >>"$folder/known_hosts"
	# shellcheck disable=SC2089  # for the shell that ssh hands it to
	jump="ssh $options -o HostKeyAlias=jump -p $jump_port -l $jump_user -W '[%h]:%p' $jump_address"
fi

# What goes over is one line for the other side's shell, which must see the same words.
line='env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
[ "$user" = root ] || line="sudo -n -- $line"
for word; do
	line="$line '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
done

# shellcheck disable=SC2086,SC2090  # a list of options, none of which holds a space
ssh $options ${jump:+-o "ProxyCommand=$jump"} -o HostKeyAlias=host -p "$port" -l "$user" "$address" "$line" || {
	code=$?
	if [ "$code" -eq 255 ]; then
		cat >&2 <<ADVICE
there is no way in by SSH as $user to port $port of $address${jump_address:+, by way of $jump_address}.
If its host key is another than the config's hostKey, compare what it shows with what its owner knows, and edit the config:
  ssh-keyscan -p $port $address 2>/dev/null | ssh-keygen -lf -
ADVICE
	fi
	exit "$code"
}
