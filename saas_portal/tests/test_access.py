from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import get_public_method

from .common import SaasPortalCase

MODELS = (
    "saas_portal.server",
    "saas_portal.deviation",
    "saas_portal.plan",
    "saas_portal.database",
    "saas_portal.client",
    "saas_portal.operation",
    "saas_portal.operation.step",
    "saas_portal.support_team",
    "saas_portal.reserved_name",
    "saas_portal.rate_limit",
    "saas_portal.client.backup",
    "saas_portal.client.usage",
    "saas_portal.batch",
    "saas_portal.batch.line",
)
WIZARDS = (
    "saas.config",
    "saas.config.param",
    "saas.config.limit",
    "saas.config.result",
    "saas_portal.create_client",
    "saas_portal.rename_client",
    "saas_portal.delete_client",
    "saas_portal.duplicate_client",
    "saas_portal.restore_backup",
)
#: What RPC may call, beyond what every model has: a new one comes here, with a test of who may.
PUBLIC = {
    "saas_portal.server": {"action_check", "action_compare", "action_open_clients"},
    "saas_portal.deviation": {"action_open_client"},
    "saas_portal.plan": {
        "action_create_template",
        "action_open_clients",
        "action_open_signup",
        "action_open_spares",
        "action_open_page",
        "create_new_database",
        "create_template",
        "generate_dbname",
    },
    "saas_portal.database": {"action_build", "action_delete_database"},
    "saas_portal.client": {
        "action_backup",
        "action_batch_backup",
        "action_batch_resume",
        "action_batch_sync",
        "action_cancel",
        "action_connect",
        "action_open",
        "action_open_backups",
        "action_open_operations",
        "action_purge",
        "action_restore",
        "action_resume",
        "action_retry",
        "action_suspend",
        "action_sync",
        "delete_database",
        "rename_database",
        "sync_client",
    },
    "saas_portal.operation": {"action_cancel", "action_retry"},
    "saas_portal.operation.step": set(),
    "saas_portal.support_team": set(),
    "saas_portal.reserved_name": set(),
    "saas_portal.rate_limit": set(),
    "saas_portal.client.backup": {"action_download"},
    "saas_portal.client.usage": set(),
    "saas_portal.batch": set(),
    "saas_portal.batch.line": {"action_open_operation"},
    "saas_portal.duplicate_client": {"action_apply"},
    "saas_portal.restore_backup": {"action_apply"},
    "saas_portal.keyring": set(),
    "saas_portal.connection": set(),
    "saas_portal.connect_client": {"action_connect"},
    "saas_portal.rotate_keys": {"action_drop_former_key", "action_rotate_keys"},
    "saas_portal.operation.mixin": set(),
    "saas.config": {"action_apply", "do_upgrade_database"},
    "saas.config.param": set(),
    "saas.config.limit": set(),
    "saas.config.result": set(),
    "saas_portal.create_client": {"action_apply"},
    "saas_portal.rename_client": {"action_apply"},
    "saas_portal.delete_client": {"action_apply"},
}
SUSPEND = {"params": [{"key": "saas_client.suspended", "value": "1"}]}


