# shellcheck shell=bash
# Installs what is missing: Debian packages, Odoo 19, a virtual environment. Sourced by ./dev.

# --- Debian packages -----------------------------------------------------------

APT_UPDATED=
apt_update() {
    [ -z "$APT_UPDATED" ] || return 0
    step "Refreshing Debian's package lists" as_root apt-get -o DPkg::Lock::Timeout=300 update -q
    APT_UPDATED=1
}

apt_install() {
    local missing=() name installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for name in "$@"; do
        grep -qx "installed $name" <<<"$installed" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null \
        || die "these Debian packages are missing; install them as root: apt-get install ${missing[*]}"
    apt_update
    step "Installing ${missing[*]}" \
        as_root apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"
}

has_postgres() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; }

setup_system() {
    local packages=(ca-certificates libnss-myhostname fonts-dejavu-core fonts-liberation)
    find_python || packages+=(python3 python3-venv)
    has_postgres || packages+=(postgresql)
    if command -v apt-get >/dev/null; then
        apt_install "${packages[@]}"
    fi
    find_python || die "Python 3.11, 3.12 or 3.13 with its venv module is needed and was not found."
    has_postgres || die "PostgreSQL 15 or later is needed and was not found."
}

# --- Python ----------------------------------------------------------------------

# Sets BASE_PYTHON, if Odoo 19 and we can use one of them, to the active Python when it has Odoo, else
# to the system's, which Debian builds for speed, else to the active one.
find_python() {
    local active candidate candidates
    active=$(command -v python3 || true)
    candidates=(/usr/bin/python3 "$active")
    ! odoo_of "$active" >/dev/null || candidates=("$active" /usr/bin/python3)
    for candidate in "${candidates[@]}"; do
        if [ -x "$candidate" ] && "$candidate" -c \
            'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            BASE_PYTHON=$candidate
            return 0
        fi
    done
    return 1
}

# The folder of the odoo package that a Python can import, if it is Odoo 19.
odoo_of() (
    [ -n "$1" ] && cd / && "$1" -c '
import odoo.release, os
assert odoo.release.version_info[:2] == (19, 0)
print(os.path.dirname(os.path.dirname(os.path.abspath(odoo.release.__file__))))' 2>/dev/null
)

make_venv() {
    rm -rf "$VENV"
    "$BASE_PYTHON" -m venv "$VENV"
    link_odoo
}

