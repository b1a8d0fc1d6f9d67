"""What can go wrong on a machine reached by SSH.

SshError
 ├─ Unavailable           no answer, or the connection was lost
 ├─ HostKeyChanged        the machine showed another key than the pinned one
 ├─ AuthenticationFailed  user, password, key or sudo was refused
 ├─ CommandFailed         a command ended with an error
 └─ CommandTimedOut       a command took too long and was ended
"""


class SshError(Exception):
    """Base of everything that a session raises; the text is for the operator, without secrets."""


class Unavailable(SshError):
    """The machine does not answer, or the connection was lost in the middle of something."""


class HostKeyChanged(SshError):
    """The machine showed another host key than the pinned one. Nothing was sent."""


class AuthenticationFailed(SshError):
    """The machine refuses the user, or sudo refuses him."""


class CommandFailed(SshError):
    """A command ended with an error. ``output``: the last lines that it wrote."""

    def __init__(self, server: str, program: str, exit_status: int, output: str):
        self.program, self.exit_status, self.output = program, exit_status, output
        text = f"{server}: {program} failed (exit status {exit_status})"
        super().__init__(f"{text}: {output}" if output else f"{text}.")


class CommandTimedOut(SshError):
    """A command took too long and was ended."""
