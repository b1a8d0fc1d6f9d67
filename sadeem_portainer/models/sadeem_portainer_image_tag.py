from odoo import fields, models


class SadeemPortainerImageTag(models.Model):
    """A tag that an image can be pulled with."""

    _name = "sadeem.portainer.image.tag"
    _description = "Docker Image Tag"
    _order = "name"

    name = fields.Char(required=True)

    _name_unique = models.Constraint("UNIQUE (name)", "There is such a tag already.")
