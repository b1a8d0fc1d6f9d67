"""Host keys, which a machine is known by, and keys to log in with."""

import base64
import hashlib
import io
import logging
import socket

import paramiko

from .errors import AuthenticationFailed, HostKeyChanged, Unavailable

#: paramiko logs as errors, with tracebacks, what it raises to us anyway.
PARAMIKO_LOG = "root_ssh.paramiko"
logging.getLogger(PARAMIKO_LOG).setLevel(logging.CRITICAL)
_KEY_TYPES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


def fingerprint(key: paramiko.PKey) -> str:
    """``SHA256:…`` as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def fetch_host_key(host: str, port: int = 22, timeout: float = 10) -> str:
    """Fingerprint of the key that the machine shows now; trusts nothing, sends no user.

    :raises Unavailable: when no SSH server answers there
    """
    server = f"{host}:{port}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError as error:
        raise Unavailable(f"{server} does not answer: {error}.") from error
    transport = paramiko.Transport(connection)
    transport.set_log_channel(PARAMIKO_LOG)
    try:
        transport.start_client(timeout=timeout)
        return fingerprint(transport.get_remote_server_key())
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unavailable(f"{server} does not answer as an SSH server does.") from error
    finally:
        transport.close()


class PinnedHostKey(paramiko.MissingHostKeyPolicy):
    """Accepts one host key only."""

    def __init__(self, server: str, expected: str):
        self._server, self._expected = server, expected.rstrip("=")

    def missing_host_key(self, client, hostname, key):
        shown = fingerprint(key)
        if shown != self._expected:
            raise HostKeyChanged(
                f"{self._server} showed another host key ({shown}) than the one that was confirmed"
                f" ({self._expected}). Nothing was sent. If the machine was installed anew, reset"
                " it to draft and confirm it again, which pins the new key; otherwise somebody is"
                " in between."
            )


def read_private_key(text: str, passphrase: str | None = None) -> paramiko.PKey:
    """A private key of any usual kind, from the text of its file.

    :raises AuthenticationFailed: when it cannot be read
    """
    for kind in _KEY_TYPES:
        try:
            return kind.from_private_key(io.StringIO(text.strip() + "\n"), passphrase or None)
        except paramiko.PasswordRequiredException:
            raise AuthenticationFailed(
                "The private key is encrypted: enter its passphrase."
            ) from None
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    what = "or the passphrase is wrong" if passphrase else "of kind Ed25519, ECDSA or RSA"
    raise AuthenticationFailed(f"This is not a private key {what}.")
