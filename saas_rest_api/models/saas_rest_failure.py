import logging
from collections.abc import Callable
from contextlib import contextmanager

import psycopg2
from psycopg2 import errorcodes

from odoo import api, models
from odoo.exceptions import UserError
from odoo.models import BaseModel
from odoo.orm.models import get_columns_from_sql_diagnostics

from ..errors import to_problem
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt

_logger = logging.getLogger(__name__)

#: What one row of many may do wrong; everything else ends the whole request.
ROW_ERRORS = (psycopg2.IntegrityError, psycopg2.DataError, UserError, ValueError, Problem)
#: How the code of models and fields ends when it meets what it was not written for; Odoo's own
#: search methods raise NotImplementedError for an operator that they do not know.
STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
)
#: PostgreSQL 18 tells RESTRICT from the other ways of refusing.
REFERENCED = frozenset({errorcodes.FOREIGN_KEY_VIOLATION, errorcodes.RESTRICT_VIOLATION})


class SaasRestFailure(models.AbstractModel):
    """Does work in a savepoint, and tells what was wrong with which value."""

    _name = "saas_rest.failure"
    _description = "REST failures"

    @api.model
    @contextmanager
    def _attempt(self, values: dict | None = None, pointer: str = ""):
        """A savepoint around work of the ORM; what the database refuses becomes a problem.

        :param values: what is written, to tell a missing value from a wrong one
        """
        try:
            with self.env.cr.savepoint():
                yield
                self.env.flush_all()
        except (psycopg2.IntegrityError, psycopg2.DataError, ValueError) as error:
            raise self._explain(error, values or {}, pointer) from error

    @api.model
    @contextmanager
    def _in_code_of(self, model: BaseModel, vals_list: list[dict], pointer: str = ""):
        """Create or write with values of a client, until the database has them.

        :raises Problem: the model's own code asks for a value that is missing, or stumbles over one
        """
        try:
            yield
            self.env.flush_all()
        except STUMBLES as error:
            name = error.args[0] if isinstance(error, KeyError) and error.args else None
            if name in model._fields and not all(name in vals for vals in vals_list):
                code, text = "required-missing", _lt("'%(field)s' must have a value.", field=name)
                pointer = f"{pointer}/{name}"
            else:
                _logger.warning(
                    "The code of %s stumbles over values of a request", model._name, exc_info=True
                )
                code, text = "invalid-value", _lt("The model cannot work with these values.")
            raise Problem(code, text, [Detail(pointer, code, text)]) from error

    @api.model
    def _explain(self, error: Exception, values: dict, pointer: str = "") -> Problem:
        """The problem that stands for what went wrong; the savepoint was rolled back."""
        if isinstance(error, psycopg2.IntegrityError):
            return self._explain_integrity(error, values, pointer)
        if isinstance(error, ValueError):
            _logger.info("Values were refused", exc_info=True)
            text = _lt("A value does not fit its field.")
            return Problem("invalid-value", text, [Detail(pointer, "invalid-value")])
        problem = to_problem(error)
        if pointer:
            details = [
                Detail(pointer + detail.pointer, detail.code, detail.detail)
                for detail in problem.errors
            ] or [Detail(pointer, problem.code, problem.detail)]
            problem = Problem(problem.code, problem.detail, details, problem.headers)
        return problem

    def _explain_integrity(
        self, error: psycopg2.IntegrityError, values: dict, pointer: str
    ) -> Problem:
        problem = to_problem(error)
        if error.pgcode in REFERENCED:
            code = "referenced" if not values else "invalid-value"
            if code == "referenced":
                return Problem(code, _lt("Other records still refer to it."))
            problem = Problem(code, _lt("A related record does not exist."))
        model = self._get_model_of_table(error.diag.table_name)
        columns = get_columns_from_sql_diagnostics(self.env.cr, error.diag, check_registry=True)
        text = problem.detail
        if model is not None:
            constraint = model._table_objects.get(error.diag.constraint_name)
            text = (constraint and constraint.get_error_message(model, error.diag)) or text
        missing = [
            name
            for name in columns
            if values.get(name) in (None, False)
            and not (model is not None and name in model._fields and model._fields[name].default)
        ]
        if problem.code == "validation" and len(columns) > 1 and missing:
            columns, code = missing, "required-missing"
            problem = Problem(code, text)
        details = [Detail(f"{pointer}/{name}", problem.code) for name in sorted(columns)]
        if not details and pointer:
            details = [Detail(pointer, problem.code)]
        return Problem(problem.code, text, details)

    def _get_model_of_table(self, table: str | None) -> BaseModel | None:
        for name, model_class in self.env.registry.items():
            if table and model_class._table == table and not model_class._abstract:
                return self.env[name]
        return None

    @api.model
    def _find_culprit(
        self, items: list[dict], do: Callable[[dict], object], prefix: str, error: Exception
    ) -> Problem:
        """Which of many rows made all of them fail: they are tried one after the other.

        What this does is undone with the transaction, as the problem is raised.
        """
        failure = self.env["saas_rest.failure"]
        for index, item in enumerate(items):
            try:
                with self.env.cr.savepoint():
                    do(item)
                    self.env.flush_all()
            except ROW_ERRORS as row_error:
                return failure._explain(row_error, item, f"{prefix}/{index}")
        return failure._explain(error, {})
