from contextlib import contextmanager

from odoo import models

from ..policy import get_policy


class IrActionsServer(models.Model):
    """Python code that an administrator wrote may use `sudo` and SQL, yet not exceed a limit."""

    _inherit = "ir.actions.server"

    def _run_action_code_multi(self, eval_context):
        self._saas_check_writable()
        if not get_policy(self.env):
            return super()._run_action_code_multi(eval_context)
        with self._saas_held_to_limits():
            return super()._run_action_code_multi(eval_context)

    @contextmanager
    def _saas_held_to_limits(self):
        """Count before and after, and before each commit in between."""
        cr, check = self.env.cr, self._saas_make_limit_check()
        commit, own = cr.commit, vars(cr).get("commit")

        def commit_within_limits():
            self.env.flush_all()
            check()
            commit()

        cr.commit = commit_within_limits
        try:
            yield
            self.env.flush_all()
            check()
        finally:
            del cr.commit
            if own:
                cr.commit = own

    def _saas_make_limit_check(self):
        """A function that raises when there are more users or records than now, and too many."""
        users, limiter = self.env["res.users"], self.env["saas_client.record_limit"]
        counted = users._saas_count_for_limit()
        records = limiter._count_all()

        def check():
            users._saas_refuse_growth(counted)
            limiter._refuse_growth(records)

        return check
