# shellcheck shell=sh
# What the steps share on the machine that runs Pulumi. TRANSPORT runs a command on VM as root, with stdin.

# script STEP: bootstrap/vm/STEP, behind what the steps share and the parts of its own that it may have in a folder.
script() {
	set -- "bootstrap/vm/$1"
	[ ! -d "${1%.sh}" ] || set -- "${1%.sh}"/*.sh "$1"
	cat bootstrap/vm/common.sh "$@"
}

# on_vm STEP [NAME=VALUE...]: runs bootstrap/vm/STEP on the VM; its stdin is the caller's.
on_vm() {
	text=$(script "$1") || return
	shift
	# The script is a word of the command, data are words behind it: stdin stays free for files and secrets.
	# shellcheck disable=SC2086  # TRANSPORT is a command line
	$TRANSPORT env "VM=$VM" "$@" sh -c "$text"
}

# gone: there is no machine any more. VM_MESH_GONE, of whoever runs Pulumi, names those that are gone for good.
gone() {
	case " ${VM_MESH_GONE:-} " in *" $VM "*) return ;; esac
	case $TRANSPORT in
	docker\ *) [ "$(docker container inspect --format '{{.State.Running}}' "${TRANSPORT##* }" 2>/dev/null)" != true ] ;;
	*) false ;;
	esac
}

# expect_answer: ends the step if the machine does not answer and is not gone either.
expect_answer() {
	gone || on_vm identify.sh </dev/null >/dev/null || {
		cat >&2 <<ADVICE
$VM does not answer, so what was done on it could not be taken back. Run again when it does; or, if it is gone for good,
say so:
  VM_MESH_GONE=$VM pulumi up      (or: make up GONE=$VM)
ADVICE
		exit 1
	}
}

# until_true SECONDS WHAT COMMAND...: waits for a condition; says what it waits for if that is not so at once.
until_true() {
	limit=$1 what=$2
	shift 2
	"$@" >/dev/null 2>&1 && return
	echo "$VM: waiting for $what (at most ${limit}s)"
	deadline=$(($(date +%s) + limit))
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$deadline" ]; then
			echo "$VM: gave up after ${limit}s waiting for $what; it last said:" >&2
			"$@" >&2 || true
			return 1
		fi
		sleep 0.2
	done
}
