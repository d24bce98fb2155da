#!/bin/sh
# Prints the key and the certificate of a new CA named after SUBJECT; stdin: key and certificate of the CA that signs it.
# Extensions as in Istio's tools/certs: the CA may sign workloads, not further CAs.
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/signer"
cat >"$work/extensions" <<EXTENSIONS
basicConstraints=critical,CA:true,pathlen:0
keyUsage=critical,digitalSignature,keyCertSign,cRLSign
subjectAltName=DNS:istiod.istio-system.svc
EXTENSIONS
{
	openssl req -newkey rsa:4096 -noenc -sha256 -subj "/O=vm-mesh/CN=$SUBJECT intermediate CA" \
		-keyout "$work/key" -out "$work/request" &&
		openssl x509 -req -in "$work/request" -CA "$work/signer" -CAkey "$work/signer" -sha256 -days 3650 \
			-set_serial "0x$(openssl rand -hex 16)" -extfile "$work/extensions" -out "$work/certificate"
} 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
cat "$work/key" "$work/certificate"
