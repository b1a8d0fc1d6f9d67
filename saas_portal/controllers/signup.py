"""Public pages: the plans, and how a visitor gets a database from one."""

from urllib.parse import urlencode

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

#: Pages and forms for visitors, which no search engine lists.
_PAGE = {"type": "http", "auth": "public", "website": True, "sitemap": False}


class SaasSignup(http.Controller):
    """Thin pages over ``saas_portal.plan`` and ``res.users``."""

    _plans_url = "/saas/plans"
    _signup_url = "/saas/signup/<int:plan_id>"
    _confirm_url = f"{_signup_url}/confirm"

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

    @http.route(_signup_url, methods=["GET"], **_PAGE)
    def signup(self, plan_id, **_kwargs):
        return self._render(self._get_plan(plan_id), {})

    @http.route(_signup_url, methods=["POST"], captcha="signup", **_PAGE)
    def sign_up(self, plan_id, **form):
        plan = self._get_plan(plan_id)
        limits = request.env["saas_portal.rate_limit"]
        label = plan._tidy_label(form.get("dbname"))
        if not limits._allow("signup", self._who()):
            return self._render(plan, form, limits._get_refusal(), 429)
        try:
            if problem := plan._get_label_problem(label):
                raise UserError(problem)
            if plan._needs_confirmation(request.env.user):
                return self._ask_to_confirm(plan, label, form)
            if request.env.user._is_public():
                self._log_in(request.env["res.users"]._sign_up_customer(form))
            elif not limits._allow("database", request.env.uid):
                return self._render(plan, form, limits._get_refusal(), 429)
            client = plan._create_for_customer(request.env.user, label)
        except UserError as error:
            return self._render(plan, form, str(error), 422)
        return request.redirect(f"/my/databases/{client.id}", code=303)

    # -- confirming the address --------------------------------------------------------------------

    @http.route(_confirm_url, methods=["GET"], **_PAGE)
    def confirm_page(self, plan_id, token="", **_kwargs):
        """Where the link in the mail leads; looking at it makes nothing, as mail scanners do."""
        plan = self._get_plan(plan_id)
        asked = plan._read_confirmation_token(token)
        if not asked or asked["expired"]:
            return self._render_dead_link(plan, token, asked)
        return self._render(plan, asked, token=token)

    @http.route(_confirm_url, methods=["POST"], captcha="signup", **_PAGE)
    def confirm(self, plan_id, token="", **form):
        plan = self._get_plan(plan_id)
        asked = plan._read_confirmation_token(token)
        if not asked or asked["expired"]:
            return self._render_dead_link(plan, token, asked)
        limits = request.env["saas_portal.rate_limit"]
        label = plan._tidy_label(form.get("dbname"))
        shown = {**asked, "dbname": form.get("dbname", "")}
        if not limits._allow("signup", self._who()):
            return self._render(plan, shown, limits._get_refusal(), 429, token)
        try:
            if problem := plan._get_label_problem(label):
                raise UserError(problem)
            if request.env.user._is_public():
                account = {**asked, "password": form.get("password")}
                users = request.env["res.users"]
                self._log_in(users._sign_up_customer(account, confirmed=True))
            else:
                request.env.user._confirm_login(asked["login"])
            client = plan._create_for_customer(request.env.user, label)
        except UserError as error:
            return self._render(plan, shown, str(error), 422, token)
        return request.redirect(f"/my/databases/{client.id}", code=303)

    @http.route(f"{_confirm_url}/again", methods=["POST"], captcha="signup", **_PAGE)
    def confirm_again(self, plan_id, token="", **_kwargs):
        """A new link for one that has expired, to the same address."""
        plan = self._get_plan(plan_id)
        if not (asked := plan._read_confirmation_token(token)):
            return self._render_dead_link(plan, token, asked)
        if not request.env["saas_portal.rate_limit"]._allow("signup", self._who()):
            refusal = request.env["saas_portal.rate_limit"]._get_refusal()
            return self._render_dead_link(plan, token, asked, refusal, 429)
        try:
            return self._write_to(plan, asked)
        except UserError as error:
            return self._render_dead_link(plan, token, asked, str(error), 422)

    def _ask_to_confirm(self, plan, label, form):
        """:raises UserError: in the visitor's words"""
        user = request.env.user
        if user._is_public():
            visitor = user._check_visitor(form)
            asked = {**visitor, "email": visitor["login"]}
        else:
            asked = user._get_address_to_confirm()
        return self._write_to(plan, {**asked, "dbname": label})

    def _write_to(self, plan, asked):
        """Send the mail and say so; whoever loads the page again gets another one.

        :raises UserError: no mail was sent, in the visitor's words
        """
        limits = request.env["saas_portal.rate_limit"]
        if not limits._allow("confirmation", asked["email"].lower()):
            raise UserError(limits._get_refusal())
        plan._send_confirmation(asked)
        values = {"plan": plan, "asked": asked, "page_name": "saas_signup"}
        return self._guard(request.render("saas_portal.signup_sent_page", values))

    def _render_dead_link(self, plan, token, asked, error=False, status=None):
        values = {
            "plan": plan,
            "token": token,
            "expired": bool(asked),
            "error": error,
            "page_name": "saas_signup",
        }
        status = status or (410 if asked else 404)
        return self._guard(
            request.render("saas_portal.signup_dead_link_page", values, status=status)
        )

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

    def _render(self, plan, form, error=False, status=200, token=""):
        """The form; with the token of a link, the form that ends what began with the mail."""
        user = request.env.user
        login = form.get("login", "") if token else ""
        here = plan._get_confirm_path(token) if token else f"/saas/signup/{plan.id}"
        values = {
            "plan": plan,
            "form": {name: form.get(name, "") for name in ("dbname", "name", "login")},
            "error": error,
            "domain": plan._get_signup_domain(),
            "visitor": user._is_public(),
            "open_to_visitors": request.env["res.users"]._get_signup_invitation_scope() == "b2c",
            "mail_first": not token and plan._needs_confirmation(user),
            "token": token,
            "has_account": bool(
                login and user._is_public() and request.env["res.users"]._get_user_by_login(login)
            ),
            "somebody_else": bool(login and not user._is_public() and user.login != login),
            "login_url": f"/web/login?{urlencode({'redirect': here})}",
            "logout_url": f"/web/session/logout?{urlencode({'redirect': here})}",
            "page_name": "saas_signup",
        }
        return self._guard(request.render("saas_portal.signup_page", values, status=status))

    def _guard(self, response):
        """No frame, no copy in a cache, and no address with a token for the next page's server."""
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    def _json(self, values, status):
        response = request.make_json_response(values, status=status)
        response.headers["Cache-Control"] = "no-store"
        return response
