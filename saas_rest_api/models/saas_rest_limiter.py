"""Counts that all workers share: requests in a minute, and failed logins."""

import contextlib
import hashlib
import logging

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo import api, models, sql_db
from odoo.sql_db import PoolError

from ..lib.saas_rest.limiter import WINDOW, Grant, Limiter
from ..lib.saas_rest.login_delays import FIRST_LOCK, FREE_FAILURES, MAX_LOCK
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.text import _lt

_logger = logging.getLogger(__name__)

#: What this process has leased, of all databases.
LIMITER = Limiter()


class SaasRestLimiter(models.AbstractModel):
    """Two unlogged tables, written outside of the request's transaction.

    They are not for the ORM: no record of theirs means anything by itself.
    """

    _name = "saas_rest.limiter"
    _description = "REST Limiter"

    def init(self):
        self.env.cr.execute(
            """
            CREATE UNLOGGED TABLE IF NOT EXISTS saas_rest_bucket (
                key varchar PRIMARY KEY,
                started timestamp with time zone NOT NULL,
                used integer NOT NULL,
                granted integer NOT NULL
            );
            CREATE UNLOGGED TABLE IF NOT EXISTS saas_rest_throttle (
                key varchar PRIMARY KEY,
                failures integer NOT NULL,
                failed_at timestamp with time zone NOT NULL,
                locked_until timestamp with time zone
            );
            """
        )

    @contextlib.contextmanager
    def _own_cursor(self):
        """A connection beside the request's, where each statement is a transaction."""
        cr = sql_db.db_connect(self.env.cr.dbname).cursor()
        try:
            cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            yield cr
        finally:
            cr.close()

    # --- requests ---------------------------------------------------------------

    @api.model
    def _take(self, key, limit):
        """Uses one of the requests that ``key`` has in a minute.

        :return: the :class:`Rate`; ``None`` when the count could not be reached, which is no
            reason to refuse anybody
        """
        try:
            return LIMITER.take(
                (self.env.cr.dbname, key), limit, lambda size: self._lease(key, limit, size)
            )
        except (PoolError, psycopg2.Error) as error:
            _logger.warning("The rate limit could not be asked: %s", type(error).__name__)
            return None

    @api.model
    def _lease(self, key, limit, size):
        with self._own_cursor() as cr:
            cr.execute(
                """
                INSERT INTO saas_rest_bucket AS b (key, started, used, granted)
                     VALUES (%(key)s, now(), LEAST(%(size)s, %(limit)s), LEAST(%(size)s, %(limit)s))
                ON CONFLICT (key) DO UPDATE SET
                    granted = CASE WHEN b.started <= now() - %(window)s * interval '1 second'
                        THEN LEAST(%(size)s, %(limit)s)
                        ELSE GREATEST(LEAST(%(size)s, %(limit)s - b.used), 0) END,
                    used = CASE WHEN b.started <= now() - %(window)s * interval '1 second'
                        THEN LEAST(%(size)s, %(limit)s)
                        ELSE GREATEST(LEAST(b.used + %(size)s, %(limit)s), b.used) END,
                    started = CASE WHEN b.started <= now() - %(window)s * interval '1 second'
                        THEN now() ELSE b.started END
                RETURNING granted, used,
                    extract(epoch FROM started + %(window)s * interval '1 second' - now())
                """,
                {"key": key, "size": size, "limit": limit, "window": WINDOW},
            )
            granted, used, seconds = cr.fetchone()
        return Grant(granted, used, float(seconds))

    @api.model
    def _charge_address(self, call):
        """Counts a request without a valid token.

        :raises Problem: ``rate-limited``
        """
        limit = self.env["saas_rest.gate"]._get_settings().limits.rate_per_ip
        call.rate = self._take(f"address:{call.httprequest.remote_addr}", limit)
        self._check_rate(call.rate)

    @api.model
    def _charge_token(self, call, facts):
        """Counts a request with a token.

        :raises Problem: ``rate-limited``
        """
        key = f"token:{facts.id}" if facts.id else f"key:{facts.uid}:{facts.prefix}"
        call.rate = self._take(key, facts.rate)
        try:
            self._check_rate(call.rate)
        except Problem:
            call.token = facts
            raise

    @staticmethod
    def _check_rate(rate):
        if rate and not rate.allowed:
            raise Problem(
                "rate-limited",
                _lt("Wait %(seconds)s seconds.", seconds=rate.reset),
                headers={"Retry-After": str(rate.reset)},
            )

    # --- failed logins ----------------------------------------------------------

    @api.model
    def _login_key(self, login, ip):
        return hashlib.sha256(f"{login.lower()}\0{ip}".encode("utf-8", "replace")).hexdigest()

    @api.model
    def _check_login(self, login, ip):
        """Refuses a login that is locked for this address.

        :raises Problem: ``login-throttled``
        """
        with self._own_cursor() as cr:
            cr.execute(
                "SELECT extract(epoch FROM locked_until - now()) FROM saas_rest_throttle"
                " WHERE key = %s AND locked_until > now()",
                [self._login_key(login, ip)],
            )
            row = cr.fetchone()
        if row:
            raise throttled(row[0])

    @api.model
    def _login_failed(self, login, ip):
        """Counts a failure, also when others were made meanwhile.

        :raises Problem: ``login-throttled`` when it was one too many
        """
        with self._own_cursor() as cr:
            cr.execute(
                """
                INSERT INTO saas_rest_throttle AS t (key, failures, failed_at)
                     VALUES (%(key)s, 1, now())
                ON CONFLICT (key) DO UPDATE SET
                    failures = CASE
                        WHEN GREATEST(t.failed_at, t.locked_until) < now() - %(max)s
                            * interval '1 second' THEN 1
                        ELSE t.failures + 1 END,
                    failed_at = now()
                RETURNING failures
                """,
                {"key": self._login_key(login, ip), "max": MAX_LOCK},
            )
            (failures,) = cr.fetchone()
            if failures >= FREE_FAILURES:
                cr.execute(
                    """
                    UPDATE saas_rest_throttle SET locked_until = now() + interval '1 second'
                        * LEAST(%(first)s * 2 ^ LEAST(failures - %(free)s, 10), %(max)s)
                     WHERE key = %(key)s
                    """,
                    {
                        "key": self._login_key(login, ip),
                        "first": FIRST_LOCK,
                        "free": FREE_FAILURES,
                        "max": MAX_LOCK,
                    },
                )
        if failures > FREE_FAILURES:
            self._check_login(login, ip)

    @api.model
    def _login_succeeded(self, login, ip):
        """Forgets the failures of this login from this address.

        :raises Problem: ``login-throttled`` when it was locked while the password was checked
        """
        self._check_login(login, ip)
        with self._own_cursor() as cr:
            cr.execute(
                "DELETE FROM saas_rest_throttle WHERE key = %s", [self._login_key(login, ip)]
            )

    @api.autovacuum
    def _gc_counts(self):
        self.env.cr.execute(
            "DELETE FROM saas_rest_bucket WHERE started < now() - interval '1 hour'"
        )
        self.env.cr.execute(
            "DELETE FROM saas_rest_throttle"
            " WHERE GREATEST(failed_at, locked_until) < now() - interval '1 day'"
        )


def throttled(seconds):
    """The problem of a login that has to wait."""
    wait = max(1, int(float(seconds) + 0.999))
    return Problem(
        "login-throttled",
        _lt("Wait %(seconds)s seconds before the next attempt.", seconds=wait),
        headers={"Retry-After": str(wait)},
    )
