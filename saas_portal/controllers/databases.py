"""Pages where customers see and manage their own databases."""

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal


class SaasDatabases(CustomerPortal):
    """Every page finds the client among the user's own; somebody else's is not found."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "saas_database_count" in counters:
            values["saas_database_count"] = len(request.env["saas_portal.client"]._get_own())
        return values

    @http.route(["/my/instances"], type="http", auth="user", website=True)
    def instances(self):
        return request.redirect("/my/databases", code=301)

    @http.route(["/my/databases"], type="http", auth="user", website=True)
    def databases(self):
        values = self._prepare_portal_layout_values()
        values.update(
            clients=request.env["saas_portal.client"]._get_own(),
            plans=request.env["saas_portal.plan"]._get_published(),
            page_name="saas_databases",
        )
        return request.render("saas_portal.databases_page", values)

    @http.route(["/my/databases/<int:client_id>"], type="http", auth="user", website=True)
    def database(self, client_id, **_kwargs):
        return self._render_database(self._get_client(client_id))

    @http.route(["/my/databases/<int:client_id>/progress"], type="http", auth="user")
    def progress(self, client_id):
        response = request.make_json_response(self._get_client(client_id)._get_progress())
        response.headers["Cache-Control"] = "no-store"
        return response

    @http.route(["/my/databases/<int:client_id>/open"], type="http", auth="user", website=True)
    def open_database(self, client_id):
        client = self._get_client(client_id)
        if not client._can("open"):
            return request.redirect(f"/my/databases/{client.id}", code=303)
        return request.redirect(client._get_open_url(), code=303, local=False)

    @http.route(
        ["/my/databases/<int:client_id>/rename"],
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def rename(self, client_id, dbname="", **_kwargs):
        return self._change(client_id, "rename", lambda client: client._rename_for_customer(dbname))

    @http.route(
        ["/my/databases/<int:client_id>/delete"],
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def delete(self, client_id, confirmation="", **_kwargs):
        return self._change(
            client_id, "delete", lambda client: client._delete_for_customer(confirmation)
        )

    @http.route(
        ["/my/databases/<int:client_id>/backup"],
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def backup(self, client_id, **_kwargs):
        return self._change(client_id, "backup", lambda client: client._backup_for_customer())

    @http.route(
        ["/my/databases/<int:client_id>/backups/<int:backup_id>"],
        type="http",
        auth="user",
        methods=["GET"],
        website=True,
    )
    def download(self, client_id, backup_id, **_kwargs):
        """The file itself, for the owner and for managers, as long as the backup is kept."""
        backup = request.env["saas_portal.client.backup"]._find_for_download(client_id, backup_id)
        if not backup:
            raise NotFound()
        backup.with_user(request.env.user).sudo()._note_download()
        stat = backup._get_path().stat()
        stream = http.Stream(
            type="path",
            path=str(backup._get_path()),
            mimetype="application/zip",
            download_name=backup.file_name,
            last_modified=stat.st_mtime,
            size=stat.st_size,
            etag=False,
        )
        response = stream.get_response(as_attachment=True, max_age=None)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _change(self, client_id, action, change):
        client, limits = self._get_client(client_id), request.env["saas_portal.rate_limit"]
        if not limits._allow("backup" if action == "backup" else "change", request.env.uid):
            return self._render_database(client, limits._get_refusal(), action, 429)
        try:
            change(client)
        except UserError as error:
            return self._render_database(client, str(error), action, 422)
        return request.redirect(f"/my/databases/{client.id}", code=303)

    def _get_client(self, client_id):
        client = request.env["saas_portal.client"]._get_own(client_id)
        if not client:
            raise NotFound()
        return client

    def _render_database(self, client, error=False, action=False, status=200):
        values = self._prepare_portal_layout_values()
        values.update(client=client, error=error, failed_action=action, page_name="saas_database")
        response = request.render("saas_portal.database_page", values, status=status)
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
        response.headers["Cache-Control"] = "no-store"
        return response
