from odoo import api, fields, models

#: In each template, whatever its plan wants.
_ALWAYS = ("base", "saas_client")
_MOST_NAMES = 5


class SaasPortalDatabase(models.Model):
    """Notices that the addons on disk are not those that a template was built with."""

    _inherit = "saas_portal.database"

    addon_versions = fields.Json(
        readonly=True, copy=False, help="With which addons the template was built."
    )
    outdated = fields.Boolean(compute="_compute_outdated")
    outdated_reason = fields.Char(
        string="Changed since the Build",
        compute="_compute_outdated",
        help="What has changed on disk since the template was built.",
    )

    @api.depends("state", "addon_versions", "addons", "server_id.driver")
    def _compute_outdated(self):
        for database in self:
            reason = database.state == "template" and database._find_what_changed()
            database.outdated_reason = reason
            database.outdated = bool(reason)

    # === BUSINESS METHODS === #

    def _step_finish(self, operation):
        result = super()._step_finish(operation)
        names = [*_ALWAYS, *operation.arguments["addons"]]
        self.addon_versions = self.sudo().server_id._read_addons(names, fresh=True)
        return result

    def _find_what_changed(self):
        """A list for the operator; False when nothing did, or nobody can know."""
        names = [*_ALWAYS, *filter(None, (self.addons or "").split(", "))]
        present = self.sudo().server_id._read_addons(names)
        if present is None:
            return False
        if not self.addon_versions:
            return self.env._("it is not known with which addons it was built")
        built = self.addon_versions
        changed = [name for name in sorted({*built, *present}) if self._differs(name, present)]
        if not changed:
            return False
        # The suite's own addons first: base changes with each of Odoo's updates.
        changed.sort(key=lambda name: (not name.startswith("saas_"), name))
        texts = [self._describe_change(name, present) for name in changed[:_MOST_NAMES]]
        more = len(changed) - len(texts)
        if more:
            texts.append(self.env._("and %(count)s more", count=more))
        return ", ".join(texts)

    def _differs(self, name, present):
        return self.addon_versions.get(name) != present.get(name)

    def _describe_change(self, name, present):
        before, now = self.addon_versions.get(name), present.get(name)
        if not before:
            return self.env._("%(addon)s is new", addon=name)
        if not now:
            return self.env._("%(addon)s is gone", addon=name)
        if before[0] != now[0]:
            return self.env._(
                "%(addon)s %(before)s → %(now)s", addon=name, before=before[0], now=now[0]
            )
        return name
