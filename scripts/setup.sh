# shellcheck shell=bash
# Installs what is missing: Debian packages, Odoo 19, a virtual environment. Sourced by ./dev.

# Odoo is taken from $ODOO_PATH, else from the active Python, else from Debian's package odoo-19.
# Sets ODOO_SOURCE (environment, python or debian) and BASE_PYTHON.
find_odoo() {
    BASE_PYTHON=$(command -v python3 || true)
    if [ -n "${ODOO_PATH:-}" ]; then
        [ -e "$ODOO_PATH/odoo/release.py" ] \
            || die "ODOO_PATH=$ODOO_PATH holds no odoo/release.py: give the folder that contains the odoo package."
        ODOO_SOURCE=environment
    elif [ -n "$BASE_PYTHON" ] && (cd / && "$BASE_PYTHON" -c 'import odoo.release as r; assert r.version_info[0] == 19') 2>/dev/null; then
        ODOO_SOURCE=python
    else
        ODOO_SOURCE=debian
    fi
}

APT_UPDATED=
apt_install() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null)" = "install ok installed" ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ -z "$APT_UPDATED" ]; then
        step "Refreshing Debian's package lists" as_root apt-get update -q
        APT_UPDATED=1
    fi
    step "Installing ${missing[*]}" as_root apt-get install -y -q --no-install-recommends "${missing[@]}"
}

setup_system() {
    command -v apt-get >/dev/null || die "this setup needs Debian's apt; see docs/development.md for other systems."
    apt_install ca-certificates curl git procps python3 python3-venv postgresql libnss-myhostname \
        fonts-dejavu-core fonts-liberation
}

# Odoo 19 is packaged in Debian's development suite only; the mirror is the one apt already uses.
fetch_odoo_packages() {
    local work=$1 mirror
    # shellcheck source=/dev/null
    . /etc/os-release
    mkdir -p "$work/lists/partial"
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        | awk -v suite="$VERSION_CODENAME" '$2 == suite && $3 == "main" { print $1; exit }')
    [ -n "$mirror" ] || { echo "apt's configuration names no mirror for $VERSION_CODENAME main"; return 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sid.list"
    local options=(-oDir::Etc::SourceList="$work/sid.list" -oDir::Etc::SourceParts=/dev/null
        -oDir::State::Lists="$work/lists" -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache=
        -oAcquire::Check-Valid-Until=false -oAPT::Sandbox::User=)
    (
        cd "$work"
        apt-get "${options[@]}" update -q
        apt-get "${options[@]}" download odoo-19
        # What Odoo's tree links to; unpacked into the tree, because its links are relative to it.
        apt-get download fonts-font-awesome fonts-roboto-unhinted fonts-inconsolata fonts-ocr-b \
            libjs-jquery libjs-jquery-form libjs-underscore
    )
}

unpack_odoo() {
    local work=$1 package addons
    rm -rf "$DEV_DIR/odoo.new"
    for package in "$work"/*.deb; do dpkg -x "$package" "$DEV_DIR/odoo.new"; done
    # Debian leaves this file out although a manifest names it: an empty one keeps the bundle whole.
    addons="$DEV_DIR/odoo.new/usr/lib/python3/dist-packages/odoo/addons"
    mkdir -p "$addons/mail/static/lib/selfie_segmentation"
    touch "$addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    # A partial second copy of the addons, without their data.
    rm -rf "$DEV_DIR/odoo.new/usr/lib/python3/dist-packages/addons"
    rm -rf "$DEV_DIR/odoo"
    mv "$DEV_DIR/odoo.new" "$DEV_DIR/odoo"
}

setup_odoo() {
    [ "$ODOO_SOURCE" = debian ] || return 0
    if [ ! -e "$DEV_DIR/odoo/usr/lib/python3/dist-packages/odoo/release.py" ]; then
        apt_install debian-archive-keyring dpkg
        local work="$DEV_DIR/odoo-packages"
        [ -n "$APT_UPDATED" ] || { step "Refreshing Debian's package lists" as_root apt-get update -q; APT_UPDATED=1; }
        step "Downloading Odoo 19 (Debian's odoo-19, about 120 MB)" fetch_odoo_packages "$work"
        step "Unpacking Odoo 19" unpack_odoo "$work"
        rm -rf "$work"
    fi
    ODOO_PATH="$DEV_DIR/odoo/usr/lib/python3/dist-packages"
}

make_venv() {
    rm -rf "$VENV"
    local options=()
    [ "$ODOO_SOURCE" != python ] || options+=(--system-site-packages)
    "$BASE_PYTHON" -m venv "${options[@]}" "$VENV"
}

setup_python() {
    BASE_PYTHON=${BASE_PYTHON:-$(command -v python3)}
    local wanted
    wanted=$(cd "$ROOT" && cat requirements.txt scripts/requirements-*.txt | sha256sum | cut -d' ' -f1)-$ODOO_SOURCE
    if [ "$(cat "$VENV/.complete" 2>/dev/null)" != "$wanted" ]; then
        "$BASE_PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            || die "Odoo 19 needs Python 3.11 to 3.13; $BASE_PYTHON is $("$BASE_PYTHON" --version 2>&1)."
        step "Making a virtual environment" make_venv
        local files=(-r requirements.txt -r scripts/requirements-dev.txt)
        [ "$ODOO_SOURCE" = python ] || files+=(-r scripts/requirements-odoo.txt)
        step "Installing Python packages (about a minute)" \
            env -C "$ROOT" "$PYTHON" -m pip install --disable-pip-version-check -q "${files[@]}"
        echo "$wanted" >"$VENV/.complete"
    fi
    if [ "$ODOO_SOURCE" != python ]; then
        "$PYTHON" - "$ODOO_PATH" <<'PY'
import pathlib, sys, sysconfig
path = pathlib.Path(sysconfig.get_path("purelib"), "odoo19.pth")
if not path.exists() or path.read_text() != sys.argv[1] + "\n":
    path.write_text(sys.argv[1] + "\n")
PY
    fi
    if [ ! -e "$DEV_DIR/odoo/.compiled" ] && [ "$ODOO_SOURCE" = debian ]; then
        step "Compiling Odoo (once)" "$PYTHON" -m compileall -q -j2 "$ODOO_PATH/odoo"
        touch "$DEV_DIR/odoo/.compiled"
    fi
}

setup() {
    mkdir -p "$DEV_DIR"
    find_odoo
    setup_system
    setup_odoo
    setup_python
}
