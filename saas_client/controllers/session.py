from odoo.http import request, route

from odoo.addons.web.controllers.session import Session as WebSession

from .auth_oauth import LOGGED_OUT


class Session(WebSession):
    @route()
    def logout(self, *args, **kwargs):
        self._saas_remember_logout()
        return super().logout(*args, **kwargs)

    @route()
    def destroy(self):
        self._saas_remember_logout()
        return super().destroy()

    def _saas_remember_logout(self):
        request.future_response.set_cookie(LOGGED_OUT, "1", httponly=True, samesite="Lax")
