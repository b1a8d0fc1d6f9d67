"""Several operations in one request."""

from odoo import http
from odoo.http import request

from ..lib.saas_rest.doc import Doc
from ..routing import rest_route
from .data import PAGING, READING, VERSIONS, WRITING
from .engine import once


class SaasRestBatch(http.Controller):
    """Batches."""

    @rest_route(
        "/api/v1/batch",
        methods=["POST"],
        body="json",
        doc=Doc(
            "Do several things at once",
            "batch",
            ("batch",),
            "Atomic batches succeed or fail as a whole; the others answer for each operation."
            " `$ref.id` stands for the id that an operation before answered.",
            params=("Idempotency-Key",),
            body="Batch",
            response="BatchResults",
            more={207: "BatchResults"},
            problems=tuple(dict.fromkeys(READING + PAGING + WRITING + VERSIONS)),
        ),
    )
    def batch(self):
        return once(request.env["saas_rest.batch"]._run)
