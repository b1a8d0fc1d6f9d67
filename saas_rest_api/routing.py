"""The decorator of all our endpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from odoo import http

from .lib.saas_rest.doc import Doc

JSON = "application/json"
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """What :func:`rest_route` says of an endpoint.

    :param readonly: whether it only reads; ``None``: the verb decides
    :param public: needs no token
    :param session: instead of a token, an internal user's session will do
    :param scope: ``admin`` for what needs that scope and a Settings user
    :param body: ``json``, ``form`` (forms and JSON) or ``any``; other media types are refused
    :param max_body: name of the limit in :class:`.limits.Limits` for the size of the body
    :param produces: the media types of successful answers
    :param own_token: touches nothing but tokens: allowed with read-only tokens too
    :param without_database: is reached although no database was chosen
    :param legacy: errors have the older envelope ``{"type", "message"}``
    :param successor: address of the endpoint that replaces a legacy one, or what makes it from
        the request's path
    :param catch_all: takes every verb and path that nothing else takes
    """

    readonly: bool | None = None
    public: bool = False
    session: bool = False
    scope: str | None = None
    body: str | None = None
    max_body: str = "body_max"
    produces: tuple[str, ...] = (JSON,)
    own_token: bool = False
    without_database: bool = False
    legacy: bool = False
    successor: str | Callable[[str], str] | None = None
    catch_all: bool = False
    doc: Doc | None = None


def rest_route(
    *paths: str,
    methods: Sequence[str],
    readonly: bool | None = None,
    doc: Doc | None = None,
    **settings,
):
    """Mounts a controller's method, with the settings of :class:`Route`.

    :param readonly: whether it only reads; by default the verb decides
    """

    def reads_only(controller, rule, args):
        if readonly is None:
            return http.request.httprequest.method in READING
        return readonly

    return http.route(
        list(paths),
        type="saas_rest",
        auth="none",
        methods=list(methods),
        csrf=False,
        save_session=False,
        readonly=reads_only,
        rest=Route(readonly=readonly, doc=doc, **settings),
    )
