# shellcheck shell=sh
# How the checks of the preflight tell what they have found, and what they look by.

ok() { printf 'ok\t%s\t%s\t\n' "$1" "$2"; }
warning() { printf 'warning\t%s\t%s\t%s\n' "$1" "$2" "$3"; }
failure() { printf 'failure\t%s\t%s\t%s\n' "$1" "$2" "$3"; }
has() { command -v "$1" >/dev/null 2>&1; }
within() { if has timeout; then timeout "$@"; else shift && "$@"; fi; }
