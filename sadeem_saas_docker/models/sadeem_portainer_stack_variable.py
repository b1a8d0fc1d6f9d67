from odoo import api, models


class SadeemPortainerStackVariable(models.Model):
    """Variables of a client's stack are its operations' to write."""

    _inherit = "sadeem.portainer.stack.variable"

    @api.model_create_multi
    def create(self, vals_list):
        variables = super().create(vals_list)
        variables.stack_id._check_no_clients()
        return variables

    def write(self, vals):
        self.stack_id._check_no_clients()
        result = super().write(vals)
        self.stack_id._check_no_clients()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_of_client(self):
        self.stack_id._check_no_clients()
