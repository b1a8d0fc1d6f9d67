import re
from urllib.parse import parse_qsl

from odoo import api, models
from odoo.exceptions import UserError

from ..lib.saas_rest.operation import Operation
from ..lib.saas_rest.paths import find_operation
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import Text, _lt
from .saas_rest_failure import ROW_ERRORS

KEYS = {"ref", "method", "path", "body", "headers"}
_REFERENCE = re.compile(r"\$(?P<ref>[A-Za-z0-9_-]{1,64})\.(?P<path>[A-Za-z0-9_.]{1,200})")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SaasRestBatch(models.AbstractModel):
    """Several operations in one request: all in one transaction, or each for itself."""

    _name = "saas_rest.batch"
    _description = "REST batches"

    @api.model
    def _run(self, op: Operation) -> Reply:
        """Do the operations of a body ``{"atomic": true, "operations": […]}`` in their order.

        :raises Problem: the first one of an atomic batch, with pointers into the batch
        """
        body = op.read_body()
        if not isinstance(body, dict) or not set(body) <= {"atomic", "operations"}:
            raise self._invalid("", _lt('An object with "operations" is expected.'))
        operations, atomic = body.get("operations"), body.get("atomic", True)
        if not isinstance(atomic, bool):
            raise self._invalid("/atomic", _lt("True or false is expected."))
        if not isinstance(operations, list) or not operations:
            raise self._invalid("/operations", _lt("A list of operations is expected."))
        if len(operations) > op.limits.batch_max:
            text = _lt("At most %(limit)s operations in one batch.", limit=op.limits.batch_max)
            raise self._invalid("/operations", text)
        for index, item in enumerate(operations):
            self._check(item, f"/operations/{index}")
        known: dict[str, object] = {}
        entries = []
        for index, item in enumerate(operations):
            run = self._run_one if atomic else self._try_one
            entries.append(run(op, item, known, f"/operations/{index}"))
        return Reply(entries, 200 if atomic else 207)

    def _check(self, item: object, pointer: str) -> None:
        """The shape of an operation, before any of them is done."""
        if not isinstance(item, dict) or not set(item) <= KEYS:
            text = _lt("An operation is an object with some of %(known)s.", known=", ".join(KEYS))
            raise self._invalid(pointer, text)
        for name in ("method", "path"):
            if not isinstance(item.get(name), str):
                raise self._invalid(f"{pointer}/{name}", _lt("A text is expected."))
        if "ref" in item and not (isinstance(item["ref"], str) and _NAME.fullmatch(item["ref"])):
            raise self._invalid(f"{pointer}/ref", _lt("Letters, digits, - and _ are expected."))
        headers = item.get("headers", {})
        if not isinstance(headers, dict) or not all(
            name.lower() == "if-match" and isinstance(value, str) for name, value in headers.items()
        ):
            text = _lt("Inside a batch only the header If-Match is possible.")
            raise self._invalid(f"{pointer}/headers", text)

    def _try_one(self, op: Operation, item: dict, known: dict, pointer: str) -> dict:
        """One operation in its own savepoint; its failure is its answer."""
        try:
            with self.env.cr.savepoint():
                entry = self._perform(op, item, known, pointer)
                self.env.flush_all()
                return entry
        except ROW_ERRORS as error:
            problem = self.env["saas_rest.failure"]._explain(error, {})
            return self._as_entry(item, problem.status, problem=problem.as_dict())

    def _run_one(self, op: Operation, item: dict, known: dict, pointer: str) -> dict:
        """One operation of many that succeed or fail together."""
        try:
            return self._perform(op, item, known, pointer)
        except (Problem, UserError) as error:
            problem = self.env["saas_rest.failure"]._explain(error, {})
            details = [
                Detail(f"{pointer}/body{detail.pointer}", detail.code, detail.detail)
                if not detail.pointer.startswith("/operations/")
                else detail
                for detail in problem.errors
            ] or [Detail(pointer, problem.code)]
            raise Problem(problem.code, problem.detail, details, problem.headers) from error

    def _perform(self, op: Operation, item: dict, known: dict, pointer: str) -> dict:
        path, _mark, query = item["path"].partition("?")
        path = self._resolve_path(path, known, pointer)
        found = find_operation(item["method"].upper(), path)
        if found is None:
            text = _lt(
                "There is no operation '%(method)s %(path)s' for batches.",
                method=item["method"][:10],
                path=item["path"][:100],
            )
            raise self._invalid(f"{pointer}/path", text)
        name, arguments = found
        body = self._resolve(item.get("body"), known, f"{pointer}/body")
        headers = {name.lower(): value for name, value in item.get("headers", {}).items()}
        inner = Operation(
            access=op.access,
            limits=op.limits,
            params=parse_qsl(query, keep_blank_values=True, max_num_fields=1000),
            read_body=lambda default=None: default if body is None else body,
            preferences=op.preferences,
            if_match=headers.get("if-match"),
            path=path,
        )
        reply = getattr(self.env["saas_rest.operations"], f"_op_{name}")(inner, **arguments)
        if "ref" in item:
            known[item["ref"]] = reply.data
        shown = {
            name: reply.headers[name] for name in ("Location", "ETag") if name in reply.headers
        }
        return self._as_entry(item, reply.status, headers=shown, reply=reply)

    def _as_entry(
        self,
        item: dict,
        status: int,
        headers: dict | None = None,
        reply: Reply | None = None,
        problem: dict | None = None,
    ) -> dict:
        entry: dict[str, object] = {"ref": item["ref"]} if "ref" in item else {}
        entry["status"] = status
        if headers:
            entry["headers"] = headers
        if problem is not None:
            entry["problem"] = problem
        elif status not in (204, 304):
            entry |= reply.as_body()
        return entry

    # === REFERENCES === #

    def _resolve(self, value: object, known: dict, pointer: str) -> object:
        """Replace ``$p.id`` by what the operation ``p`` answered; ``$$`` stands for a ``$``."""
        if isinstance(value, dict):
            return {
                key: self._resolve(item, known, f"{pointer}/{key}") for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._resolve(item, known, f"{pointer}/{index}") for index, item in enumerate(value)
            ]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        if value.startswith("$$"):
            return value[1:]
        match = _REFERENCE.fullmatch(value)
        if not match:
            return value
        return self._look_up(match["ref"], match["path"], known, pointer)

    def _resolve_path(self, path: str, known: dict, pointer: str) -> str:
        def replace(match):
            value = self._look_up(match["ref"], match["path"], known, f"{pointer}/path")
            if not isinstance(value, int | str) or isinstance(value, bool):
                raise self._invalid(f"{pointer}/path", _lt("Only an id fits into an address."))
            return str(value)

        return "/".join(
            _REFERENCE.sub(replace, part) if _REFERENCE.fullmatch(part) else part
            for part in path.split("/")
        )

    def _look_up(self, ref: str, path: str, known: dict, pointer: str) -> object:
        if ref not in known:
            text = _lt("No operation before this one is called '%(ref)s'.", ref=ref)
            raise self._invalid(pointer, text)
        value = known[ref]
        for step in path.split("."):
            if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, dict) and step in value:
                value = value[step]
            else:
                text = _lt("The answer of '%(ref)s' has no '%(path)s'.", ref=ref, path=path)
                raise self._invalid(pointer, text)
        return value

    def _invalid(self, pointer: str, text: Text) -> Problem:
        return Problem("invalid-value", text, [Detail(pointer, "invalid-value")])
