#!/bin/bash
# Makes the portal's database, or updates it when the image has other addons; then settles what .env says.
# It may be interrupted and run again. Nothing is ever dropped.
#   prepare.sh              for the portal whose name is PORTAL_HOST
#   prepare.sh rename OLD   gives the portal OLD that name first
set -euo pipefail

MODULES=saas_portal,saas_rest_api,sadeem_portainer,sadeem_saas_docker
DATA=/var/lib/odoo
saas=$(dirname "$0")
digest=$(cat "$saas/digest")

sql() { psql --no-psqlrc --quiet --tuples-only --no-align -v ON_ERROR_STOP=1 "$@"; }

database_exists() {
    [ -n "$(sql -d postgres --set=name="$1" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]
}

# The digest of the addons that a database has; empty when it is no portal, or was never completed.
known_digest() {
    database_exists "$1" || return 0
    [ -n "$(sql -d "$1" -c "SELECT to_regclass('ir_config_parameter')")" ] || return 0
    sql -d "$1" -c "SELECT value FROM ir_config_parameter WHERE key = 'saas.image_digest'"
}

# Two portals in one Odoo would both work, one of them without its clients.
refuse_a_second_portal() {
    local name
    while read -r name; do
        [ -n "$(known_digest "$name")" ] || continue
        cat >&2 <<TEXT
The portal $name is here already, and PORTAL_HOST says $PORTAL_HOST. Either set PORTAL_HOST back, or give the portal its new name:
  docker compose stop portal && docker compose run --rm prepare /opt/saas/prepare.sh rename $name && docker compose up
TEXT
        exit 1
    done < <(sql -d postgres --set=name="$PORTAL_HOST" <<<"SELECT datname FROM pg_database
        WHERE datallowconn AND NOT datistemplate AND datname NOT IN ('postgres', :'name')")
}

# An Odoo that serves while its tables change would write what no longer fits.
refuse_to_disturb() {
    local busy
    busy=$(sql -d "$1" -c "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'odoo-%'")
    [ "$busy" -eq 0 ] || {
        echo "$2 and the portal is running. Run: docker compose stop portal && docker compose up" >&2
        exit 1
    }
}

run() { odoo --database="$PORTAL_HOST" --stop-after-init --no-http --workers=0 --max-cron-threads=0 "$@"; }

# The database first: when this is cut off, the same command finds what is left to be moved.
rename_portal() {
    local folder
    if database_exists "$1"; then
        [ -n "$(known_digest "$1")" ] || { echo "$1 is no portal." >&2; exit 1; }
        refuse_to_disturb "$1" "$1 shall be renamed"
        sql -d postgres --set=old="$1" --set=new="$PORTAL_HOST" <<<'ALTER DATABASE :"old" RENAME TO :"new"'
    fi
    for folder in filestore saas_templates saas_backups; do
        if [ -d "$DATA/$folder/$1" ]; then
            mv -T "$DATA/$folder/$1" "$DATA/$folder/$PORTAL_HOST"
        fi
    done
}

[ "${1:-}" != rename ] || rename_portal "$2"
known=$(known_digest "$PORTAL_HOST")
if [ -z "$known" ]; then
    refuse_a_second_portal
    echo "Making the database $PORTAL_HOST"
    run --init="$MODULES"
elif [ "$known" != "$digest" ]; then
    refuse_to_disturb "$PORTAL_HOST" "The addons have changed"
    echo "Updating the database $PORTAL_HOST"
    run --init="$MODULES" --update="$MODULES"
fi
python3 "$saas/configure.py"
