import logging

from odoo import api, fields, models
from odoo.fields import Domain

from ..const import LIVE_STATES, OP_PENDING, OPEN, PENDING, STOPPED
from ..lanes import in_lanes
from ..lib.saas_driver import DriverError, ServerUnavailable, read_usages
from ..parallel import get_limit
from ..transactions import in_own_transaction

_logger = logging.getLogger(__name__)

#: Clients of one place whose figures are read in one go, and kept in one transaction.
_CHUNK = 25
#: Clients of one server before the cron says how far it is.
_WAVE = 100


class SaasPortalClient(models.Model):
    """What the portal sees of a client, and what it does about it."""

    _inherit = "saas_portal.client"

    sync_tried_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="When the scheduled action last asked for the figures, answered or not.",
    )

    _sync_index = models.Index(
        "(server_id, sync_tried_at NULLS FIRST, id) WHERE state IN ('open', 'pending')"
    )
    _exceeding_index = models.Index("(id) WHERE storage_exceed IS TRUE")
    _unreachable_index = models.Index("(id) WHERE unreachable_since IS NOT NULL")

    # === ONE CLIENT === #

    def _sync(self):
        """Read one client's statistics in a transaction of its own; returns why not, or None."""
        return in_own_transaction(self, lambda client: client._read_usage())

    def _read_usage(self):
        if self.rung == STOPPED:
            return None
        try:
            usage = self.server_id._get_driver().usage(self._get_ref())
        except DriverError as error:
            self._note_unreachable(error)
            return str(error)
        self._take_usages({self.client_id: usage})
        return None

    def _note_unreachable(self, reason):
        """Not seen is not gone: the state stays as it was."""
        if not self.unreachable_since:
            self.unreachable_since = fields.Datetime.now()
            self.message_post(
                body=self.env._("The client could not be reached: %(reason)s", reason=reason)
            )

    def _take_usages(self, usages):
        """Keep what was read of these clients, by key, and do what follows from it."""
        self.write({"synced_at": fields.Datetime.now(), "unreachable_since": False})
        for client in self:
            figures = client._prepare_figures(usages[client.client_id])
            if any(client[name] != value for name, value in figures.items()):
                client.write(figures)
        self.env["saas_portal.client.usage"]._record(self)
        for client in self:
            client._follow_usage(usages[client.client_id])

    def _prepare_figures(self, usage):
        return {
            "users_len": usage.users,
            "db_storage": round(usage.database_mb, 1),
            "file_storage": round(usage.files_mb, 1),
        }

    def _follow_usage(self, usage):
        """What is done about what was seen; serves as a hook."""
        if self._needs_policy(usage) and not self.current_operation_id:
            # What it shows could be its people's doing: it is told again, and not believed.
            self._push_policy_later()
        self._apply_storage_policy()

    def _apply_storage_policy(self):
        """Flag what exceeds its storage; suspend it when the plan says so, resume it after."""
        limit = self.total_storage_limit
        exceeds = bool(limit) and self.total_storage > limit
        if exceeds != self.storage_exceed:
            self.storage_exceed = exceeds
            if exceeds:
                self._send_notice("email_template_storage_exceed")
        suspend = exceeds and self.block_on_storage_exceed and self.state == OPEN
        resume = not exceeds and self.state == PENDING and self.suspended_for == "storage"
        if suspend or resume:
            self._ask_for_suspension(suspend, "storage")

    # === ALL CLIENTS === #

    @api.model
    def _cron_sync(self):
        """Read the statistics of all clients, those first that have waited longest.

        A pass over many clients takes several runs of the cron. It asks each client once at most,
        whatever comes of that, so that nobody is in the way of the rest; a pass that was cut off
        goes on where it was.
        """
        due = self._get_sync_domain(self._begin_sync_pass())
        cron, operations = self.env["ir.cron"], self.env["saas_portal.operation"]
        cron._commit_progress(remaining=self.search_count(due))
        remaining = 0
        while count := self.with_context(saas_in_batch=True)._sync_wave(due):
            if not cron._commit_progress(count):
                # Now that the transaction is a new one, it sees who is left.
                remaining = self.search_count(due)
                break
        if operations.search_count([("state", "=", OP_PENDING), ("in_batch", "=", True)], limit=1):
            operations._trigger()
        cron._commit_progress(remaining=remaining)

    @api.model
    def _begin_sync_pass(self):
        """When the pass began that goes on; now, when nobody is left of the former one."""
        servers = self._get_sync_servers()
        now = fields.Datetime.now()
        begun = max(filter(None, servers.mapped("sync_begun_at")), default=None)
        # Whoever was left over by then is the first to be asked anyway.
        over = not begun or begun <= now - 0.9 * self._get_sync_interval()
        if over or not self.search_count(self._get_sync_domain(begun), limit=1):
            begun = now
            self._prepare_sync_pass()
        servers.filtered(lambda server: server.sync_begun_at != begun).sync_begun_at = begun
        return begun

    @api.model
    def _get_sync_servers(self):
        """All of them: clients of an archived server are there, too."""
        return self.env["saas_portal.server"].search([("active", "in", [True, False])])

    @api.model
    def _get_sync_interval(self):
        cron = self.env.ref("saas_portal.ir_cron_sync").sudo()
        now = fields.Datetime.now()
        return fields.Datetime.add(now, **{cron.interval_type: cron.interval_number}) - now

    @api.model
    def _prepare_sync_pass(self):
        """Before clients are asked for figures, their servers are compared with the records."""
        self.env["saas_portal.server"]._compare_all()

    @api.model
    def _get_sync_domain(self, begun):
        tried = Domain("sync_tried_at", "=", False) | Domain("sync_tried_at", "<", begun)
        return Domain("state", "in", LIVE_STATES) & Domain("rung", "!=", STOPPED) & tried

    def _get_sync_place(self):
        """Leaf of a domain: the clients that are out of reach together with this one (a hook)."""
        return "server_id", "=", self.server_id.id

    @api.model
    def _sync_wave(self, due):
        """Ask the next clients of every server, several places at a time; returns how many."""
        first, rest, count = [], [], 0
        for server in self._get_sync_servers():
            domain = due & Domain("server_id", "=", server.id)
            clients = self.browse(in_own_transaction(self, lambda all_, d=domain: all_._claim(d)))
            driver = clients and server._get_driver()
            for place, there in clients.grouped(lambda each: each._get_sync_place()).items():
                chunks = [there[at : at + _CHUNK] for at in range(0, len(there), _CHUNK)]
                refs = [[client._get_ref() for client in chunk] for chunk in chunks]
                jobs = [(place, driver, *job) for job in zip(chunks, refs, strict=True)]
                first.append(jobs[0])
                rest += jobs[1:]
            count += len(clients)
        silent, lanes = set(), get_limit(self.env)
        # A place is asked by one at first: if it is silent, nobody else waits for it.
        for jobs in (first, rest):
            wanted = [job for job in jobs if job[0] not in silent]
            for (place, _driver, clients, _refs), answers, error in in_lanes(_ask, wanted, lanes):
                if isinstance(error, ServerUnavailable):
                    silent.add(place)
                    count += self._give_up_place(place, due, error)
                else:
                    clients._store_usages(answers, error)
        return count

    def _claim(self, domain):
        """Note that the next of these clients are asked; ids of those that nobody works on."""
        clients = self.search(domain, order="sync_tried_at NULLS FIRST, id", limit=_WAVE)
        clients = clients.try_lock_for_update(allow_referencing=True)
        clients.sync_tried_at = fields.Datetime.now()
        return clients.ids

    def _store_usages(self, answers, error=None):
        """Keep the answers of these clients, or of each by itself when they fail together.

        :param error: why there are no answers at all
        """
        try:
            in_own_transaction(self, lambda clients: clients._take_answers(answers, error))
        except Exception:
            if len(self) > 1:
                for client in self:
                    client._store_usages(answers, error)
            else:
                # Whatever one client answers, the others are read too.
                _logger.exception("The statistics of client %d could not be read", self.id)
                self._set_unreadable_later()

    def _set_unreadable_later(self):
        try:
            in_own_transaction(self, lambda client: client._set_unreadable())
        except Exception:
            _logger.exception("Client %d could not be marked as not reachable", self.id)

    def _take_answers(self, answers, error):
        if error:
            raise error
        # Meanwhile one of them may have been deleted.
        clients = self.exists().filtered(lambda client: client.state in LIVE_STATES)
        by_client = {client: answers[client.client_id] for client in clients}
        refused = {c: answer for c, answer in by_client.items() if isinstance(answer, DriverError)}
        for answer in by_client.values():
            if isinstance(answer, Exception) and not isinstance(answer, DriverError):
                raise answer
        clients.filtered(lambda client: client not in refused)._take_usages(answers)
        for client, reason in refused.items():
            client._note_unreachable(reason)

    def _set_unreadable(self):
        """Show since when it answers nothing that makes sense."""
        self.unreachable_since = self.unreachable_since or fields.Datetime.now()

    @api.model
    def _give_up_place(self, place, due, error):
        """Mark the clients of a place that does not answer; returns how many were not asked yet."""
        waiting = self.search_count(due & Domain(*place))
        domain = Domain("state", "in", LIVE_STATES) & Domain("rung", "!=", STOPPED) & Domain(*place)
        clients = self.search(domain)
        _logger.warning("The %d clients of %s are not reachable: %s", len(clients), place, error)
        for at in range(0, len(clients), _WAVE):
            in_own_transaction(clients[at : at + _WAVE], _mark_out_of_reach)
        return waiting


def _mark_out_of_reach(clients):
    now = fields.Datetime.now()
    clients = clients.exists().try_lock_for_update(allow_referencing=True)
    clients.sync_tried_at = now
    clients.filtered(lambda client: not client.unreachable_since).unreachable_since = now


def _ask(job):
    _place, driver, _clients, refs = job
    return read_usages(driver, refs)
