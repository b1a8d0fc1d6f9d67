"""What can go wrong in a call to Portainer, by what the caller should do next.

PortainerError
 ├─ Unavailable           no answer, or none in time; nothing was changed: try again later
 ├─ UnknownOutcome        a write was sent and its answer lost: look before repeating it
 │   └─ StillDeploying        the server was still at work when our patience ended
 ├─ UntrustedCertificate  the server's certificate is not accepted
 │   └─ CertificateChanged    it is not the pinned one
 ├─ Unauthorized          the credential is wrong, expired or missing
 ├─ Forbidden             the credential is good and may not do this
 │   └─ SetupTokenRequired    the first administrator needs the token of the server's log
 ├─ Locked                no administrator in five minutes: Portainer must be restarted
 ├─ NotFound              there is no such thing
 │   └─ NoSuchRoute           this version of the API has no such call
 ├─ Conflict              the present state forbids it
 ├─ InvalidRequest        refused as asked, and would be refused again
 │   ├─ InvalidCompose        the compose text cannot work
 │   └─ WrongEnvironment      the stack lives in another environment
 └─ ServerFailed          Portainer or Docker tried and failed
     └─ DeployFailed          compose could not bring the stack up
"""


class PortainerError(Exception):
    """Base of everything that a call to Portainer raises; the text is for the operator.

    ``server``: its address; ``action``: what was tried ("create the stack web"); ``reason``: what
    the server or the network said; ``hint``: what to do next. None of them holds a secret.
    """

    hint = "See Portainer's log."

    def __init__(self, server: str, action: str, reason: str, hint: str | None = None):
        self.server, self.action = server, action
        self.reason = reason.strip().rstrip(".")
        if hint is not None:
            self.hint = hint
        super().__init__(f"{server} could not {action}: {self.reason}. {self.hint}".strip())


class Unavailable(PortainerError):
    """No answer, or none in time, and nothing was changed.

    ``transient``: the connection failed, or a proxy says so; a read may be repeated at once.
    """

    transient = False
    hint = "Check that Portainer runs and can be reached, then try again."


class UnknownOutcome(PortainerError):
    """A write was sent and its answer lost: it may have worked."""

    hint = "It may have worked all the same: look before you try again."


class StillDeploying(UnknownOutcome):
    """The server deploys in the background and was at work still when our patience ended."""

    hint = "It goes on: look again in a while."


class UntrustedCertificate(PortainerError):
    """The server's certificate is not accepted."""

    hint = "Pin the server's certificate if it signs its own."


class CertificateChanged(UntrustedCertificate):
    """The server showed another certificate than the pinned one."""

    hint = (
        "If you renewed the certificate and this is it, reset the server to draft and confirm it"
        " again; otherwise somebody is between."
    )


class Unauthorized(PortainerError):
    """The credential is wrong, expired or missing."""

    hint = "Enter a valid access token."


class Forbidden(PortainerError):
    """The credential is good, but not for this."""

    hint = "Use the access token of an administrator."


class SetupTokenRequired(Forbidden):
    """This version wants the setup token of its log before it makes the first administrator."""

    hint = "Read the setup token in the log of Portainer's container."


class Locked(PortainerError):
    """Nobody made an administrator within five minutes of the start."""

    hint = "Restart Portainer and create its administrator within five minutes."


class NotFound(PortainerError):
    """There is no such thing."""

    hint = "It may have been deleted in Portainer; refresh."


class NoSuchRoute(NotFound):
    """The server does not know this call at all."""

    hint = "Check the address; Portainer 2.19 or later is supported."


class Conflict(PortainerError):
    """The present state forbids it: a taken name, a running deployment."""

    hint = "Look at the present state, then try again."


class InvalidRequest(PortainerError):
    """Refused as asked; the same again would be refused again."""

    hint = "Correct it and try again."


class InvalidCompose(InvalidRequest):
    """The compose text cannot work; ``problems`` lists why. Nothing was sent."""

    hint = "Correct the compose text."

    def __init__(
        self, problems: list[str], server: str = "Compose", action: str = "read this text"
    ):
        self.problems = list(problems)
        super().__init__(server, action, "; ".join(self.problems))


class WrongEnvironment(InvalidRequest):
    """The stack lives in another environment than the caller thinks. Nothing was sent."""

    hint = "Refresh the stacks of this server."


class ServerFailed(PortainerError):
    """Portainer or Docker tried and failed."""


class DeployFailed(ServerFailed):
    """Compose could not bring the stack up; ``output`` is all that it said."""

    hint = "Correct the compose text or its variables, then deploy again."

    def __init__(self, server: str, action: str, output: str, hint: str | None = None):
        self.output = output
        super().__init__(server, action, last_line(output), hint)


def last_line(text: str) -> str:
    """The useful part of compose's progress output: its last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "no reason given"
