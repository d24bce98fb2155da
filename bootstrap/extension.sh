#!/bin/sh
# Makes the VM ready for an extension of its proxy: with the file MODULE, of SHA-256 SHA256, or none if MODULE is empty
# and the agent fetches it.
set -eu
. bootstrap/common.sh

until_true 60 "the machine to answer" on_vm ready.sh </dev/null
case $MODULE in
"") file=/dev/null ;;
'~'/*) file=$HOME/${MODULE#??} ;;
*) file=$MODULE ;;
esac
on_vm extension.sh "SHA256=$SHA256" <"$file"
