import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..lib.saas_rest.encoding import encode
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import _lt

KEPT = timedelta(hours=24)


class SaasRestIdempotency(models.Model):
    """The answer to a request that its sender may repeat, without being done twice.

    It is written in the transaction of the work itself: what failed leaves no answer behind.
    """

    _name = "saas_rest.idempotency"
    _description = "REST idempotency key"
    _log_access = False

    owner = fields.Char(required=True, readonly=True, help="The token or user who sent the key.")
    key = fields.Char(required=True, readonly=True)
    fingerprint = fields.Char(required=True, readonly=True, help="Digest of the request.")
    create_date = fields.Datetime(required=True, readonly=True, index=True)
    status = fields.Integer(readonly=True)
    headers = fields.Char(readonly=True)
    body = fields.Text(readonly=True, groups=fields.NO_ACCESS)

    _key_unique = models.UniqueIndex("(owner, key)", "This key was used already.")

    @api.model
    def _perform(
        self, owner: str, key: str | None, request: tuple[str, ...], do: Callable[[], Reply]
    ) -> Reply:
        """Do something once for each key; a twin that comes meanwhile waits and is replayed.

        :param request: what must be the same each time
        :raises Problem: ``invalid-header``, ``idempotency-mismatch``
        """
        if key is None:
            return do()
        if not 0 < len(key) <= 255 or not all("!" <= sign <= "~" for sign in key):
            text = _lt("An Idempotency-Key is 1 to 255 visible ASCII characters.")
            raise Problem("invalid-header", text)
        fingerprint = hashlib.sha256("\0".join(request).encode("utf-8", "replace")).hexdigest()
        if not self._reserve(owner, key, fingerprint):
            return self._replay(owner, key, fingerprint)
        reply = do()
        self._keep(owner, key, reply)
        return reply

    def _reserve(self, owner: str, key: str, fingerprint: str) -> bool:
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                "DELETE FROM saas_rest_idempotency WHERE owner = %s AND key = %s"
                " AND create_date < %s",
                owner,
                key,
                now - KEPT,
            )
        )
        self.env.cr.execute(
            SQL(
                "INSERT INTO saas_rest_idempotency (owner, key, fingerprint, create_date)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (owner, key) DO NOTHING RETURNING id",
                owner,
                key,
                fingerprint,
                now,
            )
        )
        return self.env.cr.fetchone() is not None

    def _keep(self, owner: str, key: str, reply: Reply) -> None:
        has_body = reply.status not in (204, 304)
        if has_body and reply.encoded is None:
            reply.encoded = encode(reply.as_body())
        self.env.cr.execute(
            SQL(
                "UPDATE saas_rest_idempotency SET status = %s, headers = %s, body = %s"
                " WHERE owner = %s AND key = %s",
                reply.status,
                json.dumps(reply.headers),
                reply.encoded.decode() if has_body else None,
                owner,
                key,
            )
        )

    def _replay(self, owner: str, key: str, fingerprint: str) -> Reply:
        self.env.cr.execute(
            SQL(
                "SELECT fingerprint, status, headers, body FROM saas_rest_idempotency"
                " WHERE owner = %s AND key = %s",
                owner,
                key,
            )
        )
        known, status, headers, body = self.env.cr.fetchone()
        if known != fingerprint:
            text = _lt("This Idempotency-Key came with another request before.")
            raise Problem("idempotency-mismatch", text)
        headers = {**json.loads(headers), "Idempotency-Replayed": "true"}
        encoded = None if body is None else body.encode()
        return Reply(status=status, headers=headers, encoded=encoded)

    @api.autovacuum
    def _gc_keys(self) -> None:
        """Forget answers that nobody asks for again."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM saas_rest_idempotency WHERE create_date < %s",
                fields.Datetime.now() - KEPT,
            )
        )
