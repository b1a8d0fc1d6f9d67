from dataclasses import dataclass

from odoo import api, models
from odoo.models import BaseModel
from odoo.tools import SQL

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.etags import matches_version, version_of
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt
from .saas_rest_failure import ROW_ERRORS

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


@dataclass
class Outcome:
    """What became of one row of many: a record's id, or a problem."""

    record_id: int | None = None
    problem: Problem | None = None


class SaasRestWriter(models.AbstractModel):
    """Creates, changes and deletes records, with the rights of the environment's user."""

    _name = "saas_rest.writer"
    _description = "REST writing"

    # === CREATE === #

    @api.model
    def _create(self, access: Access, model_name: str, values: object) -> BaseModel:
        """New records of one object, or of a list of them: all or none.

        :raises Problem: with pointers to the values; in a list they begin with the row's number
        """
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "create")
        convert = self.env["saas_rest.input"]
        failure = self.env["saas_rest.failure"]
        if not isinstance(values, list):
            vals = convert._get_vals(access, model, values, True)
            with failure._attempt(vals):
                return self._make(model, [vals])
        self._check_count(values)
        items = [(f"/{index}", item) for index, item in enumerate(values)]
        vals_list = convert._get_vals_list(access, model, items, True)
        try:
            with self.env.cr.savepoint():
                return self._make(model, vals_list)
        except ROW_ERRORS as error:
            problem = failure._find_culprit(
                vals_list, lambda vals: self._make(model, [vals]), "", error
            )
            raise problem from error

    @api.model
    def _create_each(self, access: Access, model_name: str, values: object) -> list[Outcome]:
        """New records of a list of objects; a row that fails does not stop the others."""
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "create")
        self._check_count(values)

        def create(item):
            vals = self.env["saas_rest.input"]._get_vals(access, model, item, True)
            return self._make(model, [vals]).id

        return [self._try_row(create, item) for item in values]

    def _make(self, model: BaseModel, vals_list: list[dict]) -> BaseModel:
        """The new records.

        :raises Problem: the model's own code cannot work with the values
        """
        with self.env["saas_rest.failure"]._in_code_of(model, vals_list):
            return model.create(vals_list)

    def _try_row(self, do, item: object) -> Outcome:
        """One row in its own savepoint."""
        try:
            with self.env.cr.savepoint():
                outcome = Outcome(do(item))
                self.env.flush_all()
                return outcome
        except ROW_ERRORS as error:
            values = item if isinstance(item, dict) else {}
            return Outcome(problem=self.env["saas_rest.failure"]._explain(error, values))

    def _check_count(self, rows: object) -> None:
        if not isinstance(rows, list):
            raise Problem("invalid-value", _lt("A list of objects is expected."))
        limits = self.env["saas_rest.gate"]._get_settings().limits
        if len(rows) > limits.bulk_max:
            text = _lt("At most %(limit)s rows in one request.", limit=limits.bulk_max)
            raise Problem("invalid-value", text)

    # === UPDATE === #

    @api.model
    def _update(
        self,
        access: Access,
        model_name: str,
        record_id: int,
        values: object,
        if_match: str | None = None,
    ) -> BaseModel:
        """Change one record.

        :param if_match: the header ``If-Match``, if it was sent
        :raises Problem: ``not-found``, ``etag-mismatch``, or with pointers to the values
        """
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        record = self._find(access, model, record_id)
        vals = self._get_vals(access, record, values)
        self._check_version(record, if_match)
        self._write(record, vals)
        return record

    def _get_vals(self, access: Access, record: BaseModel, values: object, pointer="") -> dict:
        return self.env["saas_rest.input"]._get_vals(access, record, values, False, pointer)

    def _write(self, record: BaseModel, vals: dict, pointer: str = "") -> None:
        failure = self.env["saas_rest.failure"]
        if vals:
            with failure._attempt(vals, pointer), failure._in_code_of(record, [vals], pointer):
                record.write(vals)

    @api.model
    def _update_many(self, access: Access, model_name: str, body: object) -> BaseModel:
        """Change records by ``[{"id": 1, …}]`` or ``{"ids": […], "values": {…}}``: all or none."""
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        if isinstance(body, dict):
            return self._update_alike(access, model, body)
        self._check_count(body)
        records = model.browse()
        for index, item in enumerate(body):
            record_id = self._update_row(access, model, item, f"/{index}")
            records += model.browse(record_id)
        return records

    @api.model
    def _update_each(self, access: Access, model_name: str, body: object) -> list[Outcome]:
        """Change records by a list of objects; a row that fails does not stop the others."""
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        self._check_count(body)
        return [self._try_row(lambda item: self._update_row(access, model, item), i) for i in body]

    def _update_row(self, access: Access, model: BaseModel, item: object, pointer: str = "") -> int:
        if not isinstance(item, dict) or not self._is_id(item.get("id")):
            text = _lt("An object with an id is expected.")
            raise Problem("invalid-value", text, [Detail(pointer, "invalid-value")])
        values = {name: value for name, value in item.items() if name not in ("id", "_etag")}
        etag = item.get("_etag")
        if etag is not None and not isinstance(etag, str):
            place = f"{pointer}/_etag"
            raise Problem(
                "invalid-value", _lt("A text is expected."), [Detail(place, "invalid-value")]
            )
        try:
            record = self._find(access, model, item["id"])
            vals = self._get_vals(access, record, values, pointer)
            self._check_version(record, etag and f'"{etag.strip(chr(34))}"')
        except Problem as problem:
            if pointer and not problem.errors:
                problem.errors.append(Detail(pointer, problem.code))
            raise
        self._write(record, vals, pointer)
        return record.id

    def _update_alike(self, access: Access, model: BaseModel, body: dict) -> BaseModel:
        if set(body) != {"ids", "values"}:
            text = _lt('A list of objects, or {"ids": […], "values": {…}} is expected.')
            raise Problem("invalid-value", text)
        self._check_count(body["ids"])
        if not all(self._is_id(record_id) for record_id in body["ids"]):
            text = _lt("Ids are whole numbers above 0.")
            raise Problem("invalid-value", text, [Detail("/ids", "invalid-value")])
        records = self._find_all(access, model, body["ids"])
        self._check_version(records, None)
        vals = self._get_vals(access, records, body["values"], "/values")
        self._write(records, vals, "/values")
        return records

    # === DELETE === #

    @api.model
    def _delete(
        self, access: Access, model_name: str, ids: list[int], if_match: str | None = None
    ) -> None:
        """Delete records: all or none.

        :raises Problem: ``not-found``, ``referenced``, ``etag-mismatch``
        """
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "unlink")
        records = self._find_all(access, model, ids)
        self._check_version(records, if_match)
        with self.env["saas_rest.failure"]._attempt():
            records.unlink()
        self.env["saas_rest.external"]._forget(model_name, ids)

    # === EXTERNAL KEYS === #

    @api.model
    def _find_external(self, access: Access, model_name: str, namespace: str, key: str) -> int:
        """The id of the record behind an external key; the user may see the record.

        :raises Problem: ``not-found``
        """
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "read")
        record_id = self.env["saas_rest.external"]._find(model_name, namespace, key)
        if not record_id:
            text = _lt("There is no record with the key '%(key)s'.", key=f"{namespace}/{key}"[:100])
            raise Problem("not-found", text)
        return self._find(access, model, record_id).id

    @api.model
    def _upsert(
        self,
        access: Access,
        model_name: str,
        namespace: str,
        key: str,
        values: object,
        if_match: str | None = None,
    ) -> tuple[BaseModel, str]:
        """Create the record of an external key, or change it.

        :return: the record, and one of "created", "updated", "unchanged"
        """
        policy = self.env["saas_rest.policy"]
        external = self.env["saas_rest.external"]
        if access.read_only:
            policy._get_model(access, model_name, "write")
        taken = not external._reserve(model_name, namespace, key)
        record_id = external._find(model_name, namespace, key) if taken else None
        if record_id and self.env[model_name].browse(record_id).exists():
            record = self._find(access, policy._get_model(access, model_name, "write"), record_id)
            vals = self._get_vals(access, record, values)
            self._check_version(record, if_match)
            if self._is_unchanged(record, vals):
                return record, UNCHANGED
            self._write(record, vals)
            return record, UPDATED
        if if_match is not None:
            model = policy._get_model(access, model_name, "create")
            self.env["saas_rest.input"]._get_vals(access, model, values, True)
            raise self._mismatch()
        record = self._create(access, model_name, values)
        external._assign(model_name, namespace, key, record.id)
        return record, CREATED

    def _is_unchanged(self, record: BaseModel, vals: dict) -> bool:
        """Whether writing the values would change nothing; lists of lines always count."""
        for name, value in vals.items():
            field = record._fields[name]
            if field.type in ("one2many", "binary", "image", "properties", "json"):
                return False
            if field.type == "many2many":
                sets = [command for command in value if command[0] == 6]
                if len(sets) != len(value) or set(sets[0][2]) != set(record[name].ids):
                    return False
            elif field.convert_to_cache(value, record) != field.convert_to_cache(
                record[name], record
            ):
                return False
        return True

    # === RECORDS AND VERSIONS === #

    def _is_id(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31

    def _find(self, access: Access, model: BaseModel, record_id: int) -> BaseModel:
        return self._find_all(access, model, [record_id])

    @api.model
    def _find_all(self, access: Access, model: BaseModel, ids: list[int]) -> BaseModel:
        """The records, each of which the user may see.

        :raises Problem: ``not-found``
        """
        ids = list(dict.fromkeys(ids))
        stored = model.with_context(active_test=False)
        found = stored.search([("id", "in", ids)]) if model.has_access("read") else stored
        found = self.env["saas_rest.policy"]._get_readable(access, found)
        missing = set(ids) - set(found._ids)
        if missing:
            raise self.env["saas_rest.reader"]._no_record(model, min(missing))
        return model.browse(ids)

    def _check_version(self, records: BaseModel, if_match: str | None) -> None:
        """Compare If-Match while nobody else can change the record.

        :raises Problem: ``etag-mismatch``, ``etag-required``
        """
        if if_match is None:
            required = self.env["ir.config_parameter"].sudo()  # a setting, not business data
            if required.get_param("saas_rest_api.require_if_match") in ("True", "true", "1"):
                text = _lt("Send the ETag of the record in the header If-Match.")
                raise Problem("etag-required", text)
            return
        if len(records) != 1:
            raise Problem(
                "invalid-header", _lt("If-Match is for one record; send '_etag' in rows.")
            )
        if not matches_version(if_match, self._lock_version(records)):
            raise self._mismatch()

    def _lock_version(self, record: BaseModel) -> str:
        """The record's version. Somebody who is changing it is waited for: the transaction is
        then tried again, and sees the new version."""
        column = SQL("write_date") if record._log_access else SQL("NULL::timestamp")
        self.env.cr.execute(
            SQL(
                "SELECT id, %s FROM %s WHERE id = %s FOR NO KEY UPDATE",
                column,
                SQL.identifier(record._table),
                record.id,
            )
        )
        return version_of(*self.env.cr.fetchone())

    def _mismatch(self) -> Problem:
        return Problem("etag-mismatch", _lt("Read the record again, then repeat the change."))
