import inspect

from odoo import api, models

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.legacy import parse_query, parse_values
from ..lib.saas_rest.limits import Limits
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.text import _lt


class SaasRestLegacy(models.AbstractModel):
    """The older calls ``/api/<model>``, done by the present engine under the user's own rights.

    The addon from which they come wrote as superuser and called whatever had the right name.
    """

    _name = "saas_rest.legacy"
    _description = "Older REST calls"

    @api.model
    def _read(
        self, access: Access, model: str, record_id: int | None, params: list, limits: Limits
    ) -> list[dict]:
        """A page of records, or the one record, as a list."""
        query = parse_query(params, limits)
        if record_id is None:
            return self.env["saas_rest.reader"]._search(access, model, query).records
        return self._get_one(access, model, record_id, query)

    @api.model
    def _create(
        self, access: Access, model: str, values: dict, params: list, limits: Limits
    ) -> list[dict]:
        query = parse_query(params, limits)
        record = self.env["saas_rest.writer"]._create(access, model, parse_values(values))
        return self._get_one(access, model, record.id, query)

    @api.model
    def _update(
        self,
        access: Access,
        model: str,
        record_id: int,
        values: dict,
        params: list,
        limits: Limits,
    ) -> list[dict]:
        query = parse_query(params, limits)
        self.env["saas_rest.writer"]._update(access, model, record_id, parse_values(values))
        return self._get_one(access, model, record_id, query)

    @api.model
    def _check_id(self, model: str, record_id: int) -> None:
        self.env["saas_rest.operations"]._checked_id(model, record_id)

    @api.model
    def _delete(self, access: Access, model: str, record_id: int) -> str:
        self.env["saas_rest.writer"]._delete(access, model, [record_id])
        # Clients of the older calls look for this sentence.
        return f"record {record_id} has been successfully deleted"

    @api.model
    def _call(
        self, access: Access, model: str, record_id: int, action: str, args: list | dict
    ) -> object:
        """What a public method returns.

        :param args: by position as a list, or by name
        """
        caller = self.env["saas_rest.caller"]
        if isinstance(args, list):
            known = self.env["saas_rest.policy"]._get_model(access, model, "call")
            args = self._name_arguments(caller._get_method(known, action), action, args)
        return caller._call(access, model, [record_id], action, args)

    def _name_arguments(self, function, action: str, args: list) -> dict:
        _self, *parameters = inspect.signature(function).parameters.values()
        names = [
            parameter.name
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if len(args) > len(names):
            text = _lt(
                "'%(method)s' takes no more than %(count)s arguments.",
                method=action,
                count=len(names),
            )
            raise Problem("invalid-value", text)
        return dict(zip(names, args, strict=False))

    def _get_one(self, access: Access, model: str, record_id: int, query: Query) -> list[dict]:
        reader = self.env["saas_rest.reader"]
        return [reader._read(access, model, record_id, query.fields).values]
