#!/bin/sh
# Waits until proxies everywhere have taken a change, before what they no longer use is removed.
set -eu
sleep "$SECONDS_TO_WAIT"
