"""All addresses of the addon, found by walking its routes."""

import re

from odoo import http
from odoo.service.server import CommonRequestHandler
from odoo.tests import tagged

from .. import log_filter, process
from .common import RestCase

PUBLIC = {
    ("GET", "/api/v1"),
    ("GET", "/api/v1/health"),
    ("POST", "/api/v1/tokens"),
    ("GET", "/api/auth/token"),
    ("POST", "/api/auth/token"),
    ("DELETE", "/api/auth/token"),
    ("GET", "/rest/sky/token"),
    ("POST", "/rest/sky/token"),
    ("DELETE", "/rest/sky/token"),
}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@tagged("post_install", "-at_install")
class TestRoutes(RestCase):
    def walk(self):
        """Each of our endpoints as verb, address with examples in its gaps, and settings."""
        for rule in self.env["ir.http"].routing_map().iter_rules():
            settings = rule.endpoint.routing.get("rest")
            if settings and not settings.catch_all:
                path = re.sub(r"<(\w+:)?(model)>", "res.partner", rule.rule)
                path = re.sub(r"<[^>]*>", "1", path)
                for verb in sorted(rule.methods & set(VERBS)):
                    yield verb, path, settings

    def test_nothing_but_the_documented_few_opens_without_a_token(self):
        """H6: every route without a token is 401."""
        found = set()
        for verb, path, settings in self.walk():
            with self.subTest(verb=verb, path=path):
                if settings.public:
                    found.add((verb, path))
                    continue
                self.assertEqual(self.call(verb, path).status_code, 401)
        self.assertLessEqual(found, PUBLIC)
        self.assertGreaterEqual(found, {("GET", "/api/v1"), ("GET", "/api/auth/token")})

    def test_our_own_tables_are_not_there(self):
        """H3: tokens, calls and counts are 404 on every route with a model."""
        token = self.token(self.admin, scopes=["admin"])
        paths = {
            (verb, path.replace("res.partner", name))
            for verb, path, _settings in self.walk()
            for name in ("saas_rest.token", "saas_rest.audit", "saas_rest.token.create")
            if "res.partner" in path
        }
        for verb, path in sorted(paths):
            with self.subTest(verb=verb, path=path):
                json = {} if verb in ("POST", "PATCH", "PUT") else None
                answer = self.call(verb, path, token=token, json=json)
                self.assertEqual(answer.status_code, 404, answer.text)

    def test_wrong_verbs_are_405_with_the_right_ones(self):
        """B63"""
        by_path = {}
        for verb, path, settings in self.walk():
            if path.startswith("/api/v1") and not settings.legacy:
                by_path.setdefault(path, set()).add(verb)
        token = self.token(self.admin)
        for path, verbs in by_path.items():
            for verb in set(VERBS) - verbs:
                with self.subTest(verb=verb, path=path):
                    answer = self.call(verb, path, token=token)
                    self.assertIn(answer.status_code, (404, 405), answer.text)
                    if "<" not in path:
                        self.assertEqual(answer.status_code, 405, answer.text)
                        told = set(answer.headers["Allow"].split(", "))
                        self.assertLessEqual(verbs, told)
                        self.assertNotIn(verb, told)
                    self.assertTrue(
                        answer.headers["Content-Type"].startswith("application/problem+json")
                    )

    def test_the_shim_is_the_only_change_and_can_be_taken_back(self):
        """B77, H14"""
        patched = CommonRequestHandler.make_environ
        original = patched.saas_rest_original
        self.assertFalse(hasattr(original, "saas_rest_original"))
        filters = list(log_filter.LOGGER.filters)
        process.attach()
        self.assertIs(CommonRequestHandler.make_environ, patched)
        self.assertEqual(log_filter.LOGGER.filters, filters)
        process.detach()
        try:
            self.assertIs(CommonRequestHandler.make_environ, original)
            self.assertIs(http._dispatchers["http"], http.HttpDispatcher)
            self.assertNotIn("saas_rest", http._dispatchers)
            self.assertLess(len(log_filter.LOGGER.filters), len(filters))
            process.detach()
        finally:
            process.attach()
        self.assertIs(CommonRequestHandler.make_environ.saas_rest_original, original)
