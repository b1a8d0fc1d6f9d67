# shellcheck shell=bash
# Paths and small helpers that every verb of ./dev shares. Sourced, never run.

# Some programs fail in strange ways when standard input is closed.
[ -e /proc/self/fd/0 ] || exec </dev/null

DEV_DIR=${SAAS_DEV_DIR:-$ROOT/.dev}
mkdir -p "$DEV_DIR/log"
DEV_DIR=$(cd "$DEV_DIR" && pwd)
VENV=$DEV_DIR/venv
PYTHON=$VENV/bin/python
export SAAS_DEV_DIR=$DEV_DIR DEBIAN_FRONTEND=noninteractive
# The environment may forbid compiled files, which would make every start slow.
unset PYTHONDONTWRITEBYTECODE

die() { printf '\033[31merror:\033[0m %s\n' "$*" >&2; exit 1; }

# step "what it does" command...: names the work, runs it quietly, shows its output only when it fails.
step() {
    local title=$1 log start status
    shift
    log=$DEV_DIR/log/step-$$.log
    start=$SECONDS
    printf '\033[1m==>\033[0m %s ... ' "$title" >&2
    # Not "|| status=$?": the work would then run without set -e.
    set +e
    (set -e; "$@") >"$log" 2>&1 </dev/null 9>&-
    status=$?
    set -e
    if [ "$status" -ne 0 ]; then
        printf 'failed\n' >&2
        tail -n 40 "$log" >&2
        die "$title: failed (exit status $status); the lines above say why."
    fi
    printf '%ds\n' $((SECONDS - start)) >&2
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

need_setup() { [ -x "$PYTHON" ] || die "nothing is set up yet; ./dev setup does it."; }

devkit() { "$PYTHON" "$ROOT/scripts/dev.py" "$@"; }
