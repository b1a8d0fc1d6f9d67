from odoo.fields import Command
from odoo.tests import HttpCase, tagged


@tagged("post_install", "-at_install")
class TestScreens(HttpCase):
    """The backend in a real browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.env.ref("saas_portal.server_local")
        template = cls.env["saas_portal.database"].create(
            {"name": "template-tour", "server_id": server.id, "state": "template"}
        )
        plan = cls.env["saas_portal.plan"].create(
            {"name": "Tour Plan", "template_id": template.id, "server_id": server.id}
        )
        cls.client_record = cls.env["saas_portal.client"].create(
            {
                "name": "tour.localhost",
                "plan_id": plan.id,
                "server_id": server.id,
                "partner_id": cls.env.ref("base.partner_admin").id,
                "owner_id": cls.env.ref("base.user_admin").id,
                "state": "open",
                "users_len": 2,
                "max_users": 5,
            }
        )

    def create_operation(self, kind, state):
        steps = self.client_record._get_operation_steps(kind)
        return self.env["saas_portal.operation"].create(
            {
                "client_id": self.client_record.id,
                "kind": kind,
                "state": state,
                "step_ids": [
                    Command.create(
                        {"method": method, "name": title, "state": state, "sequence": number}
                    )
                    for number, (method, title) in enumerate(steps)
                ],
            }
        )

    def test_every_screen_opens(self):
        self.create_operation("configure", "done")
        self.start_tour(
            "/odoo/action-saas_portal.saas_portal_client_action",
            "saas_portal_screens",
            login="admin",
        )

    def test_the_form_follows_a_running_operation(self):
        self.client_record.state = "building"
        operation = self.create_operation("create", "pending")
        operation.state = "running"
        self.start_tour(
            f"/odoo/action-saas_portal.saas_portal_client_action/{self.client_record.id}",
            "saas_portal_progress",
            login="admin",
        )
        self.assertEqual(operation.state, "cancelled")
