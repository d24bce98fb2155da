# shellcheck shell=sh
# The machine has booted: its init runs services.
init >/dev/null
