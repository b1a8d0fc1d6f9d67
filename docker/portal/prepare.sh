#!/bin/bash
# Makes the portal's database, or updates it when the image has other addons; then settles what .env says.
# It may be interrupted and run again. Nothing is ever dropped.
set -euo pipefail

MODULES=saas_portal,saas_rest_api,sadeem_portainer,sadeem_saas_docker
digest=$(cat /opt/saas/digest)

sql() { psql --no-psqlrc --quiet --tuples-only --no-align -v ON_ERROR_STOP=1 "$@"; }

# The digest of the addons that the database has; empty when it was never completed.
known_digest() {
    local there
    there=$(sql -d postgres --set=name="$PORTAL_HOST" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")
    [ -n "$there" ] || return 0
    there=$(sql -d "$PORTAL_HOST" -c "SELECT to_regclass('ir_config_parameter')")
    [ -n "$there" ] || return 0
    sql -d "$PORTAL_HOST" -c "SELECT value FROM ir_config_parameter WHERE key = 'saas.image_digest'"
}

run() { odoo --database="$PORTAL_HOST" --stop-after-init --no-http --workers=0 --max-cron-threads=0 "$@"; }

known=$(known_digest)
if [ -z "$known" ]; then
    echo "Making the database $PORTAL_HOST"
    run --init="$MODULES"
elif [ "$known" != "$digest" ]; then
    echo "Updating the database $PORTAL_HOST"
    run --init="$MODULES" --update="$MODULES"
fi
python3 /opt/saas/configure.py
