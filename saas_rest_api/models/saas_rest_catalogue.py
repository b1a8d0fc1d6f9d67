import inspect

from odoo import api, models
from odoo.models import BaseModel

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.exposure import is_admin_only
from ..lib.saas_rest.problems import Problem

OPERATIONS = ("read", "create", "write", "unlink")


class SaasRestCatalogue(models.AbstractModel):
    """Tells a client what there is for it: models, their fields, their methods."""

    _name = "saas_rest.catalogue"
    _description = "REST catalogue"

    @api.model
    def _get_models(self, access: Access) -> list[dict]:
        """The models that the client may read, each with what it may do with them."""
        return [
            {
                "model": model._name,
                "name": self.env["ir.model"]._get(model._name).name or model._description,
                "operations": self._get_operations(access, model._name),
            }
            for model in self.env["saas_rest.policy"]._get_models(access)
        ]

    @api.model
    def _get_model(self, access: Access, name: str) -> dict:
        """Fields and methods of a model."""
        policy = self.env["saas_rest.policy"]
        model = policy._get_model(access, name, "read")
        default = set(policy._get_default_fields(name))
        return {
            "model": name,
            "name": self.env["ir.model"]._get(name).name or model._description,
            "operations": self._get_operations(access, name),
            "fields": {
                field_name: {**self._describe_field(model, field_name)}
                | {"default": field_name in default}
                for field_name in policy._get_readable_fields(name)
            },
            "methods": self._get_methods(access, model),
        }

    def _get_operations(self, access: Access, name: str) -> list[str]:
        policy = self.env["saas_rest.policy"]
        found = []
        for operation in OPERATIONS:
            try:
                policy._get_model(access, name, operation)
            except Problem:
                continue
            found.append(operation)
        if access.allows(name, "call") and not is_admin_only(name):
            found.append("call")
        return found

    def _describe_field(self, model: BaseModel, name: str) -> dict:
        field = model._fields[name]
        shown = field.get_description(self.env, ["string", "help", "required", "selection"])
        described = {
            "type": field.type,
            "label": shown.get("string") or name,
            "required": bool(shown.get("required")),
            "readonly": bool(field.readonly or name in models.MAGIC_COLUMNS),
            "stored": bool(field.store),
            "searchable": bool(field._description_searchable),
        }
        if shown.get("help"):
            described["help"] = str(shown["help"])
        if field.relational:
            described["relation"] = field.comodel_name
        if field.type == "selection":
            choices = shown.get("selection") or []
            described["selection"] = [{"value": key, "label": label} for key, label in choices]
        return described

    @api.model
    def _get_methods(self, access: Access, model: BaseModel) -> list[dict]:
        """The methods that the client may try to call."""
        if is_admin_only(model._name) or not access.allows(model._name, "call"):
            return []
        policy = self.env["saas_rest.policy"]
        found = []
        for name in sorted(dir(type(model))):
            if not policy._is_callable(name):
                continue
            function = getattr(type(model), name)
            hidden = any(
                getattr(getattr(cls, name, None), "_api_private", False)
                for cls in type(model).mro()
            )
            if hidden or not inspect.isfunction(function):
                continue
            parameters = list(inspect.signature(function).parameters.values())[1:]
            found.append(
                {
                    "method": name,
                    "on": "model" if getattr(function, "_api_model", False) else "records",
                    "args": [
                        {"name": item.name, "required": item.default is inspect.Parameter.empty}
                        for item in parameters
                        if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
                    ],
                }
            )
        return found
