from odoo import models

from odoo.addons.sadeem_portainer.transactions import in_own_transaction


class SadeemPortainer(models.Model):
    """Other programs leave the stacks of clients alone as well."""

    _inherit = "sadeem.portainer"

    def _reserve_stack(self, environment, name, compose, operation):
        stack, is_deployed = super()._reserve_stack(environment, name, compose, operation)
        self._check_no_client_of(stack)
        return stack, is_deployed

    def _change_unlocked(self, stack, change):
        self._check_no_client_of(stack)
        return super()._change_unlocked(stack, change)

    def _perform_on(self, stack_id, verb, **options):
        self._check_no_client_of(self.env["sadeem.portainer.stack"].browse(stack_id))
        return super()._perform_on(stack_id, verb, **options)

    def docker_action(self, environment_id, container, action, force=False):
        """The same, but for containers of clients."""
        if not self.env.su:
            environment = self._get_own_environment(environment_id)
            environment._check_container_unowned(container)
        return super().docker_action(environment_id, container, action, force)

    def _check_no_client_of(self, stack):
        """See :meth:`sadeem.portainer.stack._check_no_clients`, also for what is quite new."""
        if not self.env.su:
            in_own_transaction(stack, lambda stack: stack.sudo(False)._check_no_clients())
