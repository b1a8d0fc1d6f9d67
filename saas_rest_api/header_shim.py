"""Lets one more header through: ``access_token``, with an underscore.

Werkzeug drops every header with an underscore, because ``access_token`` and ``access-token``
become the same variable of WSGI. Clients of this API have always sent it, so this one name is
read again from the raw headers. It is the only place where the addon changes Odoo itself.
"""

from functools import wraps

from odoo.service.server import CommonRequestHandler

DASHED = "HTTP_ACCESS_TOKEN"
#: Where the underscore spelling is found, apart from the other: both together may differ.
UNDERSCORE = "saas_rest_api.access_token"


def install() -> None:
    """Puts the shim in; a second time does nothing."""
    original = CommonRequestHandler.make_environ
    if hasattr(original, "saas_rest_original"):
        return

    @wraps(original)
    def make_environ(self):
        environ = original(self)
        values = self.headers.get_all("access_token")
        if values:
            environ[UNDERSCORE] = ",".join(value.strip() for value in values)
        return environ

    make_environ.saas_rest_original = original
    CommonRequestHandler.make_environ = make_environ


def remove() -> None:
    """Takes the shim out again."""
    original = getattr(CommonRequestHandler.make_environ, "saas_rest_original", None)
    if original:
        CommonRequestHandler.make_environ = original
