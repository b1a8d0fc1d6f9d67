#!/bin/bash
# The portal's role: it may make databases and is no superuser. Run by the image when it makes the cluster.
set -e
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set=password="$PORTAL_DB_PASSWORD" <<'SQL'
CREATE ROLE odoo LOGIN CREATEDB PASSWORD :'password';
SQL
