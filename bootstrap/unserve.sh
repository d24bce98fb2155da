#!/bin/sh
# Ends SERVICE on the VM: the config lacks it, or its command.
set -eu
. bootstrap/common.sh

expect_answer
if gone; then
	echo "$VM is gone: nothing was done on it"
else
	on_vm unserve.sh "SERVICE=$SERVICE" </dev/null
fi
