"""A machine to install on: Debian with an SSH server and Docker's command line program.

Its Docker is the engine whose socket is mounted to /var/run/docker.sock. ENGINE_SOCKET tells where
that socket is outside, for containers that want it too. `docker` waits while there is a file
/gate, which tells how its arguments begin; `docker create` gets the words of /options as well.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from . import debian_image
from .docker_engine import PACKAGES

BASE = "saas-test/sshd:1"
PASSWORD = "Pass word'$1"
#: May become root with his password, without one, not at all.
ADMIN, FREE, PLAIN = "sshadmin", "sshfree", "sshplain"
BARE_DOCKERFILE = f"""FROM {BASE}
RUN for user in {ADMIN} {FREE} {PLAIN}; do useradd --create-home --shell /bin/sh $user; done \\
 && echo '{ADMIN} ALL=(ALL) ALL' >/etc/sudoers.d/tests \\
 && echo '{FREE} ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/tests \\
 && chmod 440 /etc/sudoers.d/tests && rm -f /etc/ssh/ssh_host_* && mkdir -p /run/sshd
COPY accounts /accounts
RUN chpasswd </accounts && rm /accounts && echo 'PermitRootLogin yes' >>/etc/ssh/sshd_config
EXPOSE 22
CMD ["/bin/sh", "-c", "ssh-keygen -A; echo $ENGINE_SOCKET >/engine; exec /usr/sbin/sshd -D -e"]
"""
DOCKERFILE = """FROM {bare}
COPY docker /usr/libexec/docker
COPY gate /usr/bin/docker
"""
GATE = """#!/bin/sh
while [ -e /gate ]; do
    case "$*" in "$(cat /gate)"*) echo "docker $1 waits at the gate"; sleep 0.3 ;; *) break ;; esac
done
for argument; do
    shift
    case "$argument" in
    /var/run/docker.sock:*) set -- "$@" "$(cat /engine):${argument#*:}" ;;
    *) set -- "$@" "$argument" ;;
    esac
done
if [ "$1" = create ] && [ -e /options ]; then
    shift
    set -- create $(cat /options) "$@"
fi
exec /usr/libexec/docker "$@"
"""
_DIGEST = hashlib.sha256((BARE_DOCKERFILE + DOCKERFILE + GATE).encode()).hexdigest()[:12]
#: Without Docker's program, and with it.
BARE, TAG = f"saas-test/bare-server:{_DIGEST}", f"saas-test/root-server:{_DIGEST}"


def build(engine):
    """Makes both images unless the engine has them."""
    if engine.request("GET", f"/images/{TAG}/json")[0] != 404:
        return
    debian_image.build(engine, BASE, "openssh-server,sudo")
    with tempfile.TemporaryDirectory(dir=engine.folder) as folder:
        context = Path(folder)
        users = ("root", ADMIN, FREE, PLAIN)
        (context / "accounts").write_text("".join(f"{user}:{PASSWORD}\n" for user in users))
        (context / "gate").write_text(GATE)
        (context / "gate").chmod(0o755)
        shutil.copy(PACKAGES / "usr/bin/docker", context)
        for tag, text in ((BARE, BARE_DOCKERFILE), (TAG, DOCKERFILE.format(bare=BARE))):
            (context / "Dockerfile").write_text(text)
            engine.docker("build", "--quiet", "--network=none", f"--tag={tag}", context)
