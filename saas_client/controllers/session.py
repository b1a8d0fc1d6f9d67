from odoo.http import request, route

from odoo.addons.web.controllers.session import Session as WebSession

from .auth_oauth import LOGGED_OUT


class Session(WebSession):
    @route()
    def logout(self, *args, **kwargs):
        response = super().logout(*args, **kwargs)
        request.session[LOGGED_OUT] = True
        return response

    @route()
    def destroy(self):
        result = super().destroy()
        request.session[LOGGED_OUT] = True
        return result