# Odoo is not a package of the venv: a .pth file leads there. An active Python that has Odoo lends
# all its packages, after the venv's own.
link_odoo() {
    local lent=()
    [ "$ODOO_SOURCE" != python ] || mapfile -t lent < <(cd / && "$BASE_PYTHON" -c '
import os, sys
for path in sys.path:
    if os.path.isdir(path) and os.path.basename(path) in ("site-packages", "dist-packages"):
        print(path)')
    "$PYTHON" - "$ODOO_ROOT" "${lent[@]}" <<'PY'
import pathlib, sys, sysconfig

odoo, *lent = sys.argv[1:]
lines = [odoo] + [f"import site; site.addsitedir({path!r})" for path in lent]
path = pathlib.Path(sysconfig.get_path("purelib"), "odoo19.pth")
text = "\n".join(lines) + "\n"
if not path.exists() or path.read_text() != text:
    path.write_text(text)
PY
}

pip_install() { (cd "$ROOT" && "$PYTHON" -m pip install --disable-pip-version-check -q "$@"); }

setup_python() {
    local wanted
    wanted=$(cd "$ROOT" && { cat requirements.txt scripts/requirements-*.txt; echo "$ODOO_ROOT $BASE_PYTHON"; } | sha256sum)
    if [ "$(cat "$VENV/.complete" 2>/dev/null)" != "$wanted" ] || ! "$PYTHON" -c '' 2>/dev/null; then
        step "Making a virtual environment" make_venv
        local files=(-r requirements.txt -r scripts/requirements-dev.txt)
        [ "$ODOO_SOURCE" = python ] || files+=(-r scripts/requirements-odoo.txt)
        step "Installing Python packages (about a minute)" pip_install "${files[@]}"
        # An Odoo found in the active Python may have come without what it imports.
        (cd / && "$PYTHON" -c 'import odoo.http, odoo.service.server') >/dev/null 2>&1 \
            || step "Installing Odoo's Python packages" pip_install -r scripts/requirements-odoo.txt
        echo "$wanted" >"$VENV/.complete"
    fi
}

# --- Odoo ------------------------------------------------------------------------

# Odoo is taken from $ODOO_PATH, else from the active Python, else from Debian's package odoo-19.
# Sets ODOO_SOURCE (environment, python or debian) and ODOO_ROOT, the folder that holds the package.
find_odoo() {
    local folder
    ODOO_SOURCE=debian
    ODOO_ROOT=$DEV_DIR/odoo/usr/lib/python3/dist-packages
    if [ -n "${ODOO_PATH:-}" ]; then
        ODOO_SOURCE=environment
        ODOO_ROOT=
        for folder in "$ODOO_PATH" "$ODOO_PATH/.." "$ODOO_PATH/usr/lib/python3/dist-packages"; do
            [ ! -e "$folder/odoo/release.py" ] || { ODOO_ROOT=$(cd "$folder" && pwd); break; }
        done
        [ -n "$ODOO_ROOT" ] || die "ODOO_PATH=$ODOO_PATH holds no odoo/release.py: name the folder that contains the odoo package."
        grep -q "^version_info = (19, 0," "$ODOO_ROOT/odoo/release.py" || die "ODOO_PATH=$ODOO_PATH is not Odoo 19.0."
    elif folder=$(odoo_of "$BASE_PYTHON"); then
        ODOO_SOURCE=python
        ODOO_ROOT=$folder
    fi
}

# Odoo 19 is packaged in Debian's development suite only; the mirror is the one apt already uses.
fetch_odoo_packages() {
    local work=$1 mirror
    # shellcheck source=/dev/null
    . /etc/os-release
    rm -rf "$work"
    mkdir -p "$work/sid/partial" "$work/own/partial"
    # shellcheck disable=SC2016  # apt's own variables
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        | awk -v suite="$VERSION_CODENAME" '$2 == suite && $3 == "main" { print $1; exit }')
    [ -n "$mirror" ] || { echo "apt's configuration names no mirror for $VERSION_CODENAME main"; return 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sid.list"
    # Lists of our own: this needs no root, and the machine's apt never hears of the other suite.
    # A mirror that stands still for some weeks will do; its signature is checked all the same.
    local options=(-oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache= -oAPT::Sandbox::User=
        -oAcquire::Check-Valid-Until=false)
    local own=("${options[@]}" -oDir::State::Lists="$work/own")
    local sid=("${options[@]}" -oDir::State::Lists="$work/sid" -oDir::Etc::SourceList="$work/sid.list"
        -oDir::Etc::SourceParts=/dev/null)
    cd "$work" || return
    apt-get "${sid[@]}" update -q
    apt-get "${sid[@]}" download odoo-19
    # What Odoo's tree links to; unpacked into the tree, because its links are relative to it.
    apt-get "${own[@]}" update -q
    apt-get "${own[@]}" download fonts-font-awesome fonts-roboto-unhinted fonts-inconsolata fonts-ocr-b \
        libjs-jquery libjs-jquery-form libjs-underscore
}

unpack_odoo() {
    local work=$1 new=$DEV_DIR/odoo.new package packages
    packages=$new/usr/lib/python3/dist-packages
    rm -rf "$new"
    for package in "$work"/*.deb; do dpkg -x "$package" "$new"; done
    # Debian leaves this file out although a manifest names it: an empty one keeps the bundle whole.
    mkdir -p "$packages/odoo/addons/mail/static/lib/selfie_segmentation"
    touch "$packages/odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    # A partial second copy of the addons, without their data.
    rm -rf "$packages/addons"
    rm -rf "$DEV_DIR/odoo"
    mv "$new" "$DEV_DIR/odoo"
}

setup_odoo() {
    [ "$ODOO_SOURCE" = debian ] || return 0
    [ ! -e "$ODOO_ROOT/odoo/release.py" ] || return 0
    command -v apt-get >/dev/null \
        || die "Odoo 19 was not found: set ODOO_PATH, or use a Debian machine where ./dev can fetch it."
    apt_install debian-archive-keyring
    step "Downloading Odoo 19 (Debian's odoo-19, about 120 MB)" fetch_odoo_packages "$DEV_DIR/odoo-packages"
    step "Unpacking Odoo 19" unpack_odoo "$DEV_DIR/odoo-packages"
    rm -rf "$DEV_DIR/odoo-packages"
}

compile_odoo() {
    [ "$ODOO_SOURCE" = debian ] && [ ! -e "$DEV_DIR/odoo/.compiled" ] || return 0
    step "Compiling Odoo (once)" "$PYTHON" -m compileall -q -j2 "$ODOO_ROOT/odoo"
    touch "$DEV_DIR/odoo/.compiled"
}

# --- All together ----------------------------------------------------------------

setup() {
    exec 9>"$DEV_DIR/.lock"
    command -v flock >/dev/null && flock 9
    setup_system
    find_odoo
    setup_odoo
    setup_python
    compile_odoo
    exec 9>&-
}

# What only tests need: a browser for the tours, a checker for the shell files.
setup_tests() {
    command -v apt-get >/dev/null || return 0
    case "$1 ${2:-}" in
        "lint "* | "test lint"*) apt_install shellcheck ;;
        # Without an engine the other stages shall run: the last one then says what is wrong.
        "test ") apt_install shellcheck; setup_browser; setup_printer; setup_sshd; setup_nginx; (setup_docker) || true ;;
        "test unit"*) setup_sshd; setup_nginx ;;
        "test docker"* | "test portainer"*) setup_sshd; (setup_docker) || true ;;
        "test odoo"* | "test e2e"*) setup_browser; setup_printer ;;
    esac
}

setup_browser() {
    local name
    for name in google-chrome chromium chromium-browser google-chrome-stable; do
        ! command -v "$name" >/dev/null || return 0
    done
    apt_install chromium
}

# Odoo makes PDF with it; where the distribution has none, the test of that is skipped.
setup_printer() { command -v wkhtmltopdf >/dev/null || apt_install wkhtmltopdf || true; }

# Tests start these on ports and with settings of their own; the system's services must not start.
setup_sshd() {
    [ ! -x /usr/sbin/sshd ] || ! command -v sudo >/dev/null || return 0
    install_without_service openssh-server sudo
}

setup_nginx() { [ -x /usr/sbin/nginx ] || install_without_service nginx-light; }

install_without_service() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ] && [ "$(id -u)" -eq 0 ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt_install "$@"
)
