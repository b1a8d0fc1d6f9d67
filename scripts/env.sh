# shellcheck shell=bash
# Paths and small helpers that every verb of ./dev shares. Sourced, never run.

DEV_DIR="${SAAS_DEV_DIR:-$ROOT/.dev}"
VENV="$DEV_DIR/venv"
PYTHON="$VENV/bin/python"
export DEV_DIR PYTHONDONTWRITEBYTECODE=
export DEBIAN_FRONTEND=noninteractive

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[31merror:\033[0m %s\n' "$*" >&2; exit 1; }

# step "what it does" command...: names the work, runs it quietly, shows its output only when it fails.
step() {
    local title=$1 log start status=0
    shift
    log="$DEV_DIR/log/setup-$$.log"
    mkdir -p "$DEV_DIR/log"
    start=$SECONDS
    printf '\033[1m==>\033[0m %s ... ' "$title" >&2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        printf 'failed\n' >&2
        tail -n 40 "$log" >&2
        exit "$status"
    fi
    printf '%ds\n' $((SECONDS - start)) >&2
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
