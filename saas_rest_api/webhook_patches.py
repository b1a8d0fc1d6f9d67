"""Watching the writes to some models: methods put around those of their classes in the registry.

Only models that somebody subscribes to are patched, and of the registry's own classes only;
``remove`` leaves them as they were.
"""

from collections.abc import Iterable

from odoo import api
from odoo.modules.registry import Registry

WATCHED = ("create", "write", "unlink", "_compute_field_value")
#: base_automation forgets foreign patches whenever one of its rules changes
FORGETFUL = ("base.automation", "_update_registry")


def _make_create():
    @api.model_create_multi
    def create(self, vals_list, **kwargs):
        records = create.origin(self, vals_list, **kwargs)
        self.env["saas_rest.webhook"]._note_event(records, "created")
        return records

    return create


def _make_write():
    def write(self, vals, **kwargs):
        result = write.origin(self, vals, **kwargs)
        self.env["saas_rest.webhook"]._note_event(self, "updated", vals)
        return result

    return write


def _make_unlink():
    def unlink(self, **kwargs):
        noted = self.env["saas_rest.webhook"]._foresee_deletion(self)
        result = unlink.origin(self, **kwargs)
        self.env["saas_rest.webhook"]._note_deletion(self, noted)
        return result

    return unlink


def _make_compute():
    def _compute_field_value(self, field):
        result = _compute_field_value.origin(self, field)
        stored = [computed.name for computed in self.pool.field_computed[field] if computed.store]
        if stored:
            self.env["saas_rest.webhook"]._note_event(self, "updated", stored)
        return result

    return _compute_field_value


def _make_update_registry():
    def _update_registry(self):
        result = _update_registry.origin(self)
        self.env["saas_rest.webhook"]._register_hook()
        return result

    return _update_registry


MAKERS = {
    "create": _make_create,
    "write": _make_write,
    "unlink": _make_unlink,
    "_compute_field_value": _make_compute,
    "_update_registry": _make_update_registry,
}


def _chain(function):
    """The functions that stand around each other, the outermost first."""
    while function is not None:
        yield function
        function = getattr(function, "origin", None)


def _find(model_class: type, name: str):
    """Our function in the chain, None: it is not there."""
    chain = _chain(model_class.__dict__.get(name))
    return next((function for function in chain if hasattr(function, "saas_rest_own")), None)


def _patch(model_class: type, name: str) -> None:
    if _find(model_class, name) is not None:
        return
    function = MAKERS[name]()
    function.saas_rest_own = name in model_class.__dict__
    function.origin = getattr(model_class, name)
    setattr(model_class, name, function)


def _restore(model_class: type, name: str) -> None:
    ours = _find(model_class, name)
    if ours is None:
        return
    if model_class.__dict__[name] is ours:
        if ours.saas_rest_own:
            setattr(model_class, name, ours.origin)
        else:
            delattr(model_class, name)
        return
    for function in _chain(model_class.__dict__[name]):
        if getattr(function, "origin", None) is ours:
            function.origin = ours.origin


def patched(registry: Registry) -> set[str]:
    """The models that are watched now."""
    return {
        name
        for name, model_class in registry.items()
        if any(_find(model_class, method) for method in WATCHED)
    }


def install(registry: Registry, model_names: Iterable[str]) -> None:
    """Watch exactly these models; unknown ones are skipped."""
    wanted = {name for name in model_names if name in registry}
    for name in patched(registry) - wanted:
        for method in WATCHED:
            _restore(registry[name], method)
    for name in wanted:
        for method in WATCHED:
            _patch(registry[name], method)
    model_name, method = FORGETFUL
    if model_name in registry:
        (_patch if wanted else _restore)(registry[model_name], method)


def remove(registry: Registry) -> None:
    """Watch nothing any more."""
    install(registry, ())
