#!/bin/sh
# Waits until no request of the mesh is under way on the VM.
set -eu
. bootstrap/common.sh

on_vm drain.sh "SECONDS_AT_MOST=${SECONDS_AT_MOST:-60}" </dev/null
