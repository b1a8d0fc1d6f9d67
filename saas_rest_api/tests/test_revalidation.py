"""304 without making the body: never when anything that the body shows has changed."""

from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from ..lib.saas_rest.revalidation import Representations
from ..models import saas_rest_operations
from ..models.saas_rest_serializer import SaasRestSerializer
from .records import RecordsCase

NAMES = "name,parent_id,country_id,state_id,user_id,company_id,barcode,comment,color,is_company"


@tagged("post_install", "-at_install")
class TestRevalidation(RecordsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = new_test_user(cls.env, "rest-seller", "base.group_user", name="Seller")
        cls.country = cls.env["res.country"].create({"name": "Atlantis", "code": "XQ"})
        cls.state = cls.env["res.country.state"].create(
            {"name": "Shore", "code": "SH", "country_id": cls.country.id}
        )
        cls.parent = cls.env["res.partner"].create({"name": "Above", "is_company": True})
        cls.other = cls.env["res.partner"].create({"name": "Elsewhere", "is_company": True})
        cls.partner, cls.second = cls.partners[:2]
        cls.partner.write(
            {
                "parent_id": cls.parent.id,
                "country_id": cls.country.id,
                "state_id": cls.state.id,
                "user_id": cls.seller.id,
                "company_id": cls.env.company.id,
            }
        )
        cls.questions = {
            "record": (f"/res.partner/{cls.partner.id}", {}),
            "plain fields": (f"/res.partner/{cls.partner.id}", {"fields": NAMES}),
            "list": (
                "/res.partner",
                {"filter[ref][like]": "REST-", "fields": NAMES, "order": "ref", "limit": "3"},
            ),
            "defaults": ("/res.partner", {"filter[ref][like]": "REST-", "cursor": ""}),
            "counted": (
                "/res.partner",
                {"filter[ref][like]": "REST-", "fields": "name", "limit": "1", "count": "exact"},
            ),
            "computed": (
                f"/res.partner/{cls.partner.id}",
                {"fields": "display_name,child_ids,category_id(display_name),tz_offset"},
            ),
            "users": ("/res.users", {"filter[login][eq]": "rest-seller", "fields": "*"}),
        }

    def setUp(self):
        super().setUp()
        # What this process remembers is of other tests' records.
        self.patch(saas_rest_operations, "KNOWN", Representations())

    def ask_again(self, name, etag=None, **headers):
        path, params = self.questions[name]
        if etag:
            headers["If-None-Match"] = etag
        return self.get(path, token=self.admin_token, headers=headers, **params)

    def changes(self):
        """What may change around a page: each with a name, done one after the other."""
        env = self.env
        group = env.ref("base.group_multi_company")
        yield "name", lambda: self.partner.write({"name": "Renamed"})
        yield "another field", lambda: self.partner.write({"comment": "<p>Told</p>"})
        yield "of another record", lambda: self.second.write({"color": 7})
        yield "behind Odoo's back", self.write_by_sql
        yield "the parent's name", lambda: self.parent.write({"name": "Higher"})
        yield "the parent", lambda: self.partner.write({"parent_id": self.other.id})
        yield "the country's name", lambda: self.country.write({"name": "Lemuria"})
        yield "the country's code", lambda: self.country.write({"code": "XR"})
        yield "the state's name", lambda: self.state.write({"name": "Coast"})
        yield (
            "a translation",
            lambda: self.country.with_context(lang="fr_FR").write({"name": "Lémurie"}),
        )
        yield "the seller's name", lambda: self.seller.partner_id.write({"name": "Vendor"})
        yield "the company's name", lambda: self.env.company.write({"name": "Renamed Inc."})
        yield "the company's own value", lambda: self.partner.write({"barcode": "0042"})
        yield "another record", lambda: self.add("REST-A0")
        yield "a record behind the page", lambda: self.add("REST-Z")
        yield (
            "a child",
            lambda: env["res.partner"].create({"name": "Child", "parent_id": self.partner.id}),
        )
        yield (
            "a category",
            lambda: self.partner.write({"category_id": [(0, 0, {"name": "Customers"})]}),
        )
        yield "a category's name", lambda: self.partner.category_id.write({"name": "Clients"})
        yield (
            "a rule",
            lambda: env["ir.rule"].create(
                {
                    "name": "Not the second",
                    "model_id": env["ir.model"]._get_id("res.partner"),
                    "groups": [(4, group.id)],
                    "domain_force": f"[('id', '!=', {self.second.id})]",
                }
            ),
        )
        yield "the reader's rights", lambda: self.admin.write({"group_ids": [(4, group.id)]})
        yield "an archived record", self.partners[2].action_archive
        yield "a deleted record", self.partners[3].unlink
        yield (
            "written twice",
            lambda: [
                self.partner.write({"name": text}) or env.flush_all() for text in ("Once", "Twice")
            ],
        )
        # Last: from here on no partner can be made without another barcode.
        yield (
            "a default of the company",
            lambda: env["ir.default"].set(
                "res.partner", "barcode", "none", company_id=env.company.id
            ),
        )

    def add(self, ref):
        self.env["res.partner"].create({"name": "Added", "ref": ref})

    def write_by_sql(self):
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET color = 9 WHERE id = %s", self.partner.ids)
        self.env.invalidate_all()

    def test_whatever_changes_what_is_shown_is_sent_again(self):
        """B50: each change, under each question: 304 only for the very bytes that were sent."""
        self.env["res.lang"]._activate_lang("fr_FR")
        changed = dict.fromkeys(self.questions, 0)
        before = {name: self.ask_again(name) for name in self.questions}
        for name, answer in before.items():
            again = self.ask_again(name, answer.headers["ETag"])
            self.assertEqual(again.status_code, 304, again.text)
        for title, change in self.changes():
            change()
            self.env.flush_all()
            for name, answer in before.items():
                with self.subTest(change=title, question=name):
                    fresh = before[name] = self.ask_again(name)
                    again = self.ask_again(name, answer.headers["ETag"])
                    same = fresh.content == answer.content
                    self.assertEqual(again.status_code, 304 if same else 200)
                    self.assertEqual(again.content, b"" if same else fresh.content)
                    self.assertEqual(again.headers["ETag"], fresh.headers["ETag"])
                    changed[name] += not same
        self.assertGreater(min(changed.values()), 1, changed)

    def test_one_questions_answer_is_not_anothers(self):
        etag = self.ask_again("list").headers["ETag"]
        self.assertEqual(self.ask_again("list", etag).status_code, 304)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.country.with_context(lang="fr_FR").name = "Atlantide"
        self.env.flush_all()
        for headers in ({"Accept-Language": "fr"}, {"Prefer": "count=none"}):
            with self.subTest(headers=headers):
                self.assertEqual(self.ask_again("list", etag, **headers).status_code, 200)
                self.assertEqual(self.ask_again("list", etag).status_code, 304)
        path, params = self.questions["list"]
        other = self.get(path, headers={"If-None-Match": etag}, **params)
        self.assertEqual(other.headers["ETag"] == etag, other.status_code == 304)
        answer = self.get("/res.partner/0", headers={"If-None-Match": "*"}, fields="name")
        self.assert_problem(answer, 404, "not-found")

    def made(self, name, etag):
        """How often records were turned into JSON for a request."""
        with patch.object(
            SaasRestSerializer,
            "_serialize",
            autospec=True,
            side_effect=SaasRestSerializer._serialize,
        ) as made:
            self.assertEqual(self.ask_again(name, etag).status_code, 304)
        return made.call_count

    def test_an_unchanged_answer_is_not_even_made(self):
        """The second 304 for the same question costs a look at the rows' versions."""
        for name in ("record", "plain fields", "list", "defaults", "counted", "users"):
            with self.subTest(question=name):
                etag = self.ask_again(name).headers["ETag"]
                self.assertGreater(self.made(name, etag), 0)
                self.assertEqual(self.made(name, etag), 0)

    def test_what_others_compute_is_always_made(self):
        etag = self.ask_again("computed").headers["ETag"]
        self.made("computed", etag)
        self.assertGreater(self.made("computed", etag), 0)

    def test_a_name_that_another_addon_makes_is_made_each_time(self):
        """The addon has read how partners get their names: of another way it knows nothing."""

        def _compute_display_name(records):
            for record in records:
                record.display_name = f"{record.name} of {self.other.name}"

        etag = self.ask_again("record").headers["ETag"]
        self.made("record", etag)
        partner = self.registry["res.partner"]
        with patch.object(partner, "_compute_display_name", _compute_display_name, create=True):
            self.registry.clear_cache()
            etag = self.ask_again("record").headers["ETag"]
            self.made("record", etag)
            self.assertGreater(self.made("record", etag), 0)
            self.other.name = "Atlantis"
            self.env.flush_all()
            self.assertEqual(self.ask_again("record", etag).status_code, 200)
        self.registry.clear_cache()
