#!/bin/sh
# Waits until SERVICE in NAMESPACE has a load balancer, and its pods run; prints the balancer's IP, or else its hostname.
# stdin: kubeconfig. SECONDS_AT_MOST: how long both may take together.
set -eu
umask 077
kubeconfig=$(mktemp)
trap 'rm -f "$kubeconfig"' EXIT
trap 'exit 130' INT TERM
cat >"$kubeconfig"
deadline=$(($(date +%s) + SECONDS_AT_MOST))

in_cluster() {
	kubectl --kubeconfig "$kubeconfig" --context "$CONTEXT" --namespace "$NAMESPACE" --request-timeout=20s "$@"
}

address() {
	both=$(in_cluster get service "$SERVICE" \
		-o 'jsonpath={.status.loadBalancer.ingress[0].ip} {.status.loadBalancer.ingress[0].hostname}')
	# shellcheck disable=SC2086  # two words at most, of which the first counts
	set -- $both
	echo "${1-}"
}

found=$(address)
if [ -z "$found" ]; then
	echo "$CONTEXT: waiting for the load balancer of service $NAMESPACE/$SERVICE (at most ${SECONDS_AT_MOST}s)" >&2
	until [ -n "$found" ]; do
		if [ "$(date +%s)" -ge "$deadline" ]; then
			echo "$CONTEXT: service $NAMESPACE/$SERVICE got no load balancer in ${SECONDS_AT_MOST}s; its last events:" >&2
			in_cluster get events --field-selector "involvedObject.kind=Service,involvedObject.name=$SERVICE" \
				-o 'jsonpath={range .items[*]}  {.reason}: {.message}{"\n"}{end}' | tail -n 5 >&2
			echo "Let the cluster give load balancers (see existing.gateway.annotations), or set existing.gateway" \
				"serviceType and externalIPs; then run again." >&2
			exit 1
		fi
		sleep 2
		# kubectl says what it has against it; a cluster that was reached once may be away for a moment.
		found=$(address) || found=
	done
fi
left=$((deadline - $(date +%s)))
in_cluster rollout status "deployment/$SERVICE" --timeout="$((left > 10 ? left : 10))s" --request-timeout=0 >&2
echo "$found"
