#!/bin/bash
# What the official image does: the database server comes from the environment unless odoo.conf names it.
set -e

if [ -v PASSWORD_FILE ]; then
    PASSWORD=$(<"$PASSWORD_FILE")
fi
: "${HOST:=${DB_PORT_5432_TCP_ADDR:=db}}"
: "${PORT:=${DB_PORT_5432_TCP_PORT:=5432}}"
: "${USER:=${DB_ENV_POSTGRES_USER:=${POSTGRES_USER:=odoo}}}"
: "${PASSWORD:=${DB_ENV_POSTGRES_PASSWORD:=${POSTGRES_PASSWORD:=odoo}}}"

DB_ARGS=()
check_config() {
    local value=$2
    if grep -qE "^\s*$1\s*=" "$ODOO_RC"; then
        value=$(grep -E "^\s*$1\s*=" "$ODOO_RC" | cut -d " " -f3 | tr -d '"\n\r')
    fi
    DB_ARGS+=("--$1" "$value")
}
check_config db_host "$HOST"
check_config db_port "$PORT"
check_config db_user "$USER"
check_config db_password "$PASSWORD"

case "$1" in
    -- | odoo)
        shift
        if [ "$1" = scaffold ]; then exec odoo "$@"; fi
        ;;
    -*) ;;
    *) exec "$@" ;;
esac
wait-for-psql.py "${DB_ARGS[@]}" --timeout=30
exec odoo "$@" "${DB_ARGS[@]}"
