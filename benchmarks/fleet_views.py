"""Runs inside Odoo: the questions of the web client, with the fields that the views ask for."""

import time

from lxml import etree
from werkzeug.test import Client

from odoo.fields import Domain
from odoo.http import get_default_session, root
from odoo.service import security
from odoo.tools import config

_CLIENTS, _OPERATIONS, _USAGE = (
    "saas_portal.client",
    "saas_portal.operation",
    "saas_portal.client.usage",
)
_AT_ONCE = 80
_COUNTED = 10001


def _specify(env, model, kind):
    """What the web client asks for: the fields of the view, names of what they point at."""
    found = env[model].get_views([(False, kind)])
    fields = found["models"][model]["fields"]
    specification = {}
    for node in etree.fromstring(found["views"][kind]["arch"]).iter("field"):
        inner = any(parent.tag == "field" for parent in node.iterancestors())
        field = fields.get(node.get("name"))
        if field and not inner:
            shown = {"display_name": {}} if field["type"] == "many2one" else {}
            relation = field["type"] in ("many2one", "one2many", "many2many")
            specification[node.get("name")] = {"fields": shown} if relation else {}
    return specification


def _listed(model, domain=(), **options):
    def read(env):
        specification = _specify(env, model, "list")
        env[model].web_search_read(
            list(domain), specification, limit=_AT_ONCE, count_limit=_COUNTED, **options
        )

    return read


def _grouped(model, field, *aggregates, domain=()):
    def read(env):
        env[model].web_read_group(list(domain), [field], ["__count", *aggregates], limit=_AT_ONCE)

    return read


def _read_kanban(env):
    colors = {"open": "success", "pending": "warning", "broken": "danger", "building": "info"}
    clients = env[_CLIENTS]
    clients.read_progress_bar([], "state", {"field": "state", "colors": colors})
    clients.web_read_group(
        [],
        ["state"],
        ["__count"],
        auto_unfold=True,
        unfold_read_specification=_specify(env, _CLIENTS, "kanban"),
        unfold_read_default_limit=40,
    )


def _read_form(env):
    client = env[_CLIENTS].search([("state", "=", "open")], limit=1)
    client.web_read(_specify(env, _CLIENTS, "form"))


def _read_dashboard(env):
    """What stands for one: clients by state, plans and servers with their counters."""
    _read_kanban(env)
    for model in ("saas_portal.plan", "saas_portal.server"):
        _listed(model)(env)


def _read_usage_graph(env):
    recent = Domain("date", ">", "today -30d")
    env[_USAGE].formatted_read_group(list(recent), ["date:day"], ["total_mb:avg", "__count"])


_ATTENTION = [
    "|",
    "|",
    ("state", "=", "broken"),
    ("storage_exceed", "=", True),
    ("unreachable_since", "!=", False),
]
_SUMS = ("users_len:sum", "total_storage:sum")

READS = {
    "list": _listed(_CLIENTS),
    "list: open": _listed(_CLIENTS, [("state", "=", "open")]),
    "list: suspended": _listed(_CLIENTS, [("state", "=", "pending")]),
    "list: needs attention": _listed(_CLIENTS, _ATTENTION),
    "list: trial": _listed(_CLIENTS, [("trial", "=", True)]),
    "list: deleted": _listed(_CLIENTS, [("active", "=", False)]),
    "list: by name": _listed(_CLIENTS, [("name", "ilike", "fleet-4")]),
    "list: of a plan": _listed(_CLIENTS, [("plan_id", "ilike", "Fleet 1")]),
    "list: by expiry": _listed(_CLIENTS, order="expiration_datetime desc"),
    "groups: state": _grouped(_CLIENTS, "state", *_SUMS),
    "groups: plan": _grouped(_CLIENTS, "plan_id", *_SUMS),
    "groups: server": _grouped(_CLIENTS, "server_id", *_SUMS),
    "groups: customer": _grouped(_CLIENTS, "partner_id", *_SUMS),
    "kanban": _read_kanban,
    "form": _read_form,
    "dashboard": _read_dashboard,
    "operations": _listed(_OPERATIONS),
    "operations: failed": _listed(_OPERATIONS, [("state", "=", "failed")]),
    "usage: list": _listed(_USAGE, [("date", ">", "today -30d")]),
    "usage: graph": _read_usage_graph,
}


class _CustomerPage:
    """The page with the databases of one customer, over HTTP within the process."""

    name = "customer's page"
    _login = "fleet-1"

    def __init__(self):
        self._sessions = {}

    def measure(self, fleet):
        client = Client(root)
        client.set_cookie("session_id", self._log_in(fleet), domain="localhost")
        before, start = fleet.statements.count, time.perf_counter()
        page = client.get("/my/databases", headers={"Host": "localhost"})
        seconds = time.perf_counter() - start
        if page.status_code != 200 or b"fleet-" not in page.data:
            raise RuntimeError(f"The customer's page is not there: {page.status} {page.location}")
        return seconds, fleet.statements.count - before

    def _log_in(self, fleet):
        if fleet.database not in self._sessions:
            config["dbfilter"] = ".+"
            with fleet.environment(self._login) as env:
                session = root.session_store.new()
                session.update(get_default_session(), db=fleet.database, _trace_disable=True)
                session.uid, session.login = env.uid, self._login
                session.context = dict(env["res.users"].context_get())
                session.session_token = security.compute_session_token(session, env)
                root.session_store.save(session)
            self._sessions[fleet.database] = session.sid
        return self._sessions[fleet.database]


CUSTOMER_PAGE = _CustomerPage()
