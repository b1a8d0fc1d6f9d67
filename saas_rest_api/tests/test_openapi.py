import json

from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_spec_validator import OpenAPIV31SpecValidator

from odoo.tests import new_test_user, tagged

from .common import RestCase

PATH = "/api/v1/openapi.json"
VERBS = {"get", "post", "put", "patch", "delete"}


@tagged("post_install", "-at_install")
class TestOpenapi(RestCase):
    def setUp(self):
        super().setUp()
        self.key = self.token(self.employee)

    def document(self, key=None, **params):
        answer = self.call("GET", PATH, params=params, token=key or self.key)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()

    def operations(self, document):
        return {
            (verb, path): operation
            for path, item in document["paths"].items()
            for verb, operation in item.items()
            if verb in VERBS
        }

    def test_the_document_is_valid(self):
        """B70: ``/openapi.json`` is valid OpenAPI 3.1, with one model, several and none named."""
        admin = self.token(self.admin, scopes=["*:*", "admin"])
        for document in (
            self.document(),
            self.document(models="res.partner"),
            self.document(admin, models="res.partner,res.users,ir.model.fields"),
            self.document(admin),
        ):
            self.assertEqual(document["openapi"], "3.1.0")
            OpenAPIV31SpecValidator(document).validate()
            names = [op["operationId"] for op in self.operations(document).values()]
            self.assertEqual(len(names), len(set(names)))

    def test_it_shows_what_its_reader_may_use(self):
        """B25: a scope ``res.partner:read`` leaves other models and all writing out."""
        narrow = self.token(self.employee, scopes=["res.partner:read"])
        document = self.document(narrow)
        paths = {path for path in document["paths"] if path.startswith("/api/v1/res.")}
        self.assertTrue(paths)
        self.assertTrue(all(path.startswith("/api/v1/res.partner") for path in paths), paths)
        verbs = {verb for verb, path in self.operations(document) if path in paths}
        self.assertLessEqual(verbs, {"get", "post"}, "a search is posted")
        self.assertNotIn(("post", "/api/v1/res.partner"), self.operations(document))
        self.assertNotIn("/api/v1/metrics", document["paths"])
        answer = self.call("GET", f"{PATH}?models=res.country", token=narrow)
        self.assert_problem(answer, 404, "not-found")

    def test_read_only_tokens_are_told_what_others_may(self):
        key = self.token(self.employee, read_only=True)
        operation = self.document(key, models="res.partner")["paths"]["/api/v1/res.partner"]["post"]
        self.assertIn("read-only-token", operation["responses"]["403"]["description"])

    def test_hidden_fields_and_models_are_not_in_it(self):
        """B34: what cannot be read is not described."""
        admin = self.token(self.admin, scopes=["*:*", "admin"])
        users = self.document(admin, models="res.users")["components"]["schemas"]["ResUsers"]
        self.assertIn("login", users["properties"])
        self.assertNotIn("password", users["properties"])
        for name in ("saas_rest.token", "ir.config_parameter", "nope"):
            answer = self.call("GET", f"{PATH}?models={name}", token=admin)
            self.assert_problem(answer, 404, "not-found")

    def test_values_leave_out_what_cannot_be_written(self):
        schemas = self.document(models="res.partner")["components"]["schemas"]
        written = schemas["ResPartnerValues"]["properties"]
        self.assertIn("name", written)
        for name in ("id", "write_date", "display_name"):
            self.assertNotIn(name, written)
        self.assertEqual(schemas["ResPartner"]["properties"]["is_company"]["type"], "boolean")

    def test_strangers_see_neither_the_document_nor_the_page(self):
        """H20: a token, or the session of an internal user; a visitor's session is not enough."""
        for path in (PATH, "/api/v1/docs"):
            self.assert_problem(self.call("GET", path), 401, "token-missing")
            self.assertEqual(self.call("GET", path, token=self.key).status_code, 200)
        new_test_user(self.env, "docs-visitor", "base.group_portal")
        self.authenticate("docs-visitor", "docs-visitor")
        self.assert_problem(self.call("GET", PATH), 401, "token-missing")
        self.authenticate("rest-employee", "rest-employee")
        for path in (PATH, "/api/v1/docs"):
            answer = self.call("GET", path)
            self.assertEqual(answer.status_code, 200)
            self.assertNotIn("Set-Cookie", answer.headers)
        self.assert_problem(self.call("GET", "/api/v1/me"), 401, "token-missing")

    def test_the_page_loads_nothing_from_elsewhere(self):
        """B72: a strict policy, and only addresses of this server."""
        answer = self.call("GET", "/api/v1/docs?models=res.partner", token=self.key)
        policy = answer.headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'self';"))
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(answer.text, r'(src|href)="(https?:)?//')
        for path in ("swagger-ui-bundle.js", "swagger-ui.css"):
            file = self.call("GET", f"/saas_rest_api/static/lib/swagger-ui/{path}")
            self.assertEqual(file.status_code, 200, path)

    def test_the_page_works_in_a_browser_without_network(self):
        """B72: it shows operations, and each thing it loads comes from this server."""
        self.browser_js(
            "/api/v1/docs?models=res.partner",
            """
            const timer = setInterval(() => {
                if (!document.querySelector(".opblock-post")) return;
                clearInterval(timer);
                const foreign = performance.getEntriesByType("resource")
                    .map((entry) => entry.name)
                    .filter((name) => !name.startsWith(location.origin + "/"));
                if (foreign.length) throw new Error("loaded from elsewhere: " + foreign);
                console.log("test successful");
            }, 100);
            """,
            login="rest-employee",
        )

    def test_an_unchanged_document_is_304(self):
        answer = self.call("GET", PATH, token=self.key)
        known = {"If-None-Match": answer.headers["ETag"]}
        self.assertEqual(self.call("GET", PATH, token=self.key, headers=known).status_code, 304)


