from odoo import fields, models


class SadeemPortainerPort(models.Model):
    """A port of a host: given away, set aside, or released and the next to be given."""

    _name = "sadeem.portainer.port"
    _description = "Port of an Environment"
    _order = "environment_id, port"
    _rec_name = "port"

    environment_id = fields.Many2one(
        "sadeem.portainer.environment", required=True, index=True, ondelete="cascade"
    )
    port = fields.Integer(required=True)
    purpose = fields.Char()
    stack_id = fields.Many2one("sadeem.portainer.stack", index="btree_not_null")
    released = fields.Boolean()
    set_aside = fields.Boolean(
        readonly=True,
        help="The host refused it, because something else listens there: nobody gets it until it"
        " is released.",
    )
    holder = fields.Char(readonly=True, help="The request that took it.")

    _port_unique = models.Constraint(
        "UNIQUE (environment_id, port)", "This port of the environment is given away already."
    )
    _port_range = models.Constraint(
        "CHECK (port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535."
    )

    def action_release(self):
        """Let these ports be given out again; whoever has them by now is not asked."""
        self.check_access("read")
        for environment, ports in self.grouped("environment_id").items():
            environment.release_ports(ports.mapped("port"))
        return True
