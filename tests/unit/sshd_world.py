"""A real OpenSSH server on the loopback, with users and sudo rules that the system never sees.

It runs in a mount namespace of its own, where copies with our users lie over the files in /etc.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paramiko
from passlib.hash import sha512_crypt

SSHD = "/usr/sbin/sshd"
PASSWORD = "Pass word'$1"
#: May become root with his password, without one, not at all.
ADMIN, FREE, PLAIN = "sshadmin", "sshfree", "sshplain"
_USERS = {ADMIN: 61001, FREE: 61002, PLAIN: 61003}
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
"""
_START = """
set -e
for file in passwd shadow group; do mount --bind "$1/$file" "/etc/$file"; done
mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
cp "$1/sudoers" /etc/sudoers.d/tests
chmod 440 /etc/sudoers.d/tests
mkdir -p /run/sshd
eval "$2"
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
"""


def why_not() -> str:
    """Why there can be no server here, '' if there can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs root"
    missing = [name for name in (SSHD, "/usr/bin/sudo") if not Path(name).exists()]
    if missing:
        return f"{', '.join(missing)} not installed"
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "needs mount namespaces"


class SshServer:
    """The server, the key that opens it for every user, and a way to start it anew."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, before: str = ""):
        self.folder, self._before = folder, before
        with socket.create_server((self.host, 0)) as free:
            self.port = free.getsockname()[1]
        self.client_key = paramiko.ECDSAKey.generate()
        self._process = None
        self._write_files()
        self.new_host_key()

    @property
    def client_key_text(self) -> str:
        return self._text(self.client_key)

    @staticmethod
    def _text(key, passphrase=None) -> str:
        with tempfile.TemporaryFile("w+") as file:
            key.write_private_key(file, password=passphrase)
            file.seek(0)
            return file.read()

    def encrypted_key_text(self, passphrase: str) -> str:
        return self._text(self.client_key, passphrase)

    def _write_files(self) -> None:
        (self.folder / "authorized_keys").write_text(
            f"{self.client_key.get_name()} {self.client_key.get_base64()}\n"
        )
        (self.folder / "sshd_config").write_text(_CONFIG.format(port=self.port, folder=self.folder))
        (self.folder / "sudoers").write_text(
            f"{ADMIN} ALL=(ALL) ALL\n{FREE} ALL=(ALL) NOPASSWD: ALL\n"
        )
        texts = {name: Path("/etc", name).read_text() for name in ("passwd", "shadow", "group")}
        secret = sha512_crypt.using(rounds=1000).hash(PASSWORD)
        for user, number in _USERS.items():
            home = self.folder / user
            home.mkdir()
            os.chown(home, number, number)
            texts["passwd"] += f"{user}:x:{number}:{number}::{home}:/bin/sh\n"
            texts["shadow"] += f"{user}:{secret}:19000:0:99999:7:::\n"
            texts["group"] += f"{user}:x:{number}:\n"
        for name, text in texts.items():
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o600 if name == "shadow" else 0o644)

    def new_host_key(self) -> None:
        """As after the machine was installed anew; counts from the next start."""
        key = paramiko.ECDSAKey.generate()
        path = self.folder / "host_key"
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_text(self._text(key))

    def start(self) -> None:
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", _START, "sh"]
        with open(self.folder / "sshd.log", "ab") as log:
            self._process = subprocess.Popen([*argv, str(self.folder), self._before], stderr=log)
        for _attempt in range(200):
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port)):
                return
            assert self._process.poll() is None, (self.folder / "sshd.log").read_text()
            time.sleep(0.05)
        raise AssertionError("sshd does not listen")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def drop_connections(self) -> None:
        """Ends the processes that serve the open connections, as a crash would."""
        listing = subprocess.run(
            ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
        family = {self._process.pid}
        while more := {pid for pid, parent in pairs if parent in family} - family:
            family |= more
        for pid in family - {self._process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def ssh_server(before: str = ""):
    """``before``: shell commands that only change what this server sees of the machine."""
    folder = Path(tempfile.mkdtemp(prefix="sshd-"))
    # Our users can enter it, which they could not in pytest's.
    folder.chmod(0o755)
    server = SshServer(folder, before)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
