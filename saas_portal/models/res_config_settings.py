from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    saas_confirm_email = fields.Selection(
        [
            ("auto", "When a mail server is set up"),
            ("always", "Always"),
            ("never", "Never"),
        ],
        string="Confirm E-mail Addresses",
        config_parameter="saas_portal.confirm_email",
        default="auto",
        help="Whether people who make an account themselves have to follow a link in a mail before"
        " they get a database.",
    )
    saas_base_domain = fields.Char(
        string="Domain of Databases",
        config_parameter="saas_portal.base_saas_domain",
        help="What comes after the name that a customer chooses, for plans whose pattern of names"
        " does not say it.",
    )
