"""The OpenAPI 3.1 document of an API, from what its routes tell of themselves."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from apispec import APISpec

from .doc import JSON, Doc, Param
from .openapi_fields import FieldFacts, row_schema, values_schema
from .openapi_schemas import BODIES, COMPONENTS, ID, PARAMETERS, TEXT, Schema, model_bodies
from .problems import CATALOGUE

PROBLEM_TYPE = "application/problem+json"
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"accessToken": []}]
#: what any request may be answered
EVERYWHERE = (
    "unknown-parameter",
    "invalid-header",
    "database-required",
    "payment-required",
    "not-acceptable",
    "body-too-large",
    "uri-too-long",
    "rate-limited",
    "internal",
    "serialization",
    "database-unavailable",
    "unavailable",
    "query-timeout",
)
#: for something else in the place of an id: that may be another address
WITH_PLACES = ("not-found", "method-not-allowed")
WITH_TOKEN = (
    "conflicting-tokens",
    "password-in-url",
    "token-missing",
    "token-expired",
    "token-invalid",
    "access-denied",
    "scope-denied",
    "read-only-token",
    "ip-denied",
    "company-denied",
)
WITH_JSON = (
    "bad-json",
    "duplicate-key",
    "invalid-utf8",
    "invalid-number",
    "nul-character",
    "json-too-deep",
    "value-too-large",
    "media-type",
)
_PLACE = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")


@dataclass(frozen=True)
class RouteFacts:
    """An endpoint: its path as Odoo writes it, its verbs, and what it tells."""

    path: str
    verbs: tuple[str, ...]
    doc: Doc

    @property
    def of_models(self) -> bool:
        return "<model>" in self.path


@dataclass(frozen=True)
class ModelFacts:
    """A model as the reader of the document may use it.

    :param operations: of read, create, write, unlink and call
    """

    name: str
    title: str
    fields: tuple[FieldFacts, ...]
    operations: frozenset[str]


@dataclass
class Document:
    """Builds the document.

    :param names: all models that the reader may use, for the paths with ``{model}``; none are
        written when models are described one by one
    :param models: models that are described one by one
    """

    title: str
    version: str
    description: str
    routes: Iterable[RouteFacts]
    names: tuple[str, ...] = ()
    models: tuple[ModelFacts, ...] = ()
    _bodies: dict[str, Schema] = field(default_factory=lambda: dict(BODIES))

    def build(self) -> Mapping[str, object]:
        self.spec = APISpec(
            self.title,
            self.version,
            "3.1.0",
            info={"description": self.description},
            servers=[{"url": "/"}],
            security=SECURITY,
            tags=[{"name": model.name, "description": model.title} for model in self.models],
        )
        for name, schema in COMPONENTS.items():
            self.spec.components.schema(name, schema)
        for name, parameter in PARAMETERS.items():
            self.spec.components.parameter(name, parameter["in"], parameter)
        self._add_security()
        for route in self.routes:
            if not route.of_models:
                self._add_path(route, self._bodies)
            elif self.names:
                self._add_path(route, self._bodies | model_bodies("Row", "RowValues"))
        for model in self.models:
            self._add_model(model)
        return self.spec.to_dict()

    def _add_security(self) -> None:
        schemes = self.spec.components
        schemes.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
        schemes.security_scheme(
            "accessToken", {"type": "apiKey", "in": "header", "name": "access-token"}
        )

    # --- models -------------------------------------------------------------------

    def _add_model(self, model: ModelFacts) -> None:
        row = "".join(part.capitalize() for part in re.split(r"[._]", model.name))
        while row in self.spec.components.schemas:
            row += "_"
        values = f"{row}Values"
        self.spec.components.schema(row, row_schema(model.fields, model.title))
        self.spec.components.schema(values, values_schema(model.fields, model.title))
        bodies = self._bodies | model_bodies(row, values)
        for route in self.routes:
            if route.of_models and route.doc.needs in model.operations:
                self._add_path(route, bodies, model.name)

    # --- paths --------------------------------------------------------------------

    def _add_path(self, route: RouteFacts, bodies: Mapping[str, Schema], model: str = "") -> None:
        path = route.path.replace("<model>", model) if model else route.path
        parameters = [self._place(match) for match in _PLACE.finditer(path)]
        operations = {}
        for index, verb in enumerate(route.verbs):
            stem = route.doc.operation if not index else f"{route.doc.operation}_{verb.lower()}"
            name = f"{stem}_{re.sub(r'[._]', '_', model)}" if model else stem
            doc = route.doc
            if parameters:
                doc = replace(doc, problems=(*doc.problems, *WITH_PLACES))
            operations[verb.lower()] = self._operation(doc, name, bodies, model)
        self.spec.path(
            _PLACE.sub(r"{\g<name>}", path), operations=operations, parameters=parameters
        )

    def _place(self, match: re.Match[str]) -> Schema:
        schema = ID if match["converter"] == "int" else TEXT
        if match["name"] == "model":
            schema = {**TEXT, "enum": list(self.names)}
        return {"name": match["name"], "in": "path", "required": True, "schema": schema}

    def _operation(
        self, doc: Doc, name: str, bodies: Mapping[str, Schema], model: str
    ) -> dict[str, object]:
        operation: dict[str, object] = {
            "operationId": name,
            "summary": doc.summary,
            "tags": [model] if model else list(doc.tags),
            "parameters": [self._parameter(param) for param in doc.params],
            "responses": self._responses(doc, bodies),
        }
        if doc.description:
            operation["description"] = doc.description
        if doc.public:
            operation["security"] = []
        if doc.body:
            operation["requestBody"] = {
                "required": doc.body_required,
                "content": {doc.body_type: {"schema": bodies[doc.body]}},
            }
        return operation

    def _parameter(self, param: "Param | str") -> "Schema | str":
        if isinstance(param, str):
            return param
        return {
            "name": param.name,
            "in": param.where,
            "required": param.required,
            "schema": dict(param.schema),
            "description": param.description,
        }

    def _responses(self, doc: Doc, bodies: Mapping[str, Schema]) -> dict[str, object]:
        responses: dict[str, object] = {}
        for status, body in {doc.status: doc.response, **doc.more}.items():
            answer: dict[str, object] = {"description": "Done" if body else "Done, without a body"}
            if body:
                answer["content"] = {doc.response_type: {"schema": bodies[body]}}
            responses[str(status)] = answer
        for status, codes in sorted(self._problems(doc).items()):
            responses[str(status)] = {
                "description": "; ".join(f"`{code}`: {CATALOGUE[code][1]}" for code in codes),
                "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        return responses

    @staticmethod
    def _problems(doc: Doc) -> dict[int, list[str]]:
        codes = [*doc.problems, *EVERYWHERE]
        codes += [] if doc.public else WITH_TOKEN
        codes += WITH_JSON if doc.body and doc.body_type == JSON else []
        by_status: dict[int, list[str]] = {}
        for code in dict.fromkeys(codes):
            by_status.setdefault(CATALOGUE[code][0], []).append(code)
        return by_status
