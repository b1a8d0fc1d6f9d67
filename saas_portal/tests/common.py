import contextlib
import tempfile
import zipfile
import zlib
from pathlib import Path

import jwt
from cryptography.fernet import Fernet

from odoo.exceptions import UserError
from odoo.service.model import call_kw
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import config

from ..lib.saas_driver import (
    ClientStatus,
    DriverNotFound,
    DriverRejected,
    Spare,
    Usage,
)
from ..models import saas_portal_anchor
from ..parallel import LIMIT


class FakeDriver:
    """Keeps the driver's promises in memory.

    ``failures``: verb → error that it raises; ``usages``: name → what ``usage`` answers;
    ``spares``: key → uuids of template and portal; ``unfinished``: key → uuid of the portal.
    """

    def __init__(self):
        self.databases = {}
        self.failures = {}
        self.usages = {}
        self.spares = {}
        self.unfinished = {}
        self.portal = ""
        #: name → uuid of the portal that a database obeys, of those that tell
        self.portals = {}
        self.sets_up = False
        self.calls = []

    def _begin(self, verb, name):
        self.calls.append((verb, name))
        if verb in self.failures:
            raise self.failures[verb]

    def _require(self, ref):
        status = self.status(ref.name)
        if not status.exists:
            raise DriverNotFound(f"There is no database {ref.name}.")
        if status.key != ref.key:
            raise DriverRejected(f"The database {ref.name} belongs to somebody else.")

    def put(self, name, key="", running=True):
        self.databases[name] = ClientStatus(name, True, running, key)

    def create(self, spec):  # pylint: disable=method-required-super
        self._begin("create", spec.ref.name)
        status = self.status(spec.ref.name)
        if status.exists and status.key != spec.ref.key:
            raise DriverRejected(f"The name {spec.ref.name} is taken.")
        self.identity, self.setup = spec.identity, spec.setup
        self.taken_spare = self.spares.pop(spec.spare, None) and spec.spare
        self.put(spec.ref.name, spec.ref.key)
        return self.sets_up

    def start(self, ref):
        self._begin("start", ref.name)
        self._require(ref)
        self.put(ref.name, ref.key)

    def stop(self, ref):
        self._begin("stop", ref.name)
        self._require(ref)
        self.put(ref.name, ref.key, running=False)

    def delete(self, ref):
        self._begin("delete", ref.name)
        if self.status(ref.name).key == ref.key:
            del self.databases[ref.name]

    def rename(self, ref, new_name, base_url):
        self._begin("rename", new_name)
        status = self.status(new_name)
        if status.exists and status.key != ref.key:
            raise DriverRejected(f"The name {new_name} is taken.")
        if not status.exists:
            self._require(ref)
            del self.databases[ref.name]
            self.put(new_name, ref.key)

    def backup(self, ref, archive):
        self._begin("backup", ref.name)
        self._require(ref)
        archive.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr("dump.sql", f"-- what {ref.name} held")
            target.writestr("filestore/ab/abcd", "attachment")

    def restore(self, ref, identity, archive):
        self._begin("restore", ref.name)
        self.identity = identity
        with zipfile.ZipFile(archive) as source:
            self.restored = source.read("dump.sql").decode()
        self.put(ref.name, ref.key)

    def copy(self, source, ref, identity):  # pylint: disable=method-required-super
        self._begin("copy", ref.name)
        self._require(source)
        self.identity = identity
        self.put(ref.name, ref.key)

    def make_spare(self, key, template):
        self._begin("make_spare", key)
        owner = self.databases[template].key.removeprefix("template ")
        self.spares[key] = owner, self.portal

    def drop_spare(self, key):
        self._begin("drop_spare", key)
        self.spares.pop(key, None)

    def list_spares(self):
        self._begin("list_spares", None)
        return [Spare(key, *made) for key, made in self.spares.items()]

    def list_unfinished(self):
        return [Spare(key, "", portal) for key, portal in self.unfinished.items()]

    def drop_unfinished(self, key):
        self._begin("drop_unfinished", key)
        self.unfinished.pop(key, None)

    def status(self, name):
        if "status" in self.failures:
            raise self.failures["status"]
        found = [known for known in self.databases if known.lower() == name.lower()]
        return self.databases[found[0]] if found else ClientStatus(name, exists=False)

    def list(self):
        self._begin("list", None)
        # Templates belong to a portal too, but are closed and no clients.
        clients = [status for status in self.databases.values() if status.key]
        return [status for status in clients if not status.key.startswith("template ")]

    def find_portal(self, name):
        return self.portals.get(name, "")

    def usage(self, ref):
        self._begin("usage", ref.name)
        self._require(ref)
        return self.usages.get(ref.name, Usage(1, 30.0, 10.0, False))

    def build_template(self, spec):
        self._begin("build_template", spec.name)
        self.template_spec = spec
        self.put(spec.name, f"template {spec.key}", running=False)

    def delete_template(self, name):
        self._begin("delete_template", name)
        self.databases.pop(name, None)


