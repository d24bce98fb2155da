# shellcheck shell=sh
# The machine has booted: its init runs services.
[ -d /etc/service ] && pgrep -x runsvdir
