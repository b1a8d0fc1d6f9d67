# shellcheck shell=bash
# Fetches a Docker engine and compose for tests into .dev/docker/engine. Sourced by ./dev.

DOCKER_ENGINE=$DEV_DIR/docker/engine

# Compose v2 came to Debian with this suite; its package runs on older ones too.
COMPOSE_SUITE=trixie

# The mirror that apt already uses for this machine's suite.
apt_mirror() {
    # shellcheck source=/dev/null
    . /etc/os-release
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        | awk -v suite="$VERSION_CODENAME" '$2 == suite && $3 == "main" { print $1; exit }'
}

# Package lists of our own, so that the machine's apt never hears of another suite.
fetch_docker_packages() {
    local work=$1 mirror
    rm -rf "$work"
    mkdir -p "$work/own/partial" "$work/other/partial"
    mirror=$(apt_mirror)
    [ -n "$mirror" ] || { echo "apt's configuration names no mirror for this suite's main"; return 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $COMPOSE_SUITE main" \
        >"$work/other.list"
    local options=(-oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache= -oAPT::Sandbox::User=
        -oAcquire::Check-Valid-Until=false)
    local own=("${options[@]}" -oDir::State::Lists="$work/own")
    local other=("${options[@]}" -oDir::State::Lists="$work/other" -oDir::Etc::SourceList="$work/other.list"
        -oDir::Etc::SourceParts=/dev/null)
    cd "$work" || return
    apt-get "${own[@]}" update -q
    apt-get "${own[@]}" download docker.io containerd runc tini busybox-static
    # Newer suites keep the command line program apart.
    if apt-cache "${own[@]}" show docker-cli >/dev/null 2>&1; then apt-get "${own[@]}" download docker-cli; fi
    apt-get "${other[@]}" update -q
    apt-get "${other[@]}" download docker-compose
}

unpack_docker() {
    local work=$1 new=$DOCKER_ENGINE.new package
    rm -rf "$new"
    for package in "$work"/*.deb; do dpkg -x "$package" "$new"; done
    mkdir -p "$new/config/cli-plugins"
    ln -s ../../usr/libexec/docker/cli-plugins/docker-compose "$new/config/cli-plugins/docker-compose"
    echo '{}' >"$new/config/config.json"
    rm -rf "$DOCKER_ENGINE"
    mv "$new" "$DOCKER_ENGINE"
}

setup_docker() {
    [ "$(id -u)" -eq 0 ] || die "a Docker engine can be started by root only; run this command as root."
    command -v apt-get >/dev/null || die "the Docker engine for tests comes from Debian's packages; apt-get was not found."
    exec 9>"$DEV_DIR/.lock"
    command -v flock >/dev/null && flock 9
    # Libraries and tools that the engine uses; the engine itself is not installed.
    apt_install debian-archive-keyring iptables iproute2 libdevmapper1.02.1 libseccomp2 libsystemd0 mmdebstrap
    # The second is what `init: true` puts into containers.
    if [ ! -x "$DOCKER_ENGINE/usr/sbin/dockerd" ] || [ ! -x "$DOCKER_ENGINE/usr/bin/tini-static" ]; then
        step "Downloading a Docker engine and compose (Debian's, about 80 MB)" \
            fetch_docker_packages "$DEV_DIR/docker/packages"
        step "Unpacking the Docker engine" unpack_docker "$DEV_DIR/docker/packages"
        rm -rf "$DEV_DIR/docker/packages"
    fi
    exec 9>&-
}
