#!/bin/sh
# Writes fresh secrets into .env beside docker-compose.yml. It never replaces an .env that is there.
set -eu
cd "$(dirname "$0")/.."
umask 077
# NAME, and random bytes in a form that needs no quotes; too short a one ends it all.
put() {
    secret=$(head -c "$2" /dev/urandom | base64 | tr '+/' '-_')
    [ "${#secret}" -ge 32 ]
    echo "$1=$secret"
}
refuse() {
    echo "There is an .env already, with secrets in use perhaps; it stays as it is." >&2
    exit 1
}
[ ! -e .env ] || refuse
part=$(mktemp .env.XXXXXX)
trap 'rm -f "$part"' EXIT
{
    echo "# Secrets of docker-compose.yml. Keep a copy: without SAAS_SECRET_KEY the portal can command no client."
    put SAAS_SECRET_KEY 32
    for name in ADMIN_PASSWORD PORTAINER_PASSWORD PORTAL_DB_PASSWORD POSTGRES_PASSWORD; do
        put "$name" 24
    done
} >"$part"
# Whole or not at all, and never in the place of another.
ln "$part" .env || refuse
