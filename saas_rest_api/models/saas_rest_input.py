from collections import defaultdict
from dataclasses import dataclass, field

from odoo import api, models
from odoo.fields import Command
from odoo.models import BaseModel

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.formats import InvalidValue, parse_integer, parse_text, parse_value
from ..lib.saas_rest.problems import CATALOGUE, Detail, Problem
from ..lib.saas_rest.text import Text, _lt

#: Relations are written inside each other this deep.
MAX_DEPTH = 5
COMMANDS = ("create", "update", "link", "unlink", "delete", "set")
TRIPLES = {
    Command.CREATE: "create",
    Command.UPDATE: "update",
    Command.DELETE: "delete",
    Command.UNLINK: "unlink",
    Command.LINK: "link",
    Command.CLEAR: "clear",
    Command.SET: "set",
}


@dataclass
class Reading:
    """What is found while values are read: mistakes, and records that must exist."""

    access: Access
    details: list[Detail] = field(default_factory=list)
    references: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    def wrong(self, pointer: str, code: str, text: Text) -> None:
        """Note a mistake; reading goes on, so that all mistakes are told at once."""
        self.details.append(Detail(pointer, code, text))


class SaasRestInput(models.AbstractModel):
    """Turns values of clients into values for ``create`` and ``write``, checking each of them."""

    _name = "saas_rest.input"
    _description = "REST values"

    @api.model
    def _get_vals(
        self, access: Access, model: BaseModel, values: object, creating: bool, pointer: str = ""
    ) -> dict:
        """Values of one record for the ORM.

        :raises Problem: with a pointer to each value that is not possible
        """
        return self._get_vals_list(access, model, [(pointer, values)], creating)[0]

    @api.model
    def _get_vals_list(
        self,
        access: Access,
        model: BaseModel,
        items: list[tuple[str, object]],
        creating: bool,
    ) -> list[dict]:
        """Values of several records, each given with its pointer."""
        reading = Reading(access)
        vals_list = [
            self._read_object(reading, model, values, creating, pointer, 1)
            for pointer, values in items
        ]
        self._check_references(reading)
        if reading.details:
            raise self._get_problem(reading.details)
        return vals_list

    def _get_problem(self, details: list[Detail]) -> Problem:
        codes = {detail.code for detail in details}
        if "field-forbidden" in codes:
            code = "field-forbidden"
        elif len(codes) == 1 and CATALOGUE[details[0].code][0] == 422:
            code = details[0].code
        else:
            code = "validation"
        text = details[0].detail if len(details) == 1 else _lt("Several values are not possible.")
        return Problem(code, text, details[:100])

    def _check_references(self, reading: Reading) -> None:
        for model_name, places in reading.references.items():
            existing = set(self.env[model_name].browse(places).exists()._ids)
            for record_id, pointer in places.items():
                if record_id not in existing:
                    text = _lt(
                        "There is no %(model)s with the id %(id)s.", model=model_name, id=record_id
                    )
                    reading.wrong(pointer, "invalid-value", text)

    # === OBJECTS === #

    def _read_object(
        self,
        reading: Reading,
        model: BaseModel,
        values: object,
        creating: bool,
        pointer: str,
        depth: int,
    ) -> dict:
        if not isinstance(values, dict):
            reading.wrong(pointer, "invalid-value", _lt("An object is expected."))
            return {}
        vals = {}
        for name, value in values.items():
            place = f"{pointer}/{name}"
            wanted = self._get_writable(reading, model, name, place)
            if wanted is None:
                continue
            try:
                vals[name] = self._read_value(reading, wanted, value, creating, place, depth)
            except InvalidValue as error:
                reading.wrong(place, "invalid-value", error.text)
        return vals

    def _get_writable(self, reading: Reading, model: BaseModel, name: str, pointer: str):
        """The field, or None and a noted mistake."""
        try:
            wanted = self.env["saas_rest.policy"]._check_field(
                reading.access, model, name, "write", pointer
            )
        except Problem as problem:
            reading.wrong(pointer, problem.code, problem.detail)
            return None
        if wanted.readonly or name in models.MAGIC_COLUMNS:
            text = _lt("'%(field)s' cannot be written.", field=name)
            reading.wrong(pointer, "readonly-field", text)
            return None
        return wanted

    # === VALUES === #

    def _read_value(
        self, reading: Reading, wanted, value: object, creating: bool, pointer: str, depth: int
    ) -> object:
        if wanted.type in ("one2many", "many2many"):
            return self._read_commands(reading, wanted, value, creating, pointer, depth)
        if value is None:
            if wanted.required and wanted.type != "boolean":
                text = _lt("'%(field)s' must have a value.", field=wanted.name)
                reading.wrong(pointer, "required-missing", text)
            return False
        if wanted.type == "many2one":
            return self._read_link(reading, wanted.comodel_name, value, pointer)
        if wanted.type == "reference":
            return self._read_reference(reading, value, pointer)
        if wanted.type == "properties":
            return self._read_properties(value)
        result = parse_value(wanted.type, value)
        if wanted.type == "selection" and value not in wanted.get_values(self.env):
            raise InvalidValue(_lt("'%(value)s' is not a choice.", value=str(value)[:60]))
        if wanted.type == "char" and wanted.size and len(value) > wanted.size:
            text = _lt("At most %(limit)s characters.", limit=wanted.size)
            reading.wrong(pointer, "value-too-large", text)
        return result.replace(microsecond=0) if wanted.type == "datetime" else result

    def _read_link(self, reading: Reading, comodel_name: str, value: object, pointer: str) -> int:
        """The id of a related record: an id, ``{"id": 3}`` or ``{"ext": "shop/42"}``."""
        if isinstance(value, dict):
            if set(value) == {"ext"}:
                return self._read_external(comodel_name, value["ext"])
            if "id" not in value or not set(value) <= {"id", "display_name"}:
                raise InvalidValue(_lt('An id, {"id": …} or {"ext": "namespace/key"} is expected.'))
            value = value["id"]
        record_id = parse_integer(value)
        reading.references[comodel_name].setdefault(record_id, pointer)
        return record_id

    def _read_external(self, comodel_name: str, value: object) -> int:
        namespace, slash, key = parse_text(value).partition("/")
        record_id = slash and self.env["saas_rest.external"]._find(comodel_name, namespace, key)
        if not record_id:
            raise InvalidValue(_lt("There is no record with the key '%(key)s'.", key=value[:100]))
        return record_id

    def _read_reference(self, reading: Reading, value: object, pointer: str) -> str:
        if isinstance(value, dict):
            model_name, record_id = value.get("model"), value.get("id")
        else:
            model_name, _comma, digits = parse_text(value).partition(",")
            record_id = int(digits) if digits.isdecimal() and len(digits) < 10 else None
        model_name, record_id = parse_text(model_name), parse_integer(record_id)
        self.env["saas_rest.policy"]._get_model(reading.access, model_name, "read")
        reading.references[model_name].setdefault(record_id, pointer)
        return f"{model_name},{record_id}"

    def _read_properties(self, value: object) -> object:
        shaped = isinstance(value, dict) or (
            isinstance(value, list)
            and all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in value)
        )
        if not shaped:
            raise InvalidValue(_lt("An object with the properties' names is expected."))
        return value

    # === LISTS === #

    def _read_commands(
        self, reading: Reading, wanted, value: object, creating: bool, pointer: str, depth: int
    ) -> list:
        if depth > MAX_DEPTH:
            raise InvalidValue(_lt("Lists nest at most %(limit)s deep.", limit=MAX_DEPTH))
        if value is None:
            value = []
        commands = []
        if isinstance(value, dict):
            parts = [(name, value[name], f"{pointer}/{name}") for name in value]
        elif not isinstance(value, list):
            raise InvalidValue(_lt("A list is expected."))
        elif value and all(self._is_triple(item) for item in value):
            parts = [self._from_triple(item, f"{pointer}/{i}") for i, item in enumerate(value)]
        elif wanted.type == "many2many":
            parts = [("set", value, pointer)]
        else:
            parts = self._split_lines(value, pointer)
        for kind, items, place in parts:
            commands += self._read_command(reading, wanted, kind, items, place, depth)
        return commands

    def _is_triple(self, item: object) -> bool:
        return (
            isinstance(item, list)
            and 1 <= len(item) <= 3
            and type(item[0]) is int
            and item[0] in TRIPLES
        )

    def _from_triple(self, item: list, pointer: str) -> tuple[str, object, str]:
        """Odoo's own ``[code, id, values]`` in the words of this API."""
        code, record_id, values = [*item, None, None][:3]
        kind = TRIPLES[code]
        if kind == "create":
            return kind, [values], pointer
        if kind == "update":
            line = {**values, "id": record_id} if isinstance(values, dict) else None
            return kind, [line], pointer
        if kind in ("set", "clear"):
            return "set", values or [], pointer
        return kind, [record_id], pointer

    def _split_lines(self, value: list, pointer: str) -> list[tuple[str, object, str]]:
        """Objects with an id change that record, objects without one make a new one."""
        parts = []
        for index, item in enumerate(value):
            place = f"{pointer}/{index}"
            if isinstance(item, dict) and "ext" not in item:
                kind = "update" if "id" in item else "create"
                parts.append((kind, [item], place))
            else:
                parts.append(("link", [item], place))
        return parts

    def _read_command(
        self, reading: Reading, wanted, kind: str, items: object, pointer: str, depth: int
    ) -> list:
        if kind not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise InvalidValue(_lt("Lists are changed by one of %(known)s.", known=known))
        if not isinstance(items, list):
            raise InvalidValue(_lt("A list is expected."))
        comodel = self._get_comodel(reading, wanted, kind)
        single = len(items) == 1 and pointer.rpartition("/")[2].isdecimal()
        commands, ids = [], []
        for index, item in enumerate(items):
            place = pointer if single else f"{pointer}/{index}"
            if kind == "create":
                vals = self._read_object(reading, comodel, item, True, place, depth + 1)
                commands.append(Command.create(vals))
            elif kind == "update":
                commands.append(self._read_update(reading, comodel, item, place, depth))
            else:
                ids.append(self._read_link(reading, comodel._name, item, place))
        if kind == "set":
            return [Command.set(ids)]
        make = {"link": Command.link, "unlink": Command.unlink, "delete": Command.delete}.get(kind)
        return commands + [make(record_id) for record_id in ids]

    def _read_update(
        self, reading: Reading, comodel: BaseModel, item: object, pointer: str, depth: int
    ) -> tuple:
        if not isinstance(item, dict) or "id" not in item:
            raise InvalidValue(_lt("An object with an id is expected."))
        values = {name: value for name, value in item.items() if name != "id"}
        record_id = self._read_link(reading, comodel._name, item["id"], f"{pointer}/id")
        vals = self._read_object(reading, comodel, values, False, pointer, depth + 1)
        return Command.update(record_id, vals) if vals else Command.link(record_id)

    def _get_comodel(self, reading: Reading, wanted, kind: str) -> BaseModel:
        """The related model, if the token may do with its records what the command does.

        Linking records of a many2many changes only this record; what a one2many gains or loses
        is a change of the related record.
        """
        operations = {"create": "create", "update": "write", "delete": "unlink"}
        operation = operations.get(kind, "write" if wanted.type == "one2many" else None)
        if operation is None:
            return self.env[wanted.comodel_name]
        return self.env["saas_rest.policy"]._get_model(
            reading.access, wanted.comodel_name, operation
        )
