from odoo import Command, api, models
from odoo.exceptions import UserError

from ..lib.client_rules import FEATURE_GROUPS, resolve_group

# What may turn somebody into an internal user.
MEMBERSHIP_FIELDS = frozenset({"user_ids", "all_user_ids", "implied_ids", "implied_by_ids"})


class ResGroups(models.Model):
    _inherit = "res.groups"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        with self.env["res.users"]._saas_within_limit():
            return super().create(vals_list)

    def write(self, vals):
        if MEMBERSHIP_FIELDS.isdisjoint(vals):
            return super().write(vals)
        with self.env["res.users"]._saas_within_limit():
            return super().write(vals)

    # === ORDERS OF THE OPERATOR === #

    @api.model
    def _saas_find(self, xmlid):
        """The group with this external id, or with its present name; empty when unknown."""
        record = self.env.ref(resolve_group(str(xmlid)), raise_if_not_found=False)
        return record if record is not None and record._name == self._name else self.browse()

    @api.model
    def _saas_grant(self, user, xmlids):
        """Add a user to groups; return a line for each group that could not be given."""
        report = []
        for xmlid in xmlids:
            group = self._saas_find(xmlid)
            if not group:
                report.append(f"group not found: {xmlid}")
            elif problem := self._saas_change_user(user, [Command.link(group.id)]):
                report.append(f"could not add {user.login} to {xmlid}: {problem}")
        return report

    @api.model
    def _saas_withdraw(self, xmlids):
        """Take groups away from everybody but the operator; return what could not be done."""
        report = []
        for xmlid in xmlids:
            group = self._saas_find(xmlid)
            if not group:
                report.append(f"group not found: {xmlid}")
            elif group in self._get_user_type_groups():
                report.append(f"could not remove everybody from {xmlid}: it is a role of users")
            else:
                report += group._saas_withdraw_one(xmlid)
        return report

    def _saas_withdraw_one(self, xmlid):
        group = self.with_context(active_test=False)
        kept = group.all_user_ids & self.env["res.users"]._saas_get_operators()
        group._saas_withdraw_implication()
        for user in kept - group.all_user_ids:
            self._saas_change_user(user, [Command.link(group.id)])
        report = []
        for user in group.all_user_ids - kept:
            commands = group._saas_prepare_removal(user)
            if problem := self._saas_change_user(user, commands):
                report.append(f"could not remove {user.login} from {xmlid}: {problem}")
        return report

    def _saas_withdraw_implication(self):
        """Cut the group off from those groups that nobody may lose because of it.

        That is a role, as users must keep one, the rights given to new users, and, for a group
        with which this addon opens a feature, every group: the customer's administrators lose
        the feature and nothing else.
        """
        if self.get_external_id()[self.id] in FEATURE_GROUPS:
            self.implied_by_ids = [Command.clear()]
            return
        keepers = self._get_user_type_groups()
        if new_users := self.env.ref("base.default_user_group", raise_if_not_found=False):
            keepers |= new_users
        for keeper in keepers & self.all_implied_by_ids:
            keeper._remove_group(self)

    def _saas_prepare_removal(self, user):
        """Commands that take the group from a user, with all his groups that imply it."""
        lost = user.group_ids & self.all_implied_by_ids
        commands = [Command.unlink(group.id) for group in lost]
        employee = self.env.ref("base.group_user")
        if employee in user.all_group_ids - (user.group_ids - lost).all_implied_ids:
            # without a role he would be locked out of everything
            commands.append(Command.link(employee.id))
        return commands

    @api.model
    def _saas_change_user(self, user, commands):
        """Change a user's groups; return why Odoo refuses to, or None."""
        try:
            with self.env.cr.savepoint():
                user.write({"group_ids": commands})
        except UserError as error:
            return " ".join(str(error).split())
        return None
