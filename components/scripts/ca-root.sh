#!/bin/sh
# Prints the key and the certificate of a new root CA named after SUBJECT.
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey rsa:4096 -noenc -sha256 -days 3650 -subj "/O=vm-mesh/CN=$SUBJECT root CA" \
	-addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign \
	-keyout "$work/key" -out "$work/certificate" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
cat "$work/key" "$work/certificate"
