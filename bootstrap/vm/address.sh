# shellcheck shell=sh
# Prints the address that istio-start.sh gives to the agent.
hostname --all-ip-addresses | cut -d ' ' -f 1
