# shellcheck shell=sh
# Ends SERVICE, if it runs here by our hand.
unserve "$SERVICE"