class FakeTransport:
    """Notes what clients are told, after checking the signature as they do."""

    def __init__(self, read_token):
        self._read_token = read_token
        self.calls = []
        self.failures = {}
        self.refuse_keys = {}
        self.key_ids = []
        self.answer = {}

    def execute_kw(self, database, token, method, timeout):
        claims = self._read_token(token)
        assert claims["action"] == method
        self.calls.append((database, claims["payload"], timeout))
        self.key_ids.append(key_id := jwt.get_unverified_header(token)["kid"])
        if key_id in self.refuse_keys:
            raise self.refuse_keys[key_id]
        if database in self.failures:
            raise self.failures[database]
        return self.answer

    @property
    def payloads(self):
        """What was asked for, besides the policy that goes with everything."""
        return [
            {key: value for key, value in payload.items() if key != "policy"}
            for _database, payload, _timeout in self.calls
        ]

    @property
    def policies(self):
        """The claims of the policies that were sent."""
        return [
            jwt.decode(payload["policy"], options={"verify_signature": False})
            for _database, payload, _timeout in self.calls
        ]


class SaasPortalCase(TransactionCase):
    """A portal with a plan and a ready template, on a server that exists in memory only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        former = config.get("saas_secret_key")
        config["saas_secret_key"] = Fernet.generate_key().decode()
        cls.addClassCleanup(config.__setitem__, "saas_secret_key", former)
        cls.env["ir.config_parameter"].search([("key", "=", "saas_portal.signing_key")]).unlink()
        cls.anchor = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.classPatch(saas_portal_anchor, "_get_folder", lambda: cls.anchor)
        # All cursors of a test are one connection, which takes no turns.
        cls.env["ir.config_parameter"].set_param(LIMIT, "1")
        cls.server = cls.env["saas_portal.server"].create(
            {"name": "Test Server", "request_port": 8069}
        )
        cls.template = cls.env["saas_portal.database"].create(
            {"name": "template-test", "server_id": cls.server.id}
        )
        addons = cls.server._read_addons(["base", "saas_client"])
        cls.template.write(
            {"state": "template", "built_at": "2025-01-01 00:00:00", "addon_versions": addons}
        )
        cls.plan = cls.env["saas_portal.plan"].create(
            {
                "name": "Test Plan",
                "template_id": cls.template.id,
                "dbname_template": "test-%i.localhost",
            }
        )
        cls.customer = cls.make_user("customer@example.com", "base.group_portal", name="Customer")
        cls.internal = cls.make_user("internal", "base.group_user")
        cls.user = cls.make_user("saas-user", "saas_portal.group_user")
        cls.manager = cls.make_user("saas-manager", "saas_portal.group_manager")

    @classmethod
    def make_user(cls, login, groups, **values):
        return new_test_user(cls.env, login, groups, context={"no_reset_password": True}, **values)

    def setUp(self):
        super().setUp()
        self.driver = FakeDriver()
        self.driver.put("template-test", f"template {self.template.uuid}", running=False)
        self.transport = FakeTransport(self.read_token)
        servers = self.registry["saas_portal.server"]
        self.patch(servers, "_get_driver", lambda server: self.driver)
        self.patch(servers, "_get_transport", lambda server: self.transport)
        self.patch(servers, "_warm", lambda server, host: lambda: True)
        # Operations open transactions of their own.
        self.env.flush_all()
        if not self._registry_patched:
            # Tests over HTTP are in this mode from the beginning.
            self.registry_enter_test_mode()

    def read_token(self, token):
        keyring = self.env["saas_portal.keyring"]
        keys = {key.key_id: key for key in keyring._get_keys()}
        return jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]].public_pem(),
            algorithms=["EdDSA"],
            issuer=keyring._get_portal_uuid(),
            options={"verify_aud": False},
        )

    def call(self, user, model, method, *args, **kwargs):
        """As RPC calls it; what others wrote meanwhile is seen afterwards."""
        self.env.flush_all()
        try:
            return call_kw(self.env(user=user, su=False)[model], method, args, kwargs)
        finally:
            self.env.flush_all()
            self.env.invalidate_all()

    @contextlib.contextmanager
    def refused(self, text="", error=UserError):
        """Like assertRaises, which would roll back what operations committed."""
        try:
            yield
        except error as refusal:
            self.assertIn(text, str(refusal))
        else:
            self.fail(f"Nobody refused with {text!r}")
        finally:
            self.env.invalidate_all()

    def new(self, user=None, plan=None, **arguments):
        """A client made by the public call."""
        arguments = {"user_id": self.customer.id, **arguments}
        answer = self.call(
            user or self.user, "saas_portal.plan", "create_new_database",
            [(plan or self.plan).id], **arguments,
        )  # fmt: skip
        return self.env["saas_portal.client"].browse(answer["id"])

    def up(self, client, user=None, **payload):
        return self.call(
            user or self.user, "saas.config", "do_upgrade_database", payload, client.id
        )

    def suspend(self, client, value="1"):
        return self.up(client, params=[{"key": "saas_client.suspended", "value": value}])

    def run_operations(self):
        """One round of the cron."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.operation"]._cron_run_operations()
        self.env.invalidate_all()

    @contextlib.contextmanager
    def busy(self, record):
        """Another process is at work on the record."""
        keys = [zlib.crc32(record._name.encode()) - 2**31, record.id]
        with db_connect(self.env.cr.dbname).cursor() as cr:
            cr.execute("SELECT pg_advisory_lock(%s, %s)", keys)
            yield
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", keys)

    def params_of(self, payload):
        return {entry["key"]: entry["value"] for entry in payload["params"]}
