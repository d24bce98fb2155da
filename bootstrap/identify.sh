#!/bin/sh
# Prints what tells the machine from any other one.
set -eu
. bootstrap/common.sh

answers() { on_vm identify.sh </dev/null; }
# What it waits for goes to stderr: stdout is the answer.
until_true 60 "the machine to answer" answers >&2
answers
