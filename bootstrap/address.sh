#!/bin/sh
# Prints the machine's address, the one that its agent goes by.
set -eu
. bootstrap/common.sh

until_true 60 "the machine to answer" on_vm ready.sh </dev/null >&2
on_vm address.sh </dev/null
