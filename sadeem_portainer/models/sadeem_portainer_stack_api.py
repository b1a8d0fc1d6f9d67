from odoo import models
from odoo.exceptions import UserError

from ..secret_box import encrypt
from .sadeem_portainer_stack import ACTIVE, DEPLOYING, DRAFT, ERROR, INACTIVE, UNKNOWN


class SadeemPortainerStack(models.Model):
    """What the methods of a server for programs need of a stack."""

    _inherit = "sadeem.portainer.stack"

    def _is_deployed_by(self, operation: str | None, compose: str) -> bool:
        """Whether a creation by this operation has nothing to do any more.

        :raises UserError: when the stack was made by another one
        """
        own = operation == self.operation if operation else self._is_to_be_tried_again(compose)
        if self.state != DRAFT and not own:
            raise UserError(
                self.env._(
                    "%(environment)s has a stack %(name)s already. Choose another name, update"
                    " that stack, or delete it first.",
                    environment=self.environment_id.name,
                    name=self.name,
                )
            )
        return self.state in (DEPLOYING, ACTIVE, INACTIVE)

    def _is_to_be_tried_again(self, compose: str) -> bool:
        """Whether nothing came of the creation, or nobody knows and this is the same again."""
        unknown = self.state == UNKNOWN and self.compose == compose
        return not self.remote_id and (self.state == ERROR or unknown)

    def _prepare_report(self) -> dict:
        """What is known of the stack, for other programs."""
        self.ensure_one()
        rows = self.containers or []
        return {
            "stack_id": self.id,
            "remote_id": self.remote_id,
            "environment_id": self.environment_id.id,
            "name": self.name,
            "state": self.state,
            "pending_action": self.pending_action or "",
            "running": self.running_count,
            "total": self.container_count,
            "healthy": self.state == ACTIVE
            and self.running_count > 0
            and all(row["health"] in ("", "healthy") for row in rows),
            "containers": rows,
            "error": self.last_error or "",
        }

    def _set_env(self, env: dict[str, str]):
        """Make these the variables of the stack."""
        self.ensure_one()
        present = {variable.name: variable for variable in self.variable_ids}
        for name, value in env.items():
            vals = {"value_cipher": encrypt(self.env, str(value))}
            if name in present:
                present[name].sudo().write(vals)
            else:
                present[name] = (
                    self.env["sadeem.portainer.stack.variable"]
                    .sudo()
                    .create({"stack_id": self.id, "name": name, **vals})
                )
        self.variable_ids.filtered(lambda variable: variable.name not in env).unlink()
