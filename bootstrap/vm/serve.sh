# shellcheck shell=sh
# Runs COMMAND as SERVICE under the init, as a user without rights.
id "svc-$SERVICE" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "svc-$SERVICE"
supervise "$SERVICE" <<RUN
#!/bin/sh
exec 2>&1
exec chpst -u svc-$SERVICE $COMMAND
RUN
