from odoo import api, models, tools
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.models import BaseModel

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.exposure import is_admin_only, is_hidden, is_secret_field
from ..lib.saas_rest.formats import RELATIONAL_TYPES
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt

#: Never in a default selection: heavy, endless, or not a value of the record itself.
NOT_BY_DEFAULT = frozenset(
    {"binary", "html", "one2many", "many2many", "properties", "properties_definition", "json"}
)
#: Methods that every model has, and that a client may call all the same.
CALLABLE_ANYWHERE = frozenset({"action_archive", "action_unarchive"})


class SaasRestPolicy(models.AbstractModel):
    """Says what of the database exists for a REST client, beside rights and record rules."""

    _name = "saas_rest.policy"
    _description = "What REST exposes"

    @api.model
    def _get_model(self, access: Access, name: str, operation: str) -> BaseModel:
        """The model, if this operation (read, create, write, unlink, call) may be tried on it.

        :raises Problem: ``not-found``, ``scope-denied``, ``read-only-token``, ``access-denied``
        """
        if name not in self.env.registry or is_hidden(name):
            raise self._no_model(name)
        model = self.env[name]
        if operation != "call" and (model._abstract or model._transient):
            raise self._no_model(name)
        self._check_token(access, name, operation)
        self._check_admin(access, name, operation)
        if operation == "call" or model.has_access(operation):
            return model
        if operation != "read" and model.has_access("read"):
            raise Problem("access-denied", _lt("You may not do this with '%(model)s'.", model=name))
        raise self._no_model(name)

    def _check_token(self, access: Access, name: str, operation: str) -> None:
        if not access.allows(name, operation):
            raise Problem(
                "scope-denied",
                _lt(
                    "The token's scopes do not include '%(model)s:%(operation)s'.",
                    model=name,
                    operation=operation,
                ),
            )
        if access.read_only and operation not in ("read", "call"):
            raise Problem("read-only-token", _lt("The token may only read."))

    def _check_admin(self, access: Access, name: str, operation: str) -> None:
        if not is_admin_only(name):
            return
        if not (access.admin and self.env.user.has_group("base.group_system")):
            raise self._no_model(name)
        if operation != "read":
            raise Problem(
                "access-denied", _lt("'%(model)s' cannot be changed through REST.", model=name)
            )

    def _no_model(self, name: str) -> Problem:
        return Problem("not-found", _lt("There is no model '%(model)s'.", model=name[:100]))

    @api.model
    def _check_operation(self, access: Access, name: str, doc: Doc) -> None:
        """Whether an endpoint that changes records may be used for a model.

        :raises Problem: as :meth:`_get_model`
        """
        try:
            self._get_model(access, name, doc.needs)
        except Problem:
            # What creates or changes asks again when it knows which.
            if doc.operation != "upsert":
                raise
            self._get_model(access, name, "create")

    @api.model
    def _may(self, access: Access, name: str | None, doc: Doc | None) -> bool:
        """Whether the client may use an endpoint, for a model when it is about one."""
        if name is None or doc is None:
            return True
        try:
            self._check_operation(access, name, doc)
        except Problem as problem:
            return problem.code == "read-only-token"
        return True

    @api.model
    def _get_scope_domain(self, access: Access, model: BaseModel) -> Domain:
        """What limits the records of a model beside record rules: others' attachments."""
        if model._name != "ir.attachment":
            return Domain.TRUE
        if access.admin and self.env.user.has_group("base.group_system"):
            return Domain.TRUE
        return Domain("create_uid", "=", self.env.uid)

    @api.model
    def _get_readable(self, access: Access, records: BaseModel) -> BaseModel:
        """Those of the records that this client may read."""
        readable = records._filtered_access("read")
        domain = self._get_scope_domain(access, records)
        return readable if domain.is_true() else readable.filtered_domain(domain)

    # === FIELDS === #

    @api.model
    def _check_field(
        self,
        access: Access,
        model: BaseModel,
        field_name: str,
        operation: str = "read",
        pointer: str = "",
    ):
        """The field, if it may be read or written by its name.

        :param operation: ``read`` or ``write``
        :raises Problem: ``unknown-field`` or ``field-forbidden``
        """
        field = model._fields.get(field_name)
        if field is None:
            text = _lt(
                "%(model)s has no field '%(field)s'.", model=model._name, field=field_name[:100]
            )
            raise Problem("unknown-field", text, [Detail(pointer, "unknown-field")])
        if self._is_secret(field) or not model._has_field_access(field, operation):
            text = _lt(
                "The field '%(field)s' of %(model)s may not be used.",
                model=model._name,
                field=field_name,
            )
            raise Problem("field-forbidden", text, [Detail(pointer, "field-forbidden")])
        return field

    def _is_secret(self, field) -> bool:
        if is_secret_field(field.name):
            return True
        return field.type in RELATIONAL_TYPES and is_hidden(field.comodel_name)

    @api.model
    def _get_comodel(self, access: Access, field, pointer: str = "") -> BaseModel:
        """The model behind a relation, if its records may be read beyond their names.

        :raises Problem: ``field-forbidden``, ``scope-denied``
        """
        try:
            return self._get_model(access, field.comodel_name, "read")
        except Problem as problem:
            if problem.code != "not-found":
                raise
        text = _lt("You may not look into '%(field)s'.", field=field.name)
        raise Problem("field-forbidden", text, [Detail(pointer, "field-forbidden")])

    @api.model
    @tools.ormcache("self.env.uid", "model_name")
    def _get_readable_fields(self, model_name: str) -> tuple[str, ...]:
        """Names of the fields that the user may ask for."""
        model = self.env[model_name]
        return tuple(
            name
            for name, field in model._fields.items()
            if not self._is_secret(field) and model._has_field_access(field, "read")
        )

    @api.model
    @tools.ormcache("self.env.uid", "model_name")
    def _get_default_fields(self, model_name: str) -> tuple[str, ...]:
        """Names of the fields that ``*`` stands for: stored plain values and many2one."""
        model = self.env[model_name]
        names = [
            name
            for name in self._get_readable_fields(model_name)
            if name not in ("id", "display_name")
            and model._fields[name].store
            and model._fields[name].type not in NOT_BY_DEFAULT
        ]
        return ("id", "display_name", *names)

    # === METHODS === #

    @api.model
    def _is_callable(self, name: str) -> bool:
        """Whether a method's name may be called at all.

        What every model has reads and writes records past the filter of fields and past the
        scopes, so it is no method of any model here.
        """
        if name in CALLABLE_ANYWHERE:
            return True
        return not name.startswith("_") and not hasattr(self.env.registry["base"], name)

    # === OVERVIEW === #

    @api.model
    def _get_models(self, access: Access) -> list[BaseModel]:
        """All models that this client may read, by name."""
        found = []
        for name in sorted(self.env.registry):
            try:
                found.append(self._get_model(access, name, "read"))
            except (Problem, AccessError):
                continue
        return found
