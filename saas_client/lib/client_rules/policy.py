"""The policy: what the portal has signed for this database to obey until the next one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from .tokens import TokenRefused, read_signed

POLICY_TYPE = "saas-policy+jwt"
OPEN, NOTICE, READ_ONLY, CLOSED = "open", "notice", "read_only", "closed"
#: From not at all to entirely shut; what is further to the right wins.
RUNGS = (OPEN, NOTICE, READ_ONLY, CLOSED)
#: Reasons for which paying helps.
PAYMENT_REASONS = frozenset({"payment", "expired", "trial"})
#: Why a database is closed that has no policy of its own: nobody says it, the database finds out.
UNKNOWN = "unknown"

_DATE = "%Y-%m-%d %H:%M:%S"
_CLAIMS = ["iss", "aud", "sub", "iat", "serial", "policy"]
_TEXTS = ("reason", "notice", "plan", "portal_url", "manage_url", "support")


@dataclass(frozen=True)
class RecordLimit:
    """At most `maximum` records of a model match `domain` (its text)."""

    model: str
    maximum: int
    domain: str


@dataclass(frozen=True)
class Policy:
    """What counts in this database. Limits: 0 is unlimited; storage in MB; dates are UTC."""

    rung: str = OPEN
    reason: str = ""
    notice: str = ""
    max_users: int = 0
    storage_mb: int = 0
    expires_at: datetime | None = None
    enforce_at: datetime | None = None
    expiry_rung: str = CLOSED
    trial: bool = False
    hidden: frozenset = frozenset()
    record_limits: tuple = ()
    plan: str = ""
    portal_url: str = ""
    manage_url: str = ""
    support: str = ""
    serial: int = 0
    portal: str = ""

    def get_rung(self, now: float) -> str:
        """How far the database is shut now; its expiry needs nobody to say so."""
        return (
            max(self.rung, self.expiry_rung, key=RUNGS.index) if self._is_over(now) else self.rung
        )

    def get_reason(self, now: float) -> str:
        """One word for why it is shut."""
        if self._is_over(now) and RUNGS.index(self.rung) < RUNGS.index(self.expiry_rung):
            return "trial" if self.trial else "expired"
        return self.reason

    def _is_over(self, now: float) -> bool:
        return bool(self.enforce_at) and now >= self.enforce_at.replace(tzinfo=UTC).timestamp()


#: For a database without a policy of its own on a server where each has one.
UNKNOWN_DATABASE = Policy(rung=CLOSED, reason=UNKNOWN)


def read_policy(
    token: str, *, public_key: str, issuer: str, audience: str, database: str
) -> Policy:
    """Verify a policy completely.

    :param issuer: the portal whose key it is, '' when that is not known
    :param audience: uuid of this database; :param database: its name
    :raise TokenRefused: forged, or meant for another database, or not to be understood
    """
    claims = read_signed(token, POLICY_TYPE, public_key, _CLAIMS)
    if issuer and claims["iss"] != issuer:
        raise TokenRefused("issued by another portal")
    if claims["aud"] != audience or claims["sub"] != database:
        raise TokenRefused("made for another database")
    if type(claims["serial"]) is not int or claims["serial"] <= 0:
        raise TokenRefused("without a serial number")
    if not isinstance(claims["policy"], dict):
        raise TokenRefused("the policy is not an object")
    try:
        return _parse(claims["policy"], claims["serial"], str(claims["iss"]))
    except (KeyError, TypeError, ValueError) as error:
        raise TokenRefused(f"the policy cannot be understood: {error!r}") from error


def _parse(values: dict, serial: int, portal: str) -> Policy:
    return Policy(
        rung=_read_rung(values["rung"]),
        expiry_rung=_read_rung(values.get("expiry_rung", CLOSED)),
        max_users=_read_limit(values["max_users"]),
        storage_mb=_read_limit(values["storage_mb"]),
        expires_at=_read_date(values.get("expires_at")),
        enforce_at=_read_date(values.get("enforce_at")),
        trial=bool(values.get("trial")),
        hidden=frozenset(map(str, values.get("hidden", ()))),
        record_limits=tuple(map(_read_record_limit, values.get("record_limits", ()))),
        serial=serial,
        portal=portal,
        **{name: str(values.get(name) or "") for name in _TEXTS},
    )


def _read_rung(value: object) -> str:
    if value not in RUNGS:
        raise ValueError(f"no rung {value!r}")
    return value


def _read_limit(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"no limit {value!r}")
    return value


def _read_date(value: str | None) -> datetime | None:
    return datetime.strptime(value, _DATE) if value else None


def _read_record_limit(entry: dict) -> RecordLimit:
    return RecordLimit(
        str(entry["model"]), _read_limit(entry["max_records"]), str(entry.get("domain") or "[]")
    )
