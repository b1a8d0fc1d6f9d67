import ast

from psycopg2 import DatabaseError

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import mute_logger, sql

from ..policy import get_policy


class SaasClientRecordLimit(models.Model):
    """How many records of one model, matching one domain, the customer's plan includes.

    Nobody inside the database reads or writes these rows: see the rule in code in `ir.rule`.
    """

    _name = "saas_client.record_limit"
    _description = "Record Limit"
    _order = "model, id"

    model = fields.Char(required=True, index=True)
    domain = fields.Char(required=True, default="[]")
    max_records = fields.Integer(required=True)

    _model_domain_uniq = models.Constraint(
        "UNIQUE (model, domain)", "There is one limit for a model and a domain."
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        limits = super().create(vals_list)
        self.env.registry.clear_cache("stable")
        return limits

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache("stable")
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache("stable")
        return result

    # === ORDERS OF THE OPERATOR === #

    @api.model
    def _set_limit(self, model_name, max_records, domain):
        """Store one limit, 0 removing it; return what cannot be done, or None."""
        try:
            parsed = self._parse_domain(model_name, domain)
        except ValueError as problem:
            return str(problem)
        text = repr(parsed)
        limit = self.search([("model", "=", model_name), ("domain", "=", text)])
        if not max_records:
            limit.unlink()
        elif not limit:
            self.create({"model": model_name, "domain": text, "max_records": max_records})
        elif limit.max_records != max_records:
            limit.max_records = max_records
        return None

    # === ENFORCEMENT === #

    @api.model
    def _get_limits(self):
        """For every limited model, its limits as (key, maximum, domain)."""
        if policy := get_policy(self.env):
            return self._get_policy_limits(policy.record_limits) if policy.record_limits else {}
        return self._get_stored_limits()

    @api.model
    @tools.ormcache("limits")
    def _get_policy_limits(self, limits):
        """Those limits of the policy that this database can understand."""
        found = {}
        for limit in limits:
            try:
                domain = self._parse_domain(limit.model, limit.domain)
            except ValueError:
                continue
            found.setdefault(limit.model, []).append((limit, limit.maximum, domain))
        return found

    @api.model
    @tools.ormcache(cache="stable")
    def _get_stored_limits(self):
        # while the addon is being installed or removed there is no table
        if not sql.table_exists(self.env.cr, self._table):
            return {}
        limits = {}
        for limit in self.sudo().search(Domain.TRUE):
            domain = ast.literal_eval(limit.domain)
            limits.setdefault(limit.model, []).append((limit.id, limit.max_records, domain))
        return limits

    @api.model
    def _parse_domain(self, model_name, domain):
        """The domain as a list.

        :raise ValueError: there is no such model, or the domain does not fit it
        """
        model = self.env(su=True).get(model_name)
        if model is None or model._abstract:
            raise ValueError(f"model not found: {model_name}")
        try:
            parsed = Domain(ast.literal_eval(domain) if isinstance(domain, str) else domain)
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                model.search(parsed, limit=1)
        except (ValueError, SyntaxError, TypeError, KeyError, DatabaseError) as error:
            raise ValueError(f"domain not valid: {model_name}") from error
        return list(parsed)

    @api.model
    def _count_all(self):
        """limit → number of records that it counts, for all limits."""
        return {
            key: self._get_model(name).search_count(domain)
            for name, limits in self._get_limits().items()
            for key, _maximum, domain in limits
        }

    @api.model
    def _refuse_growth(self, before):
        """Raise when there are more records than before, and more than the plan includes."""
        for name, limits in self._get_limits().items():
            for key, maximum, domain in limits:
                count = self._get_model(name).search_count(domain)
                if key in before and before[key] < count > maximum:
                    self._refuse(name, maximum, before[key])

    @api.model
    def _get_counted(self, limits, records):
        """For each limit, by id, those of the records that it counts already."""
        return {limit_id: self._match(records, domain) for limit_id, _maximum, domain in limits}

    @api.model
    def _check_added(self, limits, counted, records):
        """Raise when `records`, beyond those already counted, exceed one of the limits."""
        for _key, maximum, domain in limits:
            added = self._match(records, domain) - counted
            if not added:
                continue
            # two transactions must not both take the last place: the second one is retried
            self.env["ir.config_parameter"]._saas_queue_up()
            count = self._get_model(records._name).search_count(domain)
            if count > maximum:
                self._refuse(records._name, maximum, count - len(added))

    @api.model
    def _refuse(self, model_name, maximum, count):
        raise ValidationError(
            self.env._(
                "Your plan includes %(maximum)s records of the kind “%(model)s”, and"
                " %(count)s are already there. Ask your provider for a larger plan, or"
                " remove some first.",
                maximum=maximum,
                model=self.env["ir.model"]._get(model_name).sudo().name,
                count=count,
            )
        )

    @api.model
    def _match(self, records, domain):
        """The records that a limit with this domain counts."""
        domain = Domain("id", "in", records.ids) & Domain(domain)
        return self._get_model(records._name).search(domain)

    @api.model
    def _get_model(self, model_name):
        """The limited model as everybody together sees it, whatever the caller's context."""
        return self.env(su=True, context={})[model_name]
