from odoo.tools import file_open

from .common import SaasPortalCase


class TestViews(SaasPortalCase):
    def test_every_view_of_every_action_loads_for_who_may_open_it(self):
        data = self.env["ir.model.data"].search(
            [("module", "=", "saas_portal"), ("model", "=", "ir.actions.act_window")]
        )
        actions = self.env["ir.actions.act_window"].browse(data.mapped("res_id"))
        self.assertGreaterEqual(len(actions), 6)
        for action in actions:
            administrators = action.res_model in ("saas_portal.rotate_keys", "res.config.settings")
            user = self.env.ref("base.user_admin") if administrators else self.manager
            model = self.env[action.res_model].with_user(user)
            views = [(view_id, mode) for view_id, mode in action.views]
            found = model.get_views([*views, (False, "search")])
            self.assertEqual(
                set(found["views"]), {mode for _view, mode in views} | {"search"}, action.name
            )

    def test_forms_show_no_secret(self):
        for model in ("saas_portal.operation", "saas_portal.client", "saas_portal.create_client"):
            arch = self.env[model].with_user(self.manager).get_view(view_type="form")["arch"]
            for name in ("secrets", "owner_password_hash"):
                self.assertNotIn(f'name="{name}"', arch)

    def test_a_partner_shows_its_databases_and_opens_them(self):
        client = self.new()
        partner = self.customer.partner_id.with_user(self.user)
        self.assertEqual(partner.saas_client_count, 1)
        self.assertEqual(partner.saas_client_ids, client)
        action = self.call(self.user, "res.partner", "action_open_saas_clients", partner.ids)
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(found, client)

    def test_counters_leave_out_what_is_deleted(self):
        client = self.new()
        self.new()
        self.call(self.manager, "saas_portal.client", "delete_database", client.ids)
        for record in (self.plan, self.server, self.customer.partner_id):
            self.env.invalidate_all()
            count = getattr(record, "client_count", None)
            self.assertEqual(record.saas_client_count if count is None else count, 1, record)

    def test_buttons_open_what_belongs_to_the_record(self):
        client = self.new(dbname="acme.localhost")
        for record, method, domain in (
            (self.plan, "action_open_clients", [("plan_id", "=", self.plan.id)]),
            (self.server, "action_open_clients", [("server_id", "=", self.server.id)]),
            (client, "action_open_operations", [("client_id", "=", client.id)]),
        ):
            action = self.call(self.user, record._name, method, record.ids)
            self.assertEqual(action["domain"], domain)
        action = self.call(self.user, "saas_portal.client", "action_open", client.ids)
        self.assertEqual(action["url"], "http://acme.localhost:8069/web/login")

    def test_a_neutralised_copy_commands_nobody(self):
        client = self.new(dbname="acme.localhost", owner_password="correct horse")
        operations = self.env["saas_portal.operation"]
        for state in ("pending", "running", "failed"):
            operation = client._start_operation("configure", {"payload": {}}, {"a": "b"})
            operation.state = state
            operations += operation
        self.env.flush_all()
        with file_open("saas_portal/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertEqual(set(operations.mapped("state")), {"cancelled"})
        self.assertFalse(any(operations.mapped("secrets")))
        self.assertFalse(
            self.env["ir.config_parameter"].search([("key", "=", "saas_portal.signing_key")])
        )
        self.assertFalse(self.env["saas_portal.server"].search([]))

    def test_every_text_of_the_mail_is_rendered(self):
        client = self.new(dbname="acme.localhost", notify_user=False)
        template = self.env.ref("saas_portal.email_template_create_saas")
        body = template._render_field("body_html", client.ids)[client.id]
        self.assertIn("customer@example.com", body)
        self.assertIn("http://acme.localhost:8069/saas_client/login", body)
        self.assertNotIn("{{", body)
