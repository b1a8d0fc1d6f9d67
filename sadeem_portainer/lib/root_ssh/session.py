"""Commands on a machine reached by SSH."""

import codecs
import logging
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paramiko

from .errors import (
    AuthenticationFailed,
    CommandFailed,
    CommandTimedOut,
    SshError,
    Unavailable,
)
from .keys import PARAMIKO_LOG, PinnedHostKey, read_private_key

_logger = logging.getLogger(__name__)

#: Of what a command writes, this much is kept (the end of it), in characters.
MAX_OUTPUT = 1024 * 1024
#: Exit statuses of coreutils' timeout: it sent TERM, or at last KILL.
_TIMED_OUT = (124, 137)
_PAUSE = 0.02
#: A background process may keep the output open; wait for its last words this long.
_GRACE = 0.5

#: Writes standard input to a file at once or not at all, never readable to others meanwhile.
_PUT_FILE = (
    'set -e; mkdir -p -- "$(dirname -- "$1")"; umask 077; new=$(mktemp -- "$1.XXXXXX"); '
    'trap \'rm -f -- "$new"\' EXIT; cat >"$new"; chmod -- "$2" "$new"; mv -f -- "$new" "$1"'
)


@dataclass(frozen=True)
class CommandResult:
    """What a command wrote, and how it ended (0: well)."""

    exit_status: int
    stdout: str
    stderr: str


