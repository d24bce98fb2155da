# shellcheck shell=sh
# Waits until no request is under way and none has come for three seconds, SECONDS_AT_MOST at the most.

# requests: how many requests and connections the sidecar has taken in, and how many are under way.
requests() {
	pilot-agent request GET 'stats?filter=^cluster\.inbound.*\.upstream_rq_(total|active)$' 2>/dev/null
}

# still: nothing is under way, and nothing came meanwhile.
still() {
	before=$(requests)
	case $(echo "$before" | sed -n 's/.*rq_active: //p' | sort -n | tail -n 1) in '' | 0) ;; *) return 1 ;; esac
	sleep 3
	[ "$before" = "$(requests)" ]
}

requests >/dev/null || exit 0 # no sidecar runs, so none comes through it
deadline=$(($(date +%s) + SECONDS_AT_MOST))
until still; do
	[ "$(date +%s)" -lt "$deadline" ] || fail "requests still come in after $SECONDS_AT_MOST s"
	sleep 0.2
done
