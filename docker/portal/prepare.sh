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

# An Odoo that serves while its tables change would write what no longer fits.
refuse_to_disturb() {
    local busy
    busy=$(sql -d "$PORTAL_HOST" -c "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'odoo-%'")
    [ "$busy" -eq 0 ] || {
        echo "The addons have changed and the portal is running. Run: docker compose stop portal && docker compose up" >&2
        exit 1
    }
}

run() { odoo --database="$PORTAL_HOST" --stop-after-init --no-http --workers=0 --max-cron-threads=0 "$@"; }

known=$(known_digest)
if [ -z "$known" ]; then
    echo "Making the database $PORTAL_HOST"
    run --init="$MODULES"
elif [ "$known" != "$digest" ]; then
    refuse_to_disturb
    echo "Updating the database $PORTAL_HOST"
    run --init="$MODULES" --update="$MODULES"
fi
python3 /opt/saas/configure.py