class SshSession:
    """One connection to a machine that is known by its host key. Use it in ``with``.

    :param password: for the user, and for sudo
    :param key: text of a private key, used instead of the password to log in
    :param host_key: pinned fingerprint (``SHA256:…``), from :func:`~.keys.fetch_host_key`
    :param timeout: seconds to connect and log in
    """

    def __init__(
        self,
        host: str,
        port: int = 22,
        username: str = "root",
        *,
        host_key: str,
        password: str | None = None,
        key: str | None = None,
        passphrase: str | None = None,
        timeout: float = 15,
        clock=time.monotonic,
        sleep=time.sleep,
    ):
        if not host_key:
            raise ValueError("A session needs the fingerprint of the machine's host key.")
        self.server = f"{username}@{host}:{port}"
        self._address = (host, port)
        self._username, self._password = username, password
        self._key, self._passphrase = key, passphrase
        self._host_key, self._timeout = host_key, timeout
        self._clock, self._sleep = clock, sleep
        self._client: paramiko.SSHClient | None = None
        #: Called again and again while a command runs; what it raises ends the waiting.
        self.on_wait: Callable[[], None] = lambda: None
        self._sudo: tuple[list[str], str] | None = None

    def __enter__(self) -> "SshSession":
        self.connect()
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SshSession({self.server!r})"

    def connect(self) -> None:
        """Open the connection.

        :raises HostKeyChanged: before any credential is sent
        """
        key = read_private_key(self._key, self._passphrase) if self._key else None
        client = paramiko.SSHClient()
        client.set_log_channel(PARAMIKO_LOG)
        client.set_missing_host_key_policy(PinnedHostKey(self.server, self._host_key))
        host, port = self._address
        try:
            client.connect(
                host,
                port,
                self._username,
                password=None if key else self._password,
                pkey=key,
                timeout=self._timeout,
                banner_timeout=self._timeout,
                auth_timeout=self._timeout,
                channel_timeout=self._timeout,
                # Neither what lies about on this machine nor its agent is ours to use.
                look_for_keys=False,
                allow_agent=False,
            )
        except SshError:
            client.close()
            raise
        except paramiko.AuthenticationException as error:
            client.close()
            what = "this key" if key else "this password"
            raise AuthenticationFailed(f"{self.server} refuses {what}.") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            client.close()
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{self.server} does not answer: {reason}.") from error
        # Else a command would wait for ever on a machine that fell off the network.
        client.get_transport().set_keepalive(15)
        self._client = client

    def close(self) -> None:
        if self._client:
            self._client.close()
        self._client = self._sudo = None

    # --- Commands ----------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        sudo: bool = False,
        input: str | bytes | None = None,
        timeout: float = 60,
        on_output: Callable[[str], None] | None = None,
        check: bool = True,
    ) -> CommandResult:
        """Run one program with its arguments, each of them quoted, and wait for it.

        :param sudo: as root; nothing is added when the user is root
        :param timeout: seconds, after which the program is ended
        :param on_output: called with each piece of text while the program writes it
        :param check: raise CommandFailed when it ends with an error
        """
        if isinstance(argv, str) or not argv:
            raise TypeError("A command is a list: the program and its arguments.")
        prefix, secret = self._prepare_sudo() if sudo else ([], "")
        data = input.encode() if isinstance(input, str) else input or b""
        # Ended over there too: a lost connection ends nothing.
        limited = ["timeout", "-k", "10", str(max(int(timeout), 1)), *argv]
        return self._run(
            [*prefix, *limited], secret.encode() + data, argv[0], timeout, on_output, check
        )

    def put_file(
        self, path: str, content: str | bytes, mode: int = 0o600, sudo: bool = False
    ) -> None:
        """Write a file, in one go; its folder is made if need be."""
        argv = ["sh", "-c", _PUT_FILE, "sh", path, f"{mode:o}"]
        self.run(argv, input=content, sudo=sudo)

    def check_root(self) -> None:
        """:raises AuthenticationFailed: when the user is not root and cannot become root"""
        self._prepare_sudo()

    def _prepare_sudo(self) -> tuple[list[str], str]:
        """What to put before a command, and the line that sudo reads before the command does."""
        if self._sudo is not None:
            return self._sudo
        if self._run(["id", "-u"], b"", "id", 30).stdout.strip() == "0":
            self._sudo = ([], "")
        elif self._try(["sudo", "-k", "-n", "true"]).exit_status == 0:
            self._sudo = (["sudo", "-n", "--"], "")
        elif not self._password:
            raise AuthenticationFailed(f"{self.server} may not become root: sudo wants a password.")
        else:
            # -k: always asks, so that the password never ends up in the command's input.
            prefix, secret = ["sudo", "-k", "-S", "-p", "", "--"], f"{self._password}\n"
            tried = self._try([*prefix, "true"], secret.encode())
            if tried.exit_status != 0:
                raise AuthenticationFailed(
                    f"{self.server} may not become root: {self._why_no_sudo(tried)}."
                )
            self._sudo = (prefix, secret)
        return self._sudo

    def _try(self, argv: list[str], data: bytes = b"") -> CommandResult:
        return self._run(argv, data, argv[0], 30, check=False)

    @staticmethod
    def _why_no_sudo(tried: CommandResult) -> str:
        if tried.exit_status == 127:
            return "sudo is not installed"
        if "not in the sudoers" in tried.stderr or "not allowed" in tried.stderr:
            return "sudo does not allow this user"
        return "sudo refuses the password"

    def _run(self, argv, data, program, timeout, on_output=None, check=True) -> CommandResult:
        _logger.debug("%s: running %s", self.server, program)
        collected = _Output(on_output)
        started = self._clock()
        try:
            channel = self._open_channel()
            try:
                channel.exec_command(shlex.join(["env", "LC_ALL=C", *argv]))
                # The other end has its own limit; this is for when it is gone.
                exit_status = self._pump(channel, data, collected, program, timeout + 15)
            finally:
                channel.close()
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Unavailable(f"{self.server}: the connection was lost.") from error
        result = CommandResult(exit_status, *collected.finish())
        if exit_status in _TIMED_OUT and self._clock() - started >= timeout:
            raise CommandTimedOut(f"{self.server}: {program} took more than {timeout:.0f} seconds.")
        if check and exit_status != 0:
            lines = collected.last_lines()
            for secret in filter(None, (self._password, self._passphrase)):
                lines = lines.replace(secret, "…")
            raise CommandFailed(self.server, program, exit_status, lines)
        return result

    def _open_channel(self) -> paramiko.Channel:
        transport = self._client and self._client.get_transport()
        if not transport or not transport.is_active():
            raise Unavailable(f"{self.server}: there is no connection.")
        return transport.open_session(timeout=self._timeout)

    def _pump(self, channel, data, collected, program, timeout) -> int:
        """Feed the command and collect what it writes, until it ended; neither can block."""
        deadline = self._clock() + timeout
        ended_at = None
        closed = not data
        if closed:
            channel.shutdown_write()
        while True:
            busy = False
            if channel.recv_ready():
                collected.add(0, channel.recv(65536))
                busy = True
            if channel.recv_stderr_ready():
                collected.add(1, channel.recv_stderr(65536))
                busy = True
            if not closed and not channel.exit_status_ready() and channel.send_ready():
                data = data[self._send(channel, data[:32768]) :]
                if not data:
                    channel.shutdown_write()
                    closed = True
                busy = True
            if busy:
                continue
            now = self._clock()
            if channel.exit_status_ready():
                ended_at = ended_at or now
                if channel.eof_received or now > ended_at + _GRACE:
                    break
            elif channel.closed or not channel.get_transport().is_active():
                break
            elif now > deadline:
                raise CommandTimedOut(f"{self.server}: {program} does not end.")
            self.on_wait()
            self._sleep(_PAUSE)
        status = channel.recv_exit_status() if channel.exit_status_ready() else -1
        if status == -1:
            raise Unavailable(f"{self.server}: the connection was lost while {program} ran.")
        return status

    @staticmethod
    def _send(channel, data: bytes) -> int:
        try:
            return channel.send(data)
        except (TimeoutError, OSError):
            # The command ended without reading everything.
            return len(data)


class _Output:
    """Text of the two streams, decoded as it comes."""

    def __init__(self, on_output):
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = (decoder("replace"), decoder("replace"))
        self._texts = ["", ""]
        self._both = ""
        self._on_output = on_output

    def add(self, stream: int, data: bytes, final: bool = False) -> None:
        text = self._decoders[stream].decode(data, final)
        if not text:
            return
        self._texts[stream] = (self._texts[stream] + text)[-MAX_OUTPUT:]
        self._both = (self._both + text)[-4000:]
        if self._on_output:
            self._on_output(text)

    def finish(self) -> tuple[str, str]:
        for stream in (0, 1):
            self.add(stream, b"", final=True)
        return self._texts[0], self._texts[1]

    def last_lines(self) -> str:
        lines = [line.strip() for line in self._both.splitlines() if line.strip()]
        return "\n".join(lines[-5:])[-1000:]
