import odoo.sql_db
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.sadeem_portainer.tests.common import PortainerCase

from .common import DockerCase

SECRET = "hunter2-secret"


def make_server(env):
    """The real server that the tests run on, as one that clients share."""
    info = odoo.sql_db.connection_info_for("postgres")[1]
    return env["sadeem.postgresql.server"].create(
        {
            "name": "Shared",
            "host": info["host"],
            "port": info.get("port") or 5432,
            "login": info["user"],
            "password": info["password"],
            "sslmode": "prefer",
        }
    )


class TestPostgresqlServer(PortainerCase):
    """Against the real server that the tests run on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = make_server(cls.env)
        cls.operator = cls.make_user("docker-operator", "saas_portal.group_user")
        cls.saas_manager = cls.make_user("docker-manager", "saas_portal.group_manager")

    def press_test(self, server=None):
        """What the button tells: (kind of message, message)."""
        server = server or self.postgres
        action = self.call(self.saas_manager, server, "action_test_connection")
        return action["params"]["type"], action["params"]["message"]

    def test_a_role_that_may_make_none_is_told_how_to_be_allowed(self):
        self.env.cr.execute(
            "SELECT rolsuper OR rolcreaterole AND rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        )
        allowed = self.env.cr.fetchone()[0]
        kind, message = self.press_test()
        self.assertTrue(self.postgres.checked_at)
        if allowed:
            self.assertEqual((kind, self.postgres.last_error), ("success", False))
            self.assertTrue(self.postgres.version)
        else:
            self.assertEqual(kind, "danger")
            self.assertIn("CREATEROLE CREATEDB", message)
            self.assertIn("CREATEROLE", self.postgres.last_error)

    def test_a_server_that_does_not_let_us_in_is_named_without_the_password(self):
        for vals in ({"port": 1}, {"login": "nobody-there"}, {"host": "no-such-host.invalid"}):
            with self.subTest(**vals):
                server = self.postgres.copy({"name": "Nowhere", **vals, "password": SECRET})
                kind, message = self.press_test(server)
                self.assertEqual(kind, "danger")
                self.assertIn("The PostgreSQL server Nowhere cannot be used", message)
                self.assertNotIn(SECRET, message + server.last_error)
                server.unlink()

    def test_the_password_cannot_be_read_back(self):
        self.postgres.password = SECRET
        values = self.postgres.with_user(self.saas_manager).read()[0]
        self.assertNotIn(SECRET, str(values))
        self.assertNotIn("password_cipher", values)
        self.assertTrue(values["has_password"])
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT t::text FROM sadeem_postgresql_server t WHERE id = %s", [self.postgres.id]
        )
        self.assertNotIn(SECRET, self.env.cr.fetchone()[0])
        self.assertEqual(self.postgres._get_external_server("acme", "x").password, SECRET)
        self.assertNotIn(SECRET, repr(self.postgres._get_external_server()))

    def test_a_password_is_not_taken_along_to_another_address(self):
        for vals in ({"host": "10.0.0.99"}, {"port": 6432}, {"login": "other"}):
            with self.subTest(**vals):
                self.postgres.write({"password": SECRET})
                self.postgres.write(vals)
                self.assertFalse(self.postgres.has_password)
                with self.assertRaisesRegex(UserError, "has no password"):
                    self.postgres._get_external_server()
        self.postgres.write({"host": "10.0.0.100", "password": SECRET})
        self.assertTrue(self.postgres.has_password)
        self.postgres.write({"host": "10.0.0.100", "name": "Renamed"})
        self.assertTrue(self.postgres.has_password)
        copy = self.postgres.with_user(self.saas_manager).copy({"host": "10.0.0.101"})
        self.assertFalse(copy.has_password)

    def test_a_password_is_not_sent_with_less_encryption_than_it_was_entered_for(self):
        self.postgres.write({"sslmode": "verify-full", "password": SECRET})
        for weaker in ("verify-ca", "require", "prefer", "disable"):
            with self.subTest(weaker):
                self.postgres.write({"sslmode": weaker})
                self.assertFalse(self.postgres.has_password)
                self.postgres.password = SECRET
        self.postgres.write({"sslmode": "verify-full"})
        self.assertTrue(self.postgres.has_password)
        self.postgres.write({"sslmode": "disable", "password": SECRET})
        self.assertTrue(self.postgres.has_password)

    def test_an_archived_server_takes_nobody(self):
        self.postgres.active = False
        with self.assertRaisesRegex(UserError, "archived"):
            self.postgres._get_external_server()

    def test_servers_of_another_company_are_seen_and_used_by_nobody_else(self):
        other = self.env["res.company"].create({"name": "Other Company"})
        mine = self.operator.company_id
        self.postgres.company_id = other
        for user in (self.operator, self.saas_manager):
            servers = self.env["sadeem.postgresql.server"].with_user(user)
            self.assertFalse(servers.search([("id", "=", self.postgres.id)]))
            with self.assertRaises(AccessError):
                self.postgres.with_user(user).read(["host"])
        with self.assertRaises(AccessError):
            self.call(self.saas_manager, self.postgres, "action_test_connection")
        plan = self.env["saas_portal.plan"].create({"name": "Mine", "company_id": mine.id})
        with self.assertRaisesRegex(UserError, "Shared"):
            plan.with_user(self.saas_manager).docker_postgresql_server_id = self.postgres
        self.postgres.company_id = mine
        plan.with_user(self.saas_manager).docker_postgresql_server_id = self.postgres
        self.assertEqual(self.postgres.with_user(self.operator).read(["name"])[0]["name"], "Shared")

    def test_managers_set_servers_up_and_operators_look(self):
        as_operator = self.postgres.with_user(self.operator)
        self.assertEqual(as_operator.read(["name"])[0]["name"], "Shared")
        for refused in (
            lambda: as_operator.write({"name": "x"}),
            lambda: as_operator.create({"name": "x", "host": "h", "login": "l"}),
            as_operator.unlink,
            as_operator.action_test_connection,
        ):
            with self.assertRaises(AccessError):
                refused()
        for user in (self.portal, self.internal, self.manager):
            with self.assertRaises(AccessError):
                self.postgres.with_user(user).read(["host"])
        self.postgres.with_user(self.saas_manager).write({"name": "Renamed"})


@tagged("post_install", "-at_install")
class TestSharedServer(DockerCase):
    """Clients whose databases are on a server that they share."""

    def setUp(self):
        super().setUp()
        self.postgres = make_server(self.env)
        self.plan.docker_postgresql_server_id = self.postgres

    def test_a_client_that_makes_databases_in_others_names_is_named(self):
        self.new(dbname="acme.localhost")
        # The tests' own role has made the database that they run in.
        self.patch(
            self.registry["saas_portal.client"],
            "_get_database_role",
            lambda client: self.postgres.login,
        )
        foreign = self.postgres._read_foreign_databases()
        self.assertIn(f"{self.env.cr.dbname}, made by acme.localhost", foreign)
        self.patch(
            self.registry["saas_portal.client"],
            "_get_database_names",
            lambda client: {self.env.cr.dbname},
        )
        self.assertNotIn(f"{self.env.cr.dbname}, made", self.postgres._read_foreign_databases())

    def test_a_client_with_more_workers_may_have_more_sessions(self):
        few = self.new(dbname="acme.localhost")._prepare_external_server().sessions
        self.plan.docker_workers = 8
        many = self.new(dbname="shop.localhost")._prepare_external_server().sessions
        self.assertEqual(many, few + 16)
