from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import SaasClientCase


@tagged("post_install", "-at_install")
class TestRecordLimit(SaasClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.banks = cls.env["res.bank"]
        cls.banks.search([]).active = False
        cls.set_limit(2)

    @classmethod
    def set_limit(cls, maximum, domain="[('name', 'like', 'Big')]", model="res.bank"):
        limit = {"model": model, "max_records": maximum, "domain": domain}
        return cls.apply(limit_number_of_records=[limit])

    def add(self, *names):
        return self.banks.create([{"name": name} for name in names])

    def test_one_record_too_many_is_refused(self):
        self.add("Big one", "Big two")
        with self.assertRaisesRegex(ValidationError, "includes 2 records .* 2 are already there"):
            self.add("Big three")

    def test_two_records_for_one_place_are_refused_together(self):
        self.add("Big one")
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.add("Big two", "Big three")
        self.assertEqual(self.banks.search_count([("name", "like", "Big")]), 1)

    def test_records_outside_the_domain_are_free(self):
        self.add("Big one", "Big two", "Small three")

    def test_a_record_that_comes_to_match_is_refused(self):
        self.add("Big one", "Big two")
        small = self.add("Small three")
        with self.assertRaises(ValidationError):
            small.name = "Big three"

    def test_a_record_that_matched_already_can_still_be_written(self):
        banks = self.add("Big one", "Big two")
        self.set_limit(1)
        banks[0].name = "Big and changed"
        banks[0].name = "Small now"

    def test_unarchiving_is_refused(self):
        banks = self.add("Big one", "Big two")
        banks[0].active = False
        self.add("Big three")
        with self.assertRaises(ValidationError):
            banks[0].active = True

    def test_superuser_mode_does_not_lift_it(self):
        self.add("Big one", "Big two")
        with self.assertRaises(ValidationError):
            self.banks.sudo().create({"name": "Big three"})

    def test_zero_removes_the_limit(self):
        self.set_limit(0)
        self.add("Big one", "Big two", "Big three")

    def test_a_raised_limit_is_live_at_once(self):
        self.add("Big one", "Big two")
        self.set_limit(3)
        self.add("Big three")
        self.assertEqual(self.env["saas_client.record_limit"].search_count([]), 1)

    def test_unknown_models_and_domains_are_reported(self):
        self.assertEqual(
            self.set_limit(1, model="no.model"),
            {"limit_number_of_records": ["model not found: no.model"]},
        )
        for domain in (
            "[('no_field', '=', 1)]",
            "[('id', '=', 'text')]",
            "[('name'",
            "__import__('os')",
            "'name'",
            7,
        ):
            self.assertEqual(
                self.set_limit(1, domain=domain),
                {"limit_number_of_records": ["domain not valid: res.bank"]},
            )
        with self.assertRaises(UserError):
            self.set_limit("many")

    def test_a_domain_can_be_a_list(self):
        self.set_limit(2, domain=[["name", "like", "Big"]])
        self.assertEqual(self.env["saas_client.record_limit"].search_count([]), 1)

    def test_an_administrator_can_neither_read_nor_change_limits(self):
        manager = self.make_user("manager", "base.group_system")
        self.env["ir.model.access"].create(
            {
                "name": "opened by an administrator",
                "model_id": self.env["ir.model"]._get("saas_client.record_limit").id,
                "perm_read": True,
                "perm_write": True,
                "perm_create": True,
                "perm_unlink": True,
            }
        )
        limits = self.env["saas_client.record_limit"]
        own = limits.with_user(manager)
        self.assertFalse(own.search([]))
        for attempt in (
            lambda: limits.search([]).with_user(manager).read(["max_records"]),
            lambda: limits.search([]).with_user(manager).write({"max_records": 9}),
            lambda: limits.search([]).with_user(manager).unlink(),
            lambda: own.create({"model": "res.bank", "max_records": 9}),
        ):
            with self.assertRaises(AccessError):
                attempt()
