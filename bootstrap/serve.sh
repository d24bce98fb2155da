#!/bin/sh
# Runs COMMAND as SERVICE on the VM, under its init.
set -eu
. bootstrap/common.sh

until_true 60 "the machine to answer" on_vm ready.sh </dev/null
on_vm serve.sh "SERVICE=$SERVICE" "COMMAND=$COMMAND" </dev/null
