import inspect

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.models import BaseModel
from odoo.service.model import get_public_method

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.exposure import is_admin_only
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt

EMPTY = inspect.Parameter.empty
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class SaasRestCaller(models.AbstractModel):
    """Calls public methods of models, with the rights of the environment's user."""

    _name = "saas_rest.caller"
    _description = "REST method calls"

    @api.model
    def _call(
        self, access: Access, model_name: str, ids: list[int] | None, method: str, args: object
    ) -> object:
        """The JSON value of what the method returns; records become their ids.

        :param ids: the records that it is called on; None calls it on the model
        :param args: arguments by their names
        :raises Problem: ``not-found`` for what is no public method, ``invalid-value`` for
            arguments that it does not take
        """
        policy = self.env["saas_rest.policy"]
        model = policy._get_model(access, model_name, "call")
        function = self._get_method(model, method)
        if is_admin_only(model_name) or not self._may_call(model):
            raise self._no_method(model_name, method)
        records = model
        if ids is not None:
            if getattr(function, "_api_model", False):
                text = _lt("'%(method)s' is called on the model, without an id.", method=method)
                raise Problem("invalid-value", text)
            writer = self.env["saas_rest.writer"]
            records = writer._find_all(access, model, ids)
        self._check_arguments(function, records, method, args)
        failure = self.env["saas_rest.failure"]
        try:
            result = function(records, **args)
        except (TypeError, ValueError) as error:
            raise failure._explain(ValueError(str(error)), {}, "/args") from error
        return self.env["saas_rest.serializer"]._jsonable(access, result)

    def _may_call(self, model: BaseModel) -> bool:
        """Models without a table have no rights of their own; their methods check theirs."""
        return model._abstract or model.has_access("read")

    @api.model
    def _get_method(self, model: BaseModel, name: str):
        if not self.env["saas_rest.policy"]._is_callable(name):
            raise self._no_method(model._name, name)
        try:
            function = get_public_method(model, name)
        except (AttributeError, AccessError):
            raise self._no_method(model._name, name) from None
        if not inspect.isfunction(function):
            raise self._no_method(model._name, name)
        return function

    def _check_arguments(self, function, records: BaseModel, method: str, args: object) -> None:
        if not isinstance(args, dict):
            text = _lt("Arguments are an object with their names.")
            raise Problem("invalid-value", text, [Detail("/args", "invalid-value")])
        _self, *parameters = inspect.signature(function).parameters.values()
        named = {item.name: item for item in parameters if item.kind not in VARIADIC}
        anything = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters)
        details = [
            Detail(
                f"/args/{name}",
                "required-missing",
                _lt("'%(method)s' needs '%(name)s'.", method=method, name=name),
            )
            for name, item in named.items()
            if item.default is EMPTY and name not in args
        ]
        details += [
            Detail(
                f"/args/{name}",
                "invalid-value",
                _lt("'%(method)s' takes no '%(name)s'.", method=method, name=name[:60]),
            )
            for name in args
            if name not in named and not anything
        ]
        if details:
            code = details[0].code if len({item.code for item in details}) == 1 else "validation"
            raise Problem(code, details[0].detail, details)

    def _no_method(self, model_name: str, method: str) -> Problem:
        text = _lt("%(model)s has no method '%(method)s'.", model=model_name, method=method[:100])
        return Problem("not-found", text)
