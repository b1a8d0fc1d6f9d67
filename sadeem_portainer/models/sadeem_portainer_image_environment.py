from odoo import fields, models


class SadeemPortainerImageEnvironment(models.Model):
    """An environment in which an image may be deployed, and its place in the order."""

    _name = "sadeem.portainer.image.environment"
    _description = "Environment of a Docker Image"
    _order = "sequence, id"
    _rec_name = "environment_id"

    sequence = fields.Integer(default=10)
    image_id = fields.Many2one(
        "sadeem.portainer.image", required=True, index=True, ondelete="cascade"
    )
    environment_id = fields.Many2one(
        "sadeem.portainer.environment", required=True, index=True, ondelete="cascade"
    )
    environment_state = fields.Selection(related="environment_id.state", string="Capacity State")
    connection = fields.Selection(related="environment_id.connection")
    max_running_containers = fields.Integer(related="environment_id.max_running_containers")
    available_capacity = fields.Integer(related="environment_id.available_capacity")
    container_run = fields.Integer(related="environment_id.container_run")
    root_server_id = fields.Many2one(related="environment_id.root_server_id")

    _environment_unique = models.Constraint(
        "UNIQUE (image_id, environment_id)", "The image has this environment already."
    )
