# shellcheck shell=sh
# Prints the certificate chain of the machine's agent, if it has the key to it.
[ -s /etc/certs/key.pem ] && cat /etc/certs/cert-chain.pem
