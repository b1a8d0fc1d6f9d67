"""Reading records: limits, fields, relations, formats."""

import json

from odoo import Command
from odoo.tests import tagged

from ..lib.saas_rest.access import Access
from .records import RecordsCase


@tagged("post_install", "-at_install")
class TestRead(RecordsCase):
    def test_limits_are_whole_numbers_within_bounds(self):
        """B30: no limit is bent silently; 0 only counts."""
        for limit in ("1001", "-1", "abc", "1e9", "", "1.5", "٣"):
            with self.subTest(limit=limit):
                self.assert_problem(self.get("/res.partner", limit=limit), 400, "invalid-limit")
        body = self.get("/res.partner", limit=0, domain=self.ours()).json()
        self.assertEqual((body["data"], body["meta"]["total"]), ([], 5))

    def test_far_offsets_point_at_cursors(self):
        """B31: 10**12 rows are never skipped; the answer says how to go on."""
        body = self.assert_problem(self.get("/res.partner", offset=10**12), 400, "invalid-limit")
        self.assertIn("cursor", body["detail"])

    def test_a_page_tells_where_it_is(self):
        body = self.get("/res.partner", domain=self.ours(), limit=2, offset=2, order="id").json()
        self.assertEqual([row["id"] for row in body["data"]], self.partners.ids[2:4])
        self.assertEqual(body["meta"]["total"], 5)
        self.assertIn("offset=4", body["links"]["next"])
        self.assertNotIn("offset", body["links"]["prev"])
        following = self.call("GET", body["links"]["next"], token=self.employee_token).json()
        self.assertEqual([row["id"] for row in following["data"]], self.partners.ids[4:])
        self.assertIsNone(following["links"]["next"])

    def test_counts_are_capped_exact_or_left_out(self):
        self.env["ir.config_parameter"].set_param("saas_rest_api.count_cap", "3")
        self.env.flush_all()
        ours = {"domain": self.ours(), "limit": 1}
        meta = self.get("/res.partner", **ours).json()["meta"]
        self.assertEqual((meta["total"], meta["total_capped"]), (3, True))
        meta = self.get("/res.partner", count="exact", **ours).json()["meta"]
        self.assertEqual((meta["total"], meta["total_capped"]), (5, False))
        meta = self.get("/res.partner", headers={"Prefer": "count=none"}, **ours).json()["meta"]
        self.assertIsNone(meta["total"])
        count = self.get("/res.partner/count", domain=self.ours()).json()["data"]
        self.assertEqual(count, {"count": 5, "capped": False})

    def test_unknown_and_forbidden_fields_are_refused_by_name(self):
        """B34: and `*` never holds the forbidden ones."""
        body = self.assert_problem(self.get("/res.partner", fields="nope"), 400, "unknown-field")
        self.assertEqual(body["errors"][0]["pointer"], "/fields/0")
        response = self.get("/res.users", fields="password", token=self.admin_token)
        self.assert_problem(response, 403, "field-forbidden")
        for row in self.listed("/res.users", fields="*", token=self.admin_token):
            self.assertFalse({"password", "signup_token", "totp_secret"} & set(row))

    def test_forbidden_fields_cannot_be_searched_sorted_or_grouped(self):
        """B35: neither by filters, domains, orders nor groups, at any depth."""
        token = self.admin_token
        for params in (
            {"filter[password][like]": "a%"},
            {"domain": '[["password","like","a%"]]'},
            {"order": "password"},
            {"filter[create_uid.password][like]": "a%"},
            {"domain": '[["create_uid","any",[["password","!=",false]]]]'},
        ):
            with self.subTest(params=params):
                response = self.ask("GET", "/res.users", params=params, token=token)
                self.assert_problem(response, 403, "field-forbidden")
        response = self.get("/res.users/aggregate", groupby="password", token=token)
        self.assert_problem(response, 403, "field-forbidden")

    def test_values_in_domains_fit_their_fields(self):
        """B37: the answer names the value."""
        response = self.search("res.partner", {"domain": [["id", "in", ["a"]]]})
        body = self.assert_problem(response, 422, "invalid-value")
        self.assertIn("'a'", body["detail"])
        for leaf in (
            ["color", ">", "x"],
            ["active", "=", "yes"],
            ["write_date", ">", "yesterday"],
            ["id", "=", 2**40],
            ["name", "ilike", 5],
            ["name", "=", ["a"]],
            ["country_id", "child_of", "x"],
        ):
            with self.subTest(leaf=leaf):
                response = self.search("res.partner", {"domain": [leaf]})
                self.assertIn(response.status_code, (400, 422), response.text)

    def test_orders_are_fields_and_nothing_else(self):
        """B38: SQL in an order is refused, and the table stands."""
        for order in (
            "id; drop table res_partner",
            "id, (select 1)",
            "child_ids.name",
            "id desc x",
        ):
            with self.subTest(order=order):
                response = self.get("/res.partner", order=order)
                self.assert_problem(response, 400, "invalid-order")
        self.assertTrue(self.partners.exists())

    def test_selections_nest_to_a_limit(self):
        """B39: six levels are refused, a cycle ends at the limit."""
        response = self.get("/res.partner", fields="a(b(c(d(e(f(name))))))")
        self.assert_problem(response, 400, "invalid-selection")
        cycle = "parent_id(child_ids(parent_id(child_ids(name))))"
        response = self.get("/res.partner", fields=cycle)
        self.assert_problem(response, 400, "invalid-selection")
        child = self.env["res.partner"].create({"name": "Kid", "parent_id": self.partners[0].id})
        fields = "parent_id(child_ids(parent_id(name)))"
        data = self.get(f"/res.partner/{child.id}", fields=fields).json()["data"]
        self.assertEqual(data["parent_id"]["child_ids"][0]["parent_id"]["name"], "Rest A")

    def test_hidden_related_records_show_their_names_only(self):
        """B40: as Odoo itself shows them; the page does not fail for them."""
        hidden, child = self.partners[:2]
        child.parent_id = hidden
        self.env["ir.rule"].create(
            {
                "name": "Hide one partner",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": f"[('id', '!=', {hidden.id})]",
            }
        )
        fields = "name,parent_id(name,ref,email)"
        response = self.get("/res.partner", fields=fields, domain=self.ours(), order="id")
        self.assertEqual(response.status_code, 200, response.text)
        row = response.json()["data"][0]
        self.assertEqual(row["id"], child.id)
        self.assertEqual(row["parent_id"], {"id": hidden.id, "display_name": "Rest A"})
        self.assert_problem(self.get(f"/res.partner/{hidden.id}"), 404, "not-found")

    def test_long_lists_say_that_they_were_cut(self):
        """B39: a limit for each relation, and how many there are."""
        parent = self.partners[0]
        kids = [{"name": f"Kid {number}", "parent_id": parent.id} for number in range(4)]
        self.env["res.partner"].create(kids)
        data = self.get(f"/res.partner/{parent.id}", fields="child_ids:3(name)").json()["data"]
        self.assertEqual(len(data["child_ids"]), 3)
        self.assertEqual(data["_truncated"], {"child_ids": 4})
        response = self.get(f"/res.partner/{parent.id}", fields="child_ids:501(name)")
        self.assert_problem(response, 400, "invalid-selection")

    def test_empty_values_are_null(self):
        """B41: empty text, date and many2one are null, booleans false, lists empty."""
        partner = self.partners[0]
        fields = "email,country_id,is_company,child_ids,category_id,color"
        data = self.get(f"/res.partner/{partner.id}", fields=fields).json()["data"]
        self.assertEqual(
            data,
            {
                "id": partner.id,
                "email": None,
                "country_id": None,
                "is_company": False,
                "child_ids": [],
                "category_id": [],
                "color": 0,
            },
        )
        rate = self.env["res.currency.rate"].create(
            {"name": "2026-03-29", "rate": 2, "currency_id": self.env.ref("base.MAD").id}
        )
        shown = self.get(f"/res.currency.rate/{rate.id}", fields="name", token=self.admin_token)
        self.assertEqual(shown.json()["data"]["name"], "2026-03-29")

    def test_datetimes_are_rfc_3339(self):
        """B42: UTC with Z, or the offset that the client prefers; days of dates never move."""
        partner = self.partners[0]
        self.env.cr.execute(
            "UPDATE res_partner SET write_date = '2026-07-01 23:30:00' WHERE id = %s", [partner.id]
        )
        path = f"/res.partner/{partner.id}"
        plain = self.get(path, fields="write_date").json()["data"]
        self.assertEqual(plain["write_date"], "2026-07-01T23:30:00Z")
        headers = {"Prefer": "timezone=Africa/Casablanca"}
        local = self.get(path, fields="write_date", headers=headers).json()["data"]
        self.assertEqual(local["write_date"], "2026-07-02T00:30:00+01:00")
        vals = self.env["saas_rest.input"]._get_vals(
            Access.full(), self.env["ir.cron"], {"nextcall": "2026-03-29T02:30:00+02:00"}, False
        )
        self.assertEqual(str(vals["nextcall"]), "2026-03-29 00:30:00")
        rate = self.env["res.currency.rate"].create(
            {"name": "2026-03-29", "rate": 2, "currency_id": self.env.ref("base.MAD").id}
        )
        shown = self.get(
            f"/res.currency.rate/{rate.id}", fields="name", token=self.admin_token, headers=headers
        )
        self.assertEqual(shown.json()["data"]["name"], "2026-03-29")

    def test_values_speak_the_wanted_language(self):
        """B43: names and selections; errors are translated elsewhere."""
        self.env["res.lang"]._activate_lang("fr_FR")
        country = self.env.ref("base.de")
        country.with_context(lang="fr_FR").name = "Allemagne"
        self.env.flush_all()
        path = f"/res.country/{country.id}"
        french = self.get(path, fields="name,display_name", headers={"Accept-Language": "fr"})
        self.assertEqual(french.json()["data"]["name"], "Allemagne")
        self.assertEqual(french.json()["data"]["display_name"], "Allemagne")
        self.assertTrue(french.headers["Content-Language"].startswith("fr"))
        other = self.get(path, fields="name", headers={"Accept-Language": "is"})
        self.assertEqual(other.json()["data"]["name"], "Germany")
        self.assertTrue(other.headers["Content-Language"].startswith("en"))

    def test_companies_change_values_that_depend_on_them(self):
        """B44: by X-Company-Id; barcode is a value of the company."""
        second = self.env["res.company"].create({"name": "Second"})
        self.employee.company_ids = [Command.link(second.id)]
        partner = self.partners[0]
        partner.with_company(self.employee.company_id).barcode = "FIRST"
        partner.with_company(second).barcode = "SECOND"
        self.env.flush_all()
        path = f"/res.partner/{partner.id}"
        plain = self.get(path, fields="barcode").json()["data"]
        self.assertEqual(plain["barcode"], "FIRST")
        headers = {"X-Company-Id": str(second.id)}
        other = self.get(path, fields="barcode", headers=headers).json()["data"]
        self.assertEqual(other["barcode"], "SECOND")
        stranger = self.env["res.company"].create({"name": "Not mine"})
        headers = {"X-Company-Id": str(stranger.id)}
        self.assert_problem(self.get(path, headers=headers), 403, "company-denied")

    def test_reading_needs_no_writable_connection(self):
        """B69: GETs and searches work with a read-only cursor, which a replica may serve."""
        operations = type(self.env["saas_rest.operations"])
        modes = []

        def spy(name):
            original = getattr(operations, name)

            def operation(records, *args, **kwargs):
                modes.append(records.env.cr.readonly)
                return original(records, *args, **kwargs)

            return operation

        for name in ("_op_list", "_op_search", "_op_read", "_op_create"):
            self.patch(operations, name, spy(name))
        self.listed("/res.partner", limit=1)
        self.search("res.partner", {"limit": 1})
        self.get(f"/res.partner/{self.partners[0].id}")
        self.ask("POST", "/res.partner", {"name": "x"})
        self.assertEqual(modes, [True, True, True, False])

    def test_filters_work_like_domains(self):
        one = self.partners[0]
        one.write({"country_id": self.env.ref("base.ma").id, "color": 7})
        cases = {
            "filter[country_id.code][in]": "MA,XX",
            "filter[country_id]": str(self.env.ref("base.ma").id),
            "filter[ref][eq]": "REST-A",
            "filter[ref][starts]": "REST-A",
            "filter[name][ends]": "st A",
            "filter[color][between]": "6,8",
            "filter[color][gte]": "7",
            "filter[country_id][null]": "false",
            "filter[name][ilike]": "rest a",
        }
        for key, value in cases.items():
            with self.subTest(filter=key):
                rows = self.listed("/res.partner", domain=self.ours(), **{key: value})
                self.assertEqual([row["id"] for row in rows], one.ids)
        rows = self.listed("/res.partner", **{"filter[ref][starts]": "REST_A"})
        self.assertEqual(rows, [], "an underscore is no wildcard here")

    def test_archived_records_are_left_out_unless_asked_for(self):
        self.partners[0].active = False
        self.assertEqual(len(self.listed("/res.partner", domain=self.ours())), 4)
        found = self.listed("/res.partner", domain=self.ours(), active_test="false")
        self.assertEqual(len(found), 5)
        both = json.dumps([["id", "in", self.partners.ids], ["active", "in", [True, False]]])
        self.assertEqual(len(self.listed("/res.partner", domain=both)), 5)

    def test_aggregates_group_and_sum(self):
        self.partners[:2].write({"country_id": self.env.ref("base.ma").id, "color": 4})
        groups = self.listed(
            "/res.partner/aggregate",
            groupby="country_id",
            aggregates="color:sum,id:count",
            domain=self.ours(),
            order="__count desc",
        )
        self.assertEqual([group["__count"] for group in groups], [3, 2])
        self.assertEqual(groups[1]["country_id"]["display_name"], "Morocco")
        self.assertEqual(groups[1]["color:sum"], 8)
        for bad in ({"groupby": "child_ids:month"}, {"aggregates": "id:array_agg"}):
            response = self.ask("GET", "/res.partner/aggregate", params=bad)
            self.assert_problem(response, 400, "invalid-parameter")

    def test_the_same_question_in_a_body(self):
        body = {
            "fields": ["name", "country_id(code)"],
            "filter": {"ref": {"in": ["REST-A", "REST-B"]}},
            "domain": [["active", "=", True]],
            "order": ["ref desc"],
            "limit": 1,
        }
        answer = self.search("res.partner", body).json()
        self.assertEqual(answer["data"][0]["name"], "Rest B")
        self.assertEqual(answer["meta"]["total"], 2)

    def test_ids_of_all_kinds_are_not_found(self):
        """B61: never a server error."""
        ids = ("0", "-1", "99999999999999999999", "1.5", "%00", "../2", "%2e%2e/2", "a", "1%00")
        for record_id in ids:
            with self.subTest(id=record_id):
                response = self.ask("GET", f"/res.partner/{record_id}")
                self.assertIn(response.status_code, (400, 404), response.text)
