"""Files of records: binary fields and attachments, as they are, without base64."""

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import _lt
from ..lib.saas_rest.uploads import receive
from ..routing import rest_route

RECORD = "/api/v1/<model>/<int:record_id>"
FIELD = f"{RECORD}/binary/<field>"
ATTACHMENTS = f"{RECORD}/attachments"
ATTACHMENT = f"{ATTACHMENTS}/<int:attachment_id>"
ANYTHING = "application/octet-stream"
# Nothing that a file holds runs or loads anything, should a browser show it.
POLICY = "default-src 'none'; sandbox"
UPLOAD = "saas_rest.upload"


def _send(stream):
    response = stream.get_response(as_attachment=True, content_security_policy=POLICY)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _received(call):
    """The body in a file. A transaction that is tried again finds it still there."""
    environ = call.httprequest.environ
    if UPLOAD not in environ:
        length = call.httprequest.content_length
        environ[UPLOAD] = receive(call.stream, length, call.limits.upload_max)
    environ[UPLOAD].seek(0)
    return environ[UPLOAD]


def _uploaded_files(call):
    if call.httprequest.mimetype != "multipart/form-data":
        raise Problem("media-type", _lt("Send the files as multipart/form-data."))
    files = [(file.filename or "", file.stream) for file in _files_of(call)]
    for _name, stream in files:
        stream.seek(0)
    return files


def _files_of(call):
    return [file for _key, file in call.httprequest.files.items(multi=True)]


class SaasRestFiles(http.Controller):
    """Downloads and uploads."""

    @rest_route(
        FIELD,
        methods=["GET"],
        produces=("*/*",),
        doc=Doc(
            "Download a binary field",
            "get_binary",
            ("files",),
            "In pieces with `Range`; `If-None-Match` saves the download of a known content.",
            params=("Range", "If-None-Match"),
            response="Content",
            response_type=ANYTHING,
            more={206: "Content", 304: None},
            problems=("not-found", "unknown-field", "field-forbidden", "range"),
        ),
    )
    def get_binary(self, model, record_id, field):
        call = current_call()
        call.check_query()
        return _send(
            request.env["saas_rest.files"]._get_stream(call.access, model, record_id, field)
        )

    @rest_route(
        FIELD,
        methods=["PUT"],
        body="any",
        max_body="upload_max",
        doc=Doc(
            "Upload a binary field",
            "put_binary",
            ("files",),
            "The body is the content itself, of any media type, up to 128 MiB.",
            params=("If-Match",),
            body="Content",
            body_type=ANYTHING,
            response=None,
            status=204,
            problems=(
                "not-found",
                "unknown-field",
                "field-forbidden",
                "readonly-field",
                "invalid-value",
                "user-error",
                "validation",
                "body-too-large",
                "etag-mismatch",
                "locked",
            ),
        ),
    )
    def put_binary(self, model, record_id, field):
        call = current_call()
        request.env["saas_rest.files"]._set_content(
            call.access, model, record_id, field, _received(call), call.headers.get("If-Match")
        )
        return Reply(status=204)

    @rest_route(
        FIELD,
        methods=["DELETE"],
        doc=Doc(
            "Empty a binary field",
            "delete_binary",
            ("files",),
            params=("If-Match",),
            response=None,
            status=204,
            problems=(
                "not-found",
                "unknown-field",
                "field-forbidden",
                "readonly-field",
                "required-missing",
                "user-error",
                "validation",
                "etag-mismatch",
                "locked",
            ),
        ),
    )
    def delete_binary(self, model, record_id, field):
        call = current_call()
        call.check_query()
        request.env["saas_rest.files"]._set_content(
            call.access, model, record_id, field, None, call.headers.get("If-Match")
        )
        return Reply(status=204)

    @rest_route(
        ATTACHMENTS,
        methods=["GET"],
        doc=Doc(
            "List a record's attachments",
            "list_attachments",
            ("files",),
            response="Attachments",
            problems=("not-found",),
        ),
    )
    def list_attachments(self, model, record_id):
        call = current_call()
        call.check_query()
        files = request.env["saas_rest.files"]
        return Reply(files._get_attachments(call.access, model, record_id))

    @rest_route(
        ATTACHMENTS,
        methods=["POST"],
        body="any",
        max_body="upload_max",
        doc=Doc(
            "Attach files to a record",
            "create_attachments",
            ("files",),
            body="Upload",
            body_type="multipart/form-data",
            response="Attachments",
            status=201,
            problems=(
                "not-found",
                "required-missing",
                "media-type",
                "body-too-large",
                "user-error",
            ),
        ),
    )
    def create_attachments(self, model, record_id):
        call = current_call()
        files = request.env["saas_rest.files"]
        return Reply(files._attach(call.access, model, record_id, _uploaded_files(call)), 201)

    @rest_route(
        ATTACHMENT,
        methods=["GET"],
        produces=("*/*",),
        doc=Doc(
            "Download an attachment",
            "get_attachment",
            ("files",),
            params=("Range", "If-None-Match"),
            response="Content",
            response_type=ANYTHING,
            more={206: "Content", 304: None},
            problems=("not-found", "range"),
        ),
    )
    def get_attachment(self, model, record_id, attachment_id):
        call = current_call()
        call.check_query()
        files = request.env["saas_rest.files"]
        return _send(files._get_attachment_stream(call.access, model, record_id, attachment_id))

    @rest_route(
        ATTACHMENT,
        methods=["DELETE"],
        doc=Doc(
            "Delete an attachment",
            "delete_attachment",
            ("files",),
            response=None,
            status=204,
            problems=("not-found", "user-error"),
        ),
    )
    def delete_attachment(self, model, record_id, attachment_id):
        call = current_call()
        call.check_query()
        files = request.env["saas_rest.files"]
        files._detach(call.access, model, record_id, attachment_id)
        return Reply(status=204)
