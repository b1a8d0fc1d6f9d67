"""Public pages: the plans, and how a visitor gets a database from one."""

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request


class SaasSignup(http.Controller):
    """Thin pages over ``saas_portal.plan`` and ``res.users``."""

    _plans_url = "/saas/plans"
    _signup_url = "/saas/signup/<int:plan_id>"

    @http.route(_plans_url, type="http", auth="public", website=True, sitemap=True)
    def plans(self):
        plans = request.env["saas_portal.plan"]._get_published()
        return request.render("saas_portal.plans_page", {"plans": plans, "page_name": "saas_plans"})

    @http.route(
        f"{_signup_url}/available",
        type="http",
        auth="public",
        methods=["GET"],
        readonly=False,
        sitemap=False,
    )
    def available(self, plan_id, name="", **_kwargs):
        """``{"available", "message"}``; tells nothing of a name but whether it can be had."""
        plan = self._get_plan(plan_id)
        if not request.env["saas_portal.rate_limit"]._allow("name", self._who()):
            message = request.env._("That was very quick. Wait a minute, then go on.")
            return self._json({"available": False, "message": message}, 429)
        label = plan._tidy_label(name)
        problem = plan._get_label_problem(label)
        host = f"{label}.{plan._get_signup_domain()}"
        message = problem or request.env._("%(host)s is free.", host=host)
        return self._json({"available": not problem, "message": message}, 200)

    @http.route(
        _signup_url, type="http", auth="public", methods=["GET"], website=True, sitemap=False
    )
    def signup(self, plan_id, **_kwargs):
        return self._render(self._get_plan(plan_id), {})

    @http.route(
        _signup_url,
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
        sitemap=False,
        captcha="signup",
    )
    def sign_up(self, plan_id, **form):
        plan = self._get_plan(plan_id)
        limits = request.env["saas_portal.rate_limit"]
        label = plan._tidy_label(form.get("dbname"))
        if not limits._allow("signup", self._who()):
            return self._render(plan, form, limits._get_refusal(), 429)
        try:
            if problem := plan._get_label_problem(label):
                raise UserError(problem)
            if request.env.user._is_public():
                self._log_in(request.env["res.users"]._sign_up_customer(form))
            elif not limits._allow("database", request.env.uid):
                return self._render(plan, form, limits._get_refusal(), 429)
            client = plan._create_for_customer(request.env.user, label)
        except UserError as error:
            return self._render(plan, form, str(error), 422)
        return request.redirect(f"/my/databases/{client.id}", code=303)

    def _log_in(self, credential):
        request.session.authenticate(request.env, credential)
        request.update_env(user=request.session.uid)

    def _get_plan(self, plan_id):
        plan = request.env["saas_portal.plan"]._get_published(plan_id)
        if not plan:
            raise NotFound()
        return plan

    def _who(self):
        """Users by their id, visitors by their address."""
        if request.env.user._is_public():
            return request.httprequest.remote_addr
        return request.env.uid

    def _render(self, plan, form, error=False, status=200):
        values = {
            "plan": plan,
            "form": {name: form.get(name, "") for name in ("dbname", "name", "login")},
            "error": error,
            "domain": plan._get_signup_domain(),
            "visitor": request.env.user._is_public(),
            "open_to_visitors": request.env["res.users"]._get_signup_invitation_scope() == "b2c",
            "page_name": "saas_signup",
        }
        response = request.render("saas_portal.signup_page", values, status=status)
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _json(self, values, status):
        response = request.make_json_response(values, status=status)
        response.headers["Cache-Control"] = "no-store"
        return response
