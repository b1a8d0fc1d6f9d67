"""Cursors, and the size of domains."""

import json

from odoo.tests import tagged

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.limits import Limits
from ..lib.saas_rest.query import Query
from .records import RecordsCase


@tagged("post_install", "-at_install")
class TestPaging(RecordsCase):
    def walk(self, params, between=lambda page: None):
        """All rows of all pages, one cursor after the other."""
        rows, cursor = [], ""
        for page in range(1000):
            body = self.get("/res.partner", cursor=cursor, **params).json()
            rows += body["data"]
            cursor = body["meta"]["next_cursor"]
            if cursor is None:
                return rows
            between(page)
        raise AssertionError("the pages never end")

    def test_each_row_comes_once_while_others_come_and_go(self):
        """B32: 5 000 rows, with rows made and deleted before the cursor at each page."""
        partners = self.env["res.partner"].create(
            [
                {"name": f"Walk {number % 50:02d}", "function": "walk", "ref": str(number)}
                for number in range(5000)
            ]
        )
        self.env.flush_all()
        params = {"filter[function]": "walk", "fields": "name", "order": "name desc", "limit": 600}
        seen_first = []

        def disturb(page):
            made = {"name": f"Walk 99 {page}", "function": "walk"}
            seen_first.append(self.env["res.partner"].create(made).id)
            if page:
                self.env["res.partner"].browse(seen_first[page - 1]).unlink()
            self.env.flush_all()

        rows = self.walk(params, disturb)
        ids = [row["id"] for row in rows]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(set(ids), set(partners.ids))

    def test_empty_values_are_paged_past(self):
        """B32: wherever PostgreSQL sorts them."""
        self.partners[1:3].write({"ref": False})
        for order in ("ref", "ref desc", "ref nulls first", "ref desc nulls last", "active,ref"):
            with self.subTest(order=order):
                params = {"domain": self.ours(), "fields": "ref", "order": order, "limit": 1}
                paged = [row["id"] for row in self.walk(params)]
                whole = self.listed("/res.partner", **{**params, "limit": 10})
                self.assertEqual(paged, [row["id"] for row in whole])
                self.assertEqual(set(paged), set(self.partners.ids))

    def test_cursors_cannot_be_edited_or_used_elsewhere(self):
        """B33: one byte is enough; so is another domain, order, field or user."""
        params = {"domain": self.ours(), "limit": 2, "order": "id", "fields": "name"}
        cursor = self.get("/res.partner", **params).json()["meta"]["next_cursor"]
        self.assertEqual(len(self.listed("/res.partner", cursor=cursor, **params)), 2)
        for place in range(0, len(cursor), 7):
            other = "A" if cursor[place] != "A" else "B"
            edited = cursor[:place] + other + cursor[place + 1 :]
            response = self.get("/res.partner", cursor=edited, **params)
            self.assert_problem(response, 400, "invalid-cursor")
        for changed in (
            {"domain": "[]"},
            {"order": "id desc"},
            {"fields": "name,email"},
            {"filter[active]": "true"},
        ):
            response = self.get("/res.partner", cursor=cursor, **{**params, **changed})
            self.assert_problem(response, 400, "invalid-cursor")
        response = self.get("/res.partner", cursor=cursor, token=self.admin_token, **params)
        self.assert_problem(response, 400, "invalid-cursor")
        for nonsense in ("x", "====", "é", "A" * 9000):
            response = self.get("/res.partner", cursor=nonsense, **params)
            self.assert_problem(response, 400, "invalid-cursor")

    def test_orders_that_no_cursor_can_follow_are_refused(self):
        for order in ("country_id", "commercial_company_name,country_id"):
            response = self.get("/res.partner", cursor="", order=order)
            self.assert_problem(response, 400, "cursor-unsupported-order")
        response = self.get("/res.country", cursor="", order="name")
        self.assert_problem(response, 400, "cursor-unsupported-order")

    def test_oversized_domains_are_refused_at_once(self):
        """B36: 201 conditions, 21 levels, 2 001 ids, `any!` anywhere; and quickly."""
        deep = [["name", "=", "x"]]
        for _level in range(20):
            deep = [["parent_id", "any", deep]]
        inner = [["parent_id", "any!", [["name", "=", "x"]]]]
        for _level in range(3):
            inner = [["parent_id", "any", inner]]
        cases = {
            "many": ([["id", "=", 1]] * 201, "domain-too-complex"),
            "deep": (deep, "domain-too-complex"),
            "not": (["!"] * 21 + [["id", "=", 1]], "domain-too-complex"),
            "ids": ([["id", "in", list(range(1, 2002))]], "domain-too-complex"),
            "any!": ([["parent_id", "any!", [["name", "=", "x"]]]], "invalid-domain"),
            "any! inside": (inner, "invalid-domain"),
            "huge": ([["id", "=", 1]] * 50_000, "domain-too-complex"),
            "path": ([[".".join(["parent_id"] * 6), "=", 1]], "domain-too-complex"),
        }
        for name, (domain, code) in cases.items():
            with self.subTest(name=name):
                response = self.search("res.partner", {"domain": domain})
                self.assert_problem(response, 400, code)
        whole = ["|"] * 199 + [["id", "=", 1]] * 200
        self.assertEqual(self.search("res.partner", {"domain": whole}).status_code, 200)

    def test_malformed_domains_are_refused(self):
        """H23: what JSON-2 answers with 500."""
        for domain in (
            ["&"],
            ["|", ["id", "=", 1]],
            [["id", "="]],
            [["id", "=", 1, 2]],
            [[1, "=", 1]],
            [["id", "~", 1]],
            [["nope", "=", 1]],
            [["parent_id.nope", "=", 1]],
            [["name.x", "=", 1]],
            "id = 1",
            {"id": 1},
            [["id", "=", {"a": 1}]],
            [["display_name.x", "=", 1]],
            [["child_ids", "any", 5]],
            [["color", "child_of", [1]]],
        ):
            with self.subTest(domain=domain):
                response = self.search("res.partner", {"domain": domain})
                self.assertEqual(response.status_code, 400, response.text)
        response = self.get("/res.partner", domain="[['id','=',1]]")
        self.assert_problem(response, 400, "bad-json")

    def test_a_nested_literal_costs_nothing(self):
        """H10: a megabyte of brackets is refused without being evaluated."""
        response = self.get("/res.partner", domain="[" * 5_000)
        self.assert_problem(response, 400, "json-too-deep")
        response = self.send_raw("POST", "/res.partner/search", b'{"domain":' + b"[" * 1_000_000)
        self.assert_problem(response, 400, "json-too-deep")

    def test_the_number_of_queries_does_not_grow_with_the_table(self):
        """H19: 3 partners or 300, the same statements are sent."""
        country = self.env.ref("base.ma")
        self.env["res.partner"].create(
            [
                {"name": f"Count {number}", "function": "count", "country_id": country.id}
                for number in range(300)
            ]
        )
        self.env.flush_all()
        self.count_statements(1)
        self.assertEqual(self.count_statements(3), self.count_statements(299))

    def count_statements(self, limit):
        """Statements for a page of this size."""
        self.env.invalidate_all()
        query = Query.from_params(
            [
                ("filter[function]", "count"),
                ("fields", "name,country_id"),
                ("limit", str(limit)),
                ("count", "exact"),
            ],
            Limits(),
            json.loads,
        )
        before = self.env.cr.sql_log_count
        page = self.env(user=self.employee)["saas_rest.reader"]._search(
            Access.full(), "res.partner", query
        )
        self.assertEqual((len(page.records), page.total), (limit, 300))
        return self.env.cr.sql_log_count - before
