# shellcheck shell=sh
# Prints what tells the machine from any other one, a reinstalled one with the same address included.
cat /etc/machine-id 2>/dev/null || cat /sys/class/dmi/id/product_uuid 2>/dev/null || hostname
