# shellcheck shell=bash
# A private PostgreSQL cluster on a loopback port. Sourced by ./dev.

PG_DIR="$DEV_DIR/pg"

pg_bin() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] || found=$(dirname "$(command -v pg_ctl || die "PostgreSQL's programs were not found.")")
    echo "$found"
}

# PostgreSQL refuses to run as root; Debian's own account runs it then.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all env HOME=/ "$@")
    else
        "$@"
    fi
}

free_port() {
    "$PYTHON" - "$1" <<'PY'
import socket, sys
for port in range(int(sys.argv[1]), int(sys.argv[1]) + 200):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
else:
    sys.exit("no free port")
PY
}

# make_cluster DIR ADMIN_PASSWORD_FILE
make_cluster() {
    local data=$1 password_file=$2
    as_postgres "$(pg_bin)/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 \
        --auth=scram-sha-256 --pwfile="$password_file"
    as_postgres tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
CONF
}

pg_running() { [ -e "$PG_DIR/port" ] && as_postgres "$(pg_bin)/pg_ctl" -D "$PG_DIR/data" status >/dev/null 2>&1; }

# Sets PG_PORT and PG_PASSWORD; makes and starts the cluster when needed.
start_postgres() {
    if [ ! -e "$PG_DIR/password" ]; then
        rm -rf "$PG_DIR"
        mkdir -p "$PG_DIR"
        if [ "$(id -u)" -eq 0 ] && ! as_postgres test -x "$PG_DIR"; then
            # The clone lies where the account postgres cannot go (such as /root): keep the data in /var/lib.
            rmdir "$PG_DIR"
            local outside
            outside=/var/lib/saas-dev/$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
            rm -rf "$outside"
            mkdir -p "$outside"
            ln -s "$outside" "$PG_DIR"
        fi
        local password
        password=$("$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(24))')
        [ "$(id -u)" -ne 0 ] || chown postgres "$PG_DIR/"
        (umask 077 && printf '%s' "$password" >"$PG_DIR/password.new")
        [ "$(id -u)" -ne 0 ] || chown postgres "$PG_DIR/password.new"
        step "Making a private PostgreSQL cluster" make_cluster "$PG_DIR/data" "$PG_DIR/password.new"
        mv "$PG_DIR/password.new" "$PG_DIR/password"
    fi
    PG_PASSWORD=$(cat "$PG_DIR/password")
    if ! pg_running; then
        PG_PORT=$(free_port "${SAAS_DEV_PG_PORT:-5469}")
        echo "$PG_PORT" >"$PG_DIR/port"
        step "Starting PostgreSQL on 127.0.0.1:$PG_PORT" as_postgres "$(pg_bin)/pg_ctl" -D "$PG_DIR/data" \
            -o "-p $PG_PORT" -l "$PG_DIR/data/server.log" -w start
    fi
    PG_PORT=$(cat "$PG_DIR/port")
    PGPASSWORD=$PG_PASSWORD "$(pg_bin)/psql" -q -h 127.0.0.1 -p "$PG_PORT" -U postgres postgres -v ON_ERROR_STOP=1 \
        -v password="$PG_PASSWORD" >/dev/null <<'SQL'
SELECT 'CREATE ROLE odoo LOGIN CREATEDB' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odoo') \gexec
ALTER ROLE odoo PASSWORD :'password';
SQL
}

stop_postgres() {
    ! pg_running || step "Stopping PostgreSQL" as_postgres "$(pg_bin)/pg_ctl" -D "$PG_DIR/data" -m fast -w stop
}
