#!/bin/sh
# Writes fresh secrets into .env beside docker-compose.yml. It never replaces an .env that is there.
set -euC
cd "$(dirname "$0")/.."
umask 077
word() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
{
    echo "# Secrets of docker-compose.yml. Keep a copy: without SAAS_SECRET_KEY the portal can command no client."
    echo "SAAS_SECRET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
    for name in ADMIN_PASSWORD PORTAINER_PASSWORD PORTAL_DB_PASSWORD POSTGRES_PASSWORD; do
        echo "$name=$(word)"
    done
} >.env
