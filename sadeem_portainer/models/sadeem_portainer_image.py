from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..transactions import in_own_transaction


class SadeemPortainerImage(models.Model):
    """A Docker image that subscriptions run, and the environments where they may."""

    _name = "sadeem.portainer.image"
    _description = "Docker Image"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(
        required=True, tracking=True, help="As Docker names it, without tag: odoo, ghcr.io/me/odoo"
    )
    odoo_version = fields.Char(required=True, tracking=True, help="Shown to clients.")
    config_file = fields.Char(
        required=True,
        default="/etc/odoo",
        tracking=True,
        help="The folder in the image that holds odoo.conf.",
    )
    tag_ids = fields.Many2many("sadeem.portainer.image.tag", string="Image Tags", required=True)
    environment_id = fields.Many2one(
        "sadeem.portainer.environment",
        string="Default Environment",
        tracking=True,
        help="Where it goes when no environment is listed.",
    )
    select_environment_by = fields.Selection(
        [("sequence", "The first that has room"), ("used", "The one with the most room")],
        required=True,
        default="sequence",
        tracking=True,
    )
    line_ids = fields.One2many("sadeem.portainer.image.environment", "image_id", copy=True)
    active = fields.Boolean(default=True, tracking=True)

    # The name too, or a creation that names no tags would not be checked.
    @api.constrains("tag_ids", "name")
    def _check_tags(self):
        for image in self:
            if not image.tag_ids:
                raise ValidationError(
                    self.env._("%(image)s needs at least one image tag.", image=image.name)
                )

    def get_best_environment(self):
        """Where the next subscription of this image goes, and why."""
        self.ensure_one()
        self.check_access("read")
        candidates = self.line_ids.environment_id or self.environment_id
        if not candidates:
            raise UserError(
                self.env._("%(image)s has no environment. Add one to it.", image=self.name)
            )
        candidates._refresh_stale(failed_too=True)
        # What was just read was written down after this transaction began.
        return in_own_transaction(self, lambda image: image._judge(candidates.ids))

    def action_best_environment(self):
        """Show where the next subscription goes."""
        best = self.get_best_environment()
        lines = {row["name"]: row["reason"] for row in best["rejected"]}
        message = self.env._("%(name)s: %(reason)s", name=best["name"], reason=best["reason"])
        message = "\n".join([message, *(f"{name}: {reason}" for name, reason in lines.items())])
        return self.env["sadeem.portainer"]._get_notification(message, {})

    def _get_best_environment(self):
        """The record that :meth:`get_best_environment` tells of."""
        best = self.get_best_environment()
        return self.env["sadeem.portainer.environment"].browse(best["environment_id"])

    def _judge(self, ids: list[int]) -> dict:
        candidates = self.env["sadeem.portainer.environment"].browse(ids)
        rejected = [
            {"environment_id": found.id, "name": found.name, "reason": obstacle}
            for found in candidates
            if (obstacle := found._find_obstacle())
        ]
        usable = candidates.filtered(lambda found: not found._find_obstacle())
        if not usable:
            lines = [f"{row['name']}: {row['reason']}" for row in rejected]
            raise UserError(
                self.env._(
                    "No environment can take %(image)s now.\n%(reasons)s",
                    image=self.name,
                    reasons="\n".join(lines),
                )
            )
        if self.select_environment_by == "used":
            best = max(usable, key=lambda found: found.available_capacity)
            reason = self.env._(
                "It has the most room: %(free)s of %(most)s containers are free.",
                free=best.available_capacity,
                most=best.max_running_containers,
            )
        else:
            best = usable[0]
            reason = self.env._(
                "It is the first in the order that has room: %(free)s of %(most)s containers are"
                " free.",
                free=best.available_capacity,
                most=best.max_running_containers,
            )
        return {
            "environment_id": best.id,
            "name": best.name,
            "select_by": self.select_environment_by,
            "available_capacity": best.available_capacity,
            "reason": reason,
            "rejected": rejected,
        }
