"""The link by which an operator enters a client."""

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request


class Connect(http.Controller):
    @http.route(
        "/saas/connect/<int:connection_id>",
        type="http",
        auth="user",
        methods=["GET"],
        sitemap=False,
        readonly=False,
    )
    def connect(self, connection_id, **_kw):
        """A page that posts the token to the client at once: it stands in no address."""
        try:
            url, token = request.env["saas_portal.connection"].browse(connection_id)._open()
        except UserError as refusal:
            values, status = {"reason": str(refusal)}, 403
        else:
            values, status = {"url": url, "token": token}, 200
        response = request.render("saas_portal.connect_page", values, status=status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "DENY"
        return response
