from dataclasses import replace

from odoo import api, models, release

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.openapi_document import Document, ModelFacts, RouteFacts
from ..lib.saas_rest.openapi_fields import MAX_CHOICES, FieldFacts
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt

#: so many models are described one by one without being asked for
MAX_UNASKED = 20
MAX_MODELS = 50
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPERATIONS = ("read", "create", "write", "unlink", "call")


class SaasRestOpenapi(models.AbstractModel):
    """Describes the API to the one who asks: his models, his fields, his rights."""

    _name = "saas_rest.openapi"
    _description = "REST description"

    @api.model
    def _get_document(self, access: Access, wanted: list[str] | None = None) -> dict:
        """The OpenAPI document.

        :param wanted: models to describe one by one; None: all of them, if they are few
        :raises Problem: for a model that the user may not read
        """
        names = [model._name for model in self.env["saas_rest.policy"]._get_models(access)]
        if wanted is None and len(names) <= MAX_UNASKED:
            wanted = names
        if wanted is not None:
            self._check_wanted(wanted, names)
        described = tuple(self._get_model_facts(access, name) for name in wanted or ())
        return Document(
            title=self.env._("REST API of %(company)s", company=self.env.company.name),
            version="1",
            description=self._get_description(),
            routes=self._get_routes(access),
            names=() if wanted else tuple(names),
            models=described,
        ).build()

    def _check_wanted(self, wanted: list[str], names: list[str]) -> None:
        if len(wanted) > MAX_MODELS:
            text = _lt("At most %(limit)s models at once.", limit=MAX_MODELS)
            raise Problem("invalid-parameter", text, [Detail("/models", "invalid-parameter")])
        for name in wanted:
            if name not in names:
                raise Problem("not-found", _lt("There is no model '%(model)s'.", model=name[:100]))

    def _get_description(self) -> str:
        return self.env._(
            "Odoo %(version)s. Send the token as `Authorization: Bearer access_token_…`;"
            " choose a database with `X-Odoo-Database`, companies with `X-Company-Id`, a language"
            " with `Accept-Language` and a time zone with `Prefer: timezone=Africa/Casablanca`."
            " Without the parameter `models` this document has one set of paths for all models.",
            version=release.version,
        )

    # === ROUTES === #

    @api.model
    def _get_routes(self, access: Access) -> list[RouteFacts]:
        """Our routes, but for the older ones and those that need the scope ``admin``."""
        admin = access.admin and self.env.user.has_group("base.group_system")
        found = {}
        for rule in self.env["ir.http"].routing_map().iter_rules():
            route = rule.endpoint.routing.get("rest")
            if not route or not route.doc or route.legacy or route.catch_all:
                continue
            if route.scope == "admin" and not admin:
                continue
            verbs = tuple(rule.endpoint.routing["methods"] or ())
            found[rule.rule, verbs] = RouteFacts(rule.rule, verbs, route.doc)
        return sorted(found.values(), key=lambda route: (route.path, VERBS.index(route.verbs[0])))

    # === MODELS === #

    def _get_model_facts(self, access: Access, name: str) -> ModelFacts:
        policy = self.env["saas_rest.policy"]
        # What a token does not do because it only reads is there all the same: it answers 403.
        access = replace(access, read_only=False)
        operations = set()
        for operation in OPERATIONS:
            try:
                policy._get_model(access, name, operation)
            except Problem:
                continue
            operations.add(operation)
        model = self.env[name]
        readable = set(policy._get_readable_fields(name))
        described = model.fields_get(
            list(readable), ["type", "string", "help", "readonly", "required", "selection"]
        )
        fields = tuple(
            self._get_field_facts(access, model, field_name, described[field_name])
            for field_name in model._fields
            if field_name in described
        )
        return ModelFacts(name, model._description, fields, frozenset(operations))

    def _get_field_facts(self, access: Access, model, name: str, facts: dict) -> FieldFacts:
        choices = tuple(key for key, _label in facts.get("selection") or ())
        static = isinstance(model._fields[name].selection, list) if choices else False
        return FieldFacts(
            name=name,
            type=facts["type"],
            title=facts["string"],
            help=facts.get("help") or "",
            writable=self._may_write(access, model, name),
            required=facts["required"],
            choices=choices if static and len(choices) <= MAX_CHOICES else (),
        )

    def _may_write(self, access: Access, model, name: str) -> bool:
        field = model._fields[name]
        if field.readonly or name in models.MAGIC_COLUMNS:
            return False
        try:
            self.env["saas_rest.policy"]._check_field(access, model, name, "write")
        except Problem:
            return False
        return True