class TestAccess(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.operation = self.client.operation_ids

    def try_all_methods(self, user):
        """(model, method) of every public method that does not refuse this user."""
        client, plan = self.client.id, self.plan.id
        self.operation.state = "failed"
        attempts = {
            ("saas_portal.server", "action_check"): ([self.server.id],),
            ("saas_portal.server", "action_compare"): ([self.server.id],),
            ("saas_portal.plan", "create_new_database"): ([plan], "new.localhost"),
            ("saas_portal.plan", "create_template"): ([plan],),
            ("saas_portal.plan", "action_create_template"): ([plan],),
            ("saas_portal.plan", "generate_dbname"): ([plan],),
            ("saas_portal.database", "action_build"): ([self.template.id],),
            ("saas_portal.database", "action_delete_database"): ([self.template.id],),
            ("saas_portal.operation", "action_retry"): ([self.operation.id],),
            ("saas_portal.operation", "action_cancel"): ([self.operation.id],),
            ("saas.config", "do_upgrade_database"): (SUSPEND, client),
            ("saas_portal.client", "action_backup"): ([client],),
            ("saas_portal.client", "action_batch_resume"): ([client],),
            ("saas_portal.client", "action_batch_sync"): ([client],),
            ("saas_portal.client", "action_batch_backup"): ([client],),
            ("saas_portal.client", "rename_database"): ([client], "new.localhost"),
            ("saas_portal.client", "delete_database"): ([client],),
            ("saas_portal.client", "action_restore"): ([client],),
            ("saas_portal.client", "action_purge"): ([client],),
            ("saas_portal.client", "action_suspend"): ([client],),
            ("saas_portal.client", "action_resume"): ([client],),
            ("saas_portal.client", "action_sync"): ([client],),
            ("saas_portal.client", "sync_client"): ([client],),
            ("saas_portal.client", "action_retry"): ([client],),
            ("saas_portal.client", "action_cancel"): ([client],),
        }
        allowed = set()
        for (model, method), arguments in attempts.items():
            savepoint = self.env.cr.savepoint()
            try:
                answer = self.call(user, model, method, *arguments)
                self.assertIsNotNone(answer, f"XML-RPC cannot answer None: {method}")
                allowed.add((model, method))
            except UserError as refusal:
                # Refused for another reason: the right was there.
                if not isinstance(refusal, AccessError):
                    allowed.add((model, method))
            savepoint.close(rollback=True)
            self.env.invalidate_all()
        return allowed, set(attempts)

    def test_customers_visitors_and_other_employees_can_call_nothing(self):
        calls = len(self.transport.calls), len(self.driver.calls)
        for user in (self.customer, self.internal, self.env.ref("base.public_user")):
            self.assertEqual(self.try_all_methods(user)[0], set(), user.login)
        self.assertEqual((len(self.transport.calls), len(self.driver.calls)), calls)

    def test_users_create_and_configure_but_only_managers_delete_and_set_up(self):
        allowed, every = self.try_all_methods(self.user)
        self.assertEqual(
            every - allowed,
            {
                ("saas_portal.server", "action_check"),
                ("saas_portal.server", "action_compare"),
                ("saas_portal.plan", "create_template"),
                ("saas_portal.plan", "action_create_template"),
                ("saas_portal.database", "action_build"),
                ("saas_portal.database", "action_delete_database"),
                ("saas_portal.client", "delete_database"),
                ("saas_portal.client", "action_restore"),
                ("saas_portal.client", "action_purge"),
            },
        )

    def test_managers_may_do_all(self):
        allowed, every = self.try_all_methods(self.manager)
        self.assertEqual(allowed, every)

    def test_a_user_repeats_and_cancels_no_operation_that_he_could_not_begin(self):
        self.call(self.manager, "saas_portal.client", "delete_database", [self.client.id])
        client = self.client.with_context(active_test=False)
        template_build = self.template._start_operation("delete_template")
        for operation in (client.operation_ids[0], template_build):
            operation.state = "failed"
            for method in ("action_retry", "action_cancel"):
                with self.refused(error=AccessError):
                    self.call(self.user, "saas_portal.operation", method, [operation.id])
            self.assertEqual(operation.state, "failed")

    def test_customers_visitors_and_other_employees_read_and_write_nothing(self):
        for user in (self.customer, self.internal, self.env.ref("base.public_user")):
            for model in MODELS + WIZARDS:
                for right in ("read", "write", "create", "unlink"):
                    # A customer sees his own clients: test_pages tells how much of them.
                    own = (user, model, right) == (self.customer, "saas_portal.client", "read")
                    self.assertEqual(
                        self.env[model].with_user(user).has_access(right),
                        own,
                        f"{user.login} may {right} {model}",
                    )

    def test_what_users_and_managers_may_do_with_records(self):
        rights = {
            self.user: {
                "saas_portal.client": {"read", "write"},
                "saas_portal.rate_limit": set(),
            },
            self.manager: {
                "saas_portal.server": {"read", "write", "create", "unlink"},
                "saas_portal.plan": {"read", "write", "create", "unlink"},
                "saas_portal.database": {"read", "write", "create", "unlink"},
                "saas_portal.support_team": {"read", "write", "create", "unlink"},
                "saas_portal.reserved_name": {"read", "write", "create", "unlink"},
                "saas_portal.rate_limit": set(),
                "saas_portal.client.backup": {"read", "unlink"},
                "saas_portal.client": {"read", "write", "unlink"},
            },
        }
        for user, models in rights.items():
            for model in MODELS:
                found = {
                    right
                    for right in ("read", "write", "create", "unlink")
                    if self.env[model].with_user(user).has_access(right)
                }
                self.assertEqual(found, models.get(model, {"read"}), f"{user.login} {model}")

    def test_no_method_is_public_that_is_not_known_here(self):
        for model, known in PUBLIC.items():
            record = self.env[model]
            bases = {"base", "mail.thread", "mail.activity.mixin"}
            inherited = {name for base in bases for name in dir(self.env[base])}
            found = {
                name
                for name in dir(type(record))
                if name not in inherited
                and name not in record._fields
                and not name.startswith("_")
                and callable(getattr(type(record), name))
            }
            self.assertEqual(found, known, model)

    def test_what_begins_with_an_underscore_cannot_be_called(self):
        for model, method in (
            ("saas_portal.client", "_set_open"),
            ("saas_portal.client", "_start_operation"),
            ("saas_portal.client", "_perform_operation"),
            ("saas_portal.server", "_get_driver"),
            ("saas_portal.keyring", "_get_signing_key"),
            ("saas_portal.keyring", "_decrypt"),
            ("saas_portal.operation", "_get_secrets"),
            ("saas_portal.operation", "_cron_run_operations"),
            ("saas_portal.client", "_cron_purge"),
        ):
            with self.assertRaises(AccessError):
                get_public_method(self.env[model], method)

    # -- secrets -----------------------------------------------------------------------------------

    def test_the_secrets_of_an_operation_are_for_nobody(self):
        self.operation.secrets = "cipher"
        for user in (self.manager, self.env.ref("base.user_admin")):
            values = self.operation.with_user(user).read()[0]
            self.assertNotIn("secrets", values)
            with self.assertRaises(AccessError):
                self.operation.with_user(user).read(["secrets"])
            with self.assertRaises(AccessError):
                self.env["saas_portal.operation"].with_user(user).search([("secrets", "like", "a")])

    def test_secrets_of_a_payload_are_not_readable(self):
        self.up(
            self.client,
            configure_outgoing_mail=[{"smtp_login": "a@example.com", "smtp_password": "hush"}],
        )
        operation = self.client.operation_ids[0]
        self.assertEqual(
            self.transport.payloads[-1]["configure_outgoing_mail"][0]["smtp_password"], "hush"
        )
        for record in (operation, operation.step_ids, self.client):
            self.assertNotIn("hush", str(record.read()))

    def test_the_signing_key_is_stored_encrypted(self):
        stored = self.env["ir.config_parameter"].get_param("saas_portal.signing_key")
        self.assertTrue(stored)
        self.assertNotIn("PRIVATE", stored)

    def test_the_signing_key_stays_the_same(self):
        keyring = self.env["saas_portal.keyring"]
        self.assertEqual(
            keyring._get_signing_key().public_pem(), keyring._get_signing_key().public_pem()
        )

    # -- companies ---------------------------------------------------------------------------------

    def test_what_belongs_to_another_company_is_out_of_reach(self):
        company = self.env["res.company"].create({"name": "Second"})
        stranger = self.make_user(
            "stranger",
            "saas_portal.group_manager",
            company_id=company.id,
            company_ids=[fields.Command.set(company.ids)],
        )
        mine = self.env.company
        self.server.company_id = mine
        self.plan.company_id = mine
        self.client.company_id = mine
        self.env.flush_all()
        for record in (
            self.server,
            self.plan,
            self.template,
            self.client,
            self.operation,
            self.operation.step_ids[0],
        ):
            self.assertFalse(record.with_user(stranger).has_access("read"), record._name)
            self.assertTrue(record.with_user(self.manager).has_access("read"), record._name)
            found = self.env[record._name].with_user(stranger).search([("id", "=", record.id)])
            self.assertFalse(found)
        allowed, _every = self.try_all_methods(stranger)
        self.assertEqual(allowed, set())

    def test_a_client_belongs_to_the_company_of_its_plan(self):
        company = self.env["res.company"].create({"name": "Second"})
        self.manager.company_ids += company
        self.server.company_id = self.env.company
        self.assertEqual(self.new().company_id, self.env.company)
        self.plan.company_id = company
        client = self.call(
            self.manager.with_context(allowed_company_ids=company.ids),
            "saas_portal.plan",
            "search",
            [("id", "=", self.plan.id)],
        )
        self.assertTrue(client)

    # -- menus -------------------------------------------------------------------------------------

    def test_the_menu_is_shown_to_users_of_saas_alone(self):
        menu = self.env.ref("saas_portal.saas_portal_menu_root")
        for user, seen in (
            (self.internal, False),
            (self.user, True),
            (self.manager, True),
        ):
            visible = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            self.assertEqual(menu.id in visible, seen, user.login)

    def test_fields_of_partners_are_hidden_from_other_employees(self):
        view = self.env["res.partner"].with_user(self.internal).get_view(view_type="form")
        self.assertFalse(etree.fromstring(view["arch"]).xpath("//field[@name='saas_client_count']"))
        with self.assertRaises(AccessError):
            self.customer.partner_id.with_user(self.internal).read(["saas_client_count"])