@tagged("post_install", "-at_install")
class TestConformance(RestCase):
    """B70: what is answered is what the document says, checked by openapi-core."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.registry.clear_cache)

    def setUp(self):
        super().setUp()
        self.key = self.token(self.admin, scopes=["*:*", "admin"])
        self.typed = self.load("?models=res.partner,res.country")
        self.generic = self.load("")
        self.partner = self.env["res.partner"].create(
            {
                "name": "Deco",
                "child_ids": [(0, 0, {"name": "A"})],
                "country_id": self.env.ref("base.ma").id,
            }
        )

    def load(self, query):
        readers = {"application/problem+json": lambda body, **_options: json.loads(body)}
        config = Config(extra_media_type_deserializers=readers)
        document = self.call("GET", f"{PATH}{query}", token=self.key).json()
        return OpenAPI.from_dict(document, config=config)

    def ask(self, method, path, status, **options):
        answer = self.call(method, f"/api/v1{path}", token=self.key, **options)
        self.assertEqual(answer.status_code, status, answer.text)
        for document in (self.typed, self.generic):
            if document is self.generic or "/res.partner" in path or "/res." not in path:
                request = RequestsOpenAPIRequest(answer.request)
                document.validate_response(request, RequestsOpenAPIResponse(answer))
        return answer

    def test_reading(self):
        one = f"/res.partner/{self.partner.id}"
        self.ask("GET", "/res.partner", 200)
        fields = "name,country_id(code),child_ids:10(name),category_id,image_128,create_date"
        self.ask("GET", f"/res.partner?fields={fields}&limit=2&count=exact", 200)
        self.ask("GET", f"{one}?fields=*,lang,user_id,parent_id,comment", 200)
        self.ask("GET", "/res.partner/count?filter[name]=Deco", 200)
        self.ask("GET", "/res.partner/aggregate?groupby=country_id&aggregates=id:count", 200)
        self.ask("POST", "/res.partner/search", 200, json={"limit": 1})
        self.ask("GET", f"{one}/attachments", 200)
        self.ask("GET", "/models", 200)
        self.ask("GET", "/models/res.partner", 200)
        for path in (
            "",
            "/health",
            "/me",
            "/tokens",
            "/audit",
            "/reports",
            "/webhooks",
            "/metrics",
        ):
            self.ask("GET", path, 200)

    def test_writing(self):
        made = self.ask("POST", "/res.partner", 201, json={"name": "New"}).json()["data"]["id"]
        self.ask("POST", "/res.partner", 201, json=[{"name": "A"}, {"name": "B"}])
        rows = [{"name": "A"}, {"nope": 1}]
        self.ask("POST", "/res.partner?on_error=continue", 207, json=rows)
        one = f"/res.partner/{made}"
        self.ask("PATCH", one, 200, json={"city": "Rabat"})
        self.ask("PUT", one, 200, json={"city": "Fès"})
        self.ask("PATCH", "/res.partner", 200, json={"ids": [made], "values": {"city": "Fès"}})
        external = "/res.partner/ext/shop/42"
        self.ask("PUT", external, 201, json={"name": "X"})
        self.ask("PUT", external, 200, json={"name": "Y"})
        self.ask("GET", external, 200)
        self.ask("DELETE", external, 204)
        self.ask("POST", f"{one}/call/action_archive", 200, json={})
        operations = [{"ref": "p", "method": "POST", "path": "/res.partner", "body": {"name": "Z"}}]
        self.ask("POST", "/batch", 200, json={"operations": operations})
        files = {"file": ("a.txt", b"a")}
        self.ask("POST", f"{one}/attachments", 201, files=files)
        self.ask("DELETE", one, 204)
        self.ask("DELETE", "/res.partner?ids=999999999", 404)

    def test_webhooks_and_tokens(self):
        values = {"url": "https://example.org/", "models": ["res.country"]}
        hook = self.ask("POST", "/webhooks", 201, json=values).json()["data"]["id"]
        self.ask("PATCH", f"/webhooks/{hook}", 200, json={"active": False})
        self.ask("POST", f"/webhooks/{hook}/rotate-secret", 200, json={"overlap": 0})
        self.ask("POST", f"/webhooks/{hook}/test", 202)
        self.ask("GET", f"/webhooks/{hook}/deliveries", 200)
        self.ask("DELETE", f"/webhooks/{hook}", 204)
        self.ask("GET", "/tokens/current", 200)

    def test_problems(self):
        self.ask("GET", "/res.partner?limit=-1", 400)
        self.ask("GET", "/res.partner/999999999", 404)
        self.ask("POST", "/res.partner", 422, json={"color": "text"})
        self.ask(
            "POST", "/res.partner", 400, data="{", headers={"Content-Type": "application/json"}
        )
        self.ask("POST", "/res.partner", 415, data="<a/>", headers={"Content-Type": "text/xml"})
        self.ask("GET", "/res.partner", 406, headers={"Accept": "text/html"})
