# shellcheck shell=sh
# Prints the certificate chain of the machine's agent, if it has the key to it: an agent that was killed in the midst of a
# renewal has written the one and not the other, and no control plane takes that.
key=/etc/certs/key.pem chain=/etc/certs/cert-chain.pem
[ -s "$key" ] && [ -s "$chain" ] || exit 1
if command -v openssl >/dev/null; then
	[ "$(openssl x509 -in "$chain" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout)" ] || exit 1
fi
cat "$chain"
