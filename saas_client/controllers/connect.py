from odoo.exceptions import AccessDenied
from odoo.http import Controller, request, route


class Connect(Controller):
    # The token is its own protection: nobody can make one but the portal, and it serves once.
    @route(
        "/saas_client/connect",
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        readonly=False,
        sitemap=False,
    )
    def connect(self, token="", **_kw):
        """Log the operator in whom the portal sends, also into a suspended database."""
        if not request.db:
            return request.not_found()
        try:
            admin = request.env["saas_client.connection"]._begin(token)
        except AccessDenied as refusal:
            return self._refuse(refusal)
        session = request.session
        session.logout(keep_db=True)
        session.update({"pre_login": admin.login, "pre_uid": admin.id})
        session.finalize(request.env)
        return request.redirect("/odoo")

    def _refuse(self, refusal):
        lang = request.default_lang() or "en_US"
        response = request.render(
            "saas_client.entry_refused",
            {"reason": refusal.args[0], "lang": lang.replace("_", "-")},
        )
        response.status_code = 403
        response.headers["Cache-Control"] = "no-store"
        return response
