from odoo.exceptions import UserError, ValidationError

from ..lib.saas_driver import DriverRejected
from .common import SaasPortalCase


class TestTemplate(SaasPortalCase):
    def create_template(self, plan=None, *args, **kwargs):
        plan = plan or self.plan
        return self.call(
            self.manager, "saas_portal.plan", "create_template", plan.ids, *args, **kwargs
        )

    def new_plan(self, **values):
        return self.env["saas_portal.plan"].create(
            {"name": "Größe XL!", "server_id": self.server.id, **values}
        )

    # -- state of the plan -------------------------------------------------------------------------

    def test_a_plan_is_confirmed_while_its_template_is_ready(self):
        for state in ("draft", "building", "broken", "deleted"):
            self.template.state = state
            self.assertEqual(self.plan.state, "draft", state)
        self.template.state = "template"
        self.assertEqual(self.plan.state, "confirmed")
        self.plan.template_id = False
        self.assertEqual(self.plan.state, "draft")

    # -- build -------------------------------------------------------------------------------------

    def test_a_template_is_built_with_the_plans_apps_language_and_demo_flag(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        plan = self.new_plan(app_names="sale, fleet", demo=True, lang="fr_FR")
        answer = self.create_template(plan, addons="fleet,crm")
        template = plan.template_id
        self.assertEqual(answer, {"id": template.id, "name": template.name, "state": "template"})
        self.assertEqual((plan.state, template.state), ("confirmed", "template"))
        self.assertTrue(template.built_at)
        self.assertEqual(template.addons, "sale, fleet, crm")
        spec = self.driver.template_spec
        self.assertEqual((spec.name, spec.key), (template.name, template.uuid))
        self.assertEqual(spec.addons, ("sale", "fleet", "crm"))
        self.assertEqual(spec.languages, ("en_US", "fr_FR"))
        self.assertTrue(spec.demo)
        self.new(plan=plan, dbname="acme.localhost")

    def test_the_name_of_a_template_is_a_database_name(self):
        for name in ("Größe XL!", "!!!", "x" * 100):
            plan = self.new_plan(name=name)
            self.create_template(plan)
            self.assertRegex(plan.template_id.name, r"^template-[a-z0-9-]+$")

    def test_the_button_builds_in_the_background(self):
        plan = self.new_plan()
        action = self.call(self.manager, "saas_portal.plan", "action_create_template", plan.ids)
        self.assertEqual(action["res_id"], plan.template_id.id)
        self.assertEqual(plan.template_id.state, "building")
        self.assertEqual(plan.template_id.operation_step, "Install Odoo and the apps")
        self.run_operations()
        self.assertEqual(plan.state, "confirmed")

    def test_a_template_that_is_built_again_stays_usable_meanwhile(self):
        self.call(self.manager, "saas_portal.database", "action_build", self.template.ids)
        self.assertEqual(self.plan.state, "confirmed")
        self.new(dbname="acme.localhost")
        self.run_operations()
        self.assertEqual(self.plan.state, "confirmed")

    def test_a_build_that_fails_leaves_the_former_template_usable(self):
        self.driver.failures["build_template"] = DriverRejected("No such app.")
        with self.refused("No such app."):
            self.create_template()
        self.assertEqual(self.plan.state, "confirmed")
        self.assertEqual(self.template.operation_error, "No such app.")

    def test_a_first_build_that_fails_is_broken_also_when_the_name_is_a_strangers(self):
        plan = self.new_plan()
        with self.refused("No such app."):
            self.driver.failures["build_template"] = DriverRejected("No such app.")
            self.create_template(plan)
        self.assertEqual((plan.template_id.state, plan.state), ("broken", "draft"))
        self.driver.put(plan.template_id.name)
        with self.refused("No such app."):
            self.create_template(plan)
        self.assertEqual((plan.template_id.state, plan.state), ("broken", "draft"))

    def test_what_is_no_list_of_apps_is_refused(self):
        for addons in (5, {"sale": 1}, ["sale", 5]):
            with self.refused("addons"):
                self.create_template(addons=addons)

    def test_a_template_that_no_plan_uses_cannot_be_built(self):
        template = self.env["saas_portal.database"].create(
            {"name": "template-alone", "server_id": self.server.id}
        )
        with self.refused("No plan uses"):
            self.call(self.manager, "saas_portal.database", "action_build", template.ids)

    def test_a_template_that_was_built_keeps_its_server(self):
        """Its database and its spares are there"""
        other = self.env["saas_portal.server"].create({"name": "Other", "request_port": 8069})
        with self.refused("Delete the database first"):
            self.template.server_id = other
        self.template.server_id = self.server
        self.template.state = "deleted"
        self.template.server_id = other

    # -- outdated ----------------------------------------------------------------------------------

    def built_with(self, **versions):
        """The template as if these addons had been other ones when it was built."""
        self.template.addon_versions = {**self.template.addon_versions, **versions}

    def test_a_fresh_template_is_not_outdated(self):
        self.create_template()
        self.assertIn("saas_client", self.template.addon_versions)
        self.assertFalse(self.template.outdated)
        self.assertFalse(self.plan.template_outdated)

    def test_a_template_is_outdated_when_an_addon_has_changed_on_disk_until_it_is_rebuilt(self):
        self.create_template(addons="contacts")
        version, code = self.template.addon_versions["saas_client"]
        self.built_with(saas_client=["19.0.0.1.0", code])
        self.assertEqual(self.plan.template_outdated, f"saas_client 19.0.0.1.0 → {version}")
        self.built_with(saas_client=[version, "another code"])
        self.assertEqual(self.plan.template_outdated, "saas_client")
        self.built_with(saas_client=[version, code], contacts=["19.0.0.1", "another code"])
        self.assertIn("contacts 19.0.0.1", self.plan.template_outdated)
        self.create_template(addons="contacts")
        self.assertFalse(self.template.outdated)

    def test_a_template_of_which_nothing_is_known_is_outdated(self):
        self.assertFalse(self.template.outdated)
        self.template.addon_versions = False
        self.assertIn("not known", self.template.outdated_reason)
        self.template.state = "deleted"
        self.assertFalse(self.template.outdated)

    def test_a_server_whose_addons_the_portal_does_not_see_says_nothing(self):
        self.patch(self.registry["saas_portal.server"], "_read_addons", lambda *a, **k: None)
        self.assertFalse(self.template.outdated)

    def test_an_outdated_template_is_still_used_and_a_failure_says_that_it_is_outdated(self):
        self.create_template()
        self.built_with(saas_client=["19.0.0.1.0", "another code"])
        self.assertEqual(self.new(dbname="acme.localhost").state, "open")
        self.driver.failures["create"] = DriverRejected("Column does not exist.")
        with self.refused("Column does not exist. The template template-test is outdated"):
            self.new(dbname="other.localhost")
        self.create_template()
        with self.refused("Column does not exist."):
            self.new(dbname="other.localhost")
        operation = self.env["saas_portal.operation"].search([], limit=1, order="id desc")
        self.assertEqual(operation.error, "Column does not exist.")

    # -- delete ------------------------------------------------------------------------------------

    def test_a_deleted_template_makes_its_plan_a_draft(self):
        self.call(self.manager, "saas_portal.database", "action_delete_database", self.template.ids)
        self.run_operations()
        self.assertEqual((self.template.state, self.plan.state), ("deleted", "draft"))
        self.assertFalse(self.driver.status("template-test").exists)
        self.create_template()
        self.assertEqual(self.plan.state, "confirmed")

    def test_a_template_with_a_database_cannot_be_removed(self):
        self.plan.template_id = False
        with self.assertRaisesRegex(UserError, "delete the database first"):
            self.template.unlink()

    def test_a_template_with_a_database_cannot_be_renamed(self):
        with self.refused("cannot be renamed"):
            self.call(
                self.manager, "saas_portal.database", "write", self.template.ids, {"name": "other"}
            )
        self.template.state = "draft"
        self.template.name = "other"

    # -- values ------------------------------------------------------------------------------------

    def test_a_plan_refuses_what_means_nothing(self):
        for values in (
            {"dbname_template": "no-number.localhost"},
            {"dbname_template": "Bad Name %i"},
            {"app_names": "sale; rm -rf"},
            {"app_names": "--load=web"},
        ):
            with self.assertRaises(ValidationError):
                self.plan.write(values)

    def test_a_plan_and_its_template_are_on_one_server(self):
        other = self.env["saas_portal.server"].create({"name": "Second"})
        with self.assertRaises(ValidationError):
            self.plan.server_id = other

    def test_a_template_has_a_name_that_can_be_a_database(self):
        for name in ("Template", "postgres", "a b"):
            with self.assertRaises(ValidationError):
                self.env["saas_portal.database"].create({"name": name, "server_id": self.server.id})

    # -- server ------------------------------------------------------------------------------------

    def test_the_address_of_a_client_leaves_out_the_usual_port(self):
        for scheme, port, url in (
            ("http", 80, "http://acme/"),
            ("https", 443, "https://acme/"),
            ("http", 443, "http://acme:443/"),
            ("https", 8069, "https://acme:8069/"),
        ):
            self.server.write({"request_scheme": scheme, "request_port": port})
            self.assertEqual(self.server._get_public_url("acme"), url)

    def test_an_internal_address_is_one_of_an_http_server(self):
        self.server.internal_url = "http://10.0.0.5:8069/"
        for url in ("10.0.0.5", "ftp://host", "http://", "http://user:hush@host"):
            with self.assertRaises(ValidationError):
                self.server.internal_url = url

    def test_the_check_tells_how_many_clients_there_are(self):
        self.new(dbname="acme.localhost")
        answer = self.call(self.manager, "saas_portal.server", "action_check", self.server.ids)
        self.assertIn("1 client", answer["params"]["message"])
        self.driver.failures["list"] = DriverRejected("No.")
        with self.refused("Test Server does not answer: No."):
            self.call(self.manager, "saas_portal.server", "action_check", self.server.ids)
