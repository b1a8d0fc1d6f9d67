import base64
from datetime import UTC
from typing import BinaryIO

from odoo import api, models
from odoo.exceptions import MissingError
from odoo.http import Stream

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.etags import none_match
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.selection import Selection
from ..lib.saas_rest.text import _lt
from ..lib.saas_rest.uploads import safe_name


class SaasRestFiles(models.AbstractModel):
    """Files in fields and attachments of records, with the rights of the environment's user."""

    _name = "saas_rest.files"
    _description = "REST files"

    # === FIELDS === #

    @api.model
    def _get_stream(self, access: Access, model_name: str, record_id: int, name: str) -> Stream:
        """The content of a binary field, ready to be sent in pieces.

        :raises Problem: ``not-found`` also for an empty field
        """
        field = self._get_field(access, model_name, name, "read")
        record = self._get_record(access, model_name, record_id)
        try:
            stream = self.env["ir.binary"]._get_stream_from(record, field.name)
        except MissingError:
            raise self._empty(name) from None
        if stream.type == "url" or not stream.size:
            raise self._empty(name)
        stream.download_name = safe_name(stream.download_name or name)
        return stream

    @api.model
    def _set_content(
        self,
        access: Access,
        model_name: str,
        record_id: int,
        name: str,
        content: BinaryIO | None,
        if_match: str | None = None,
    ) -> None:
        """Replace or, with None, remove the content of a binary field.

        :param if_match: the header ``If-Match``; it is compared with the present content
        """
        self._get_field(access, model_name, name, "write")
        self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        self._get_record(access, model_name, record_id)
        if if_match is not None:
            self._check_match(access, model_name, record_id, name, if_match)
        value = base64.b64encode(content.read()).decode() if content else None
        self.env["saas_rest.writer"]._update(access, model_name, record_id, {name: value or None})

    def _check_match(self, access, model_name, record_id, name, if_match) -> None:
        self._get_record(access, model_name, record_id).lock_for_update()
        try:
            etag = str(self._get_stream(access, model_name, record_id, name).etag)
        except Problem:
            etag = ""
        if not etag or not none_match(if_match, etag):
            raise Problem("etag-mismatch", _lt("The content is another one by now."))

    def _get_field(self, access: Access, model_name: str, name: str, operation: str):
        policy = self.env["saas_rest.policy"]
        model = policy._get_model(access, model_name, "read")
        field = policy._check_field(access, model, name, operation)
        if field.type != "binary":
            text = _lt("'%(field)s' of %(model)s holds no file.", field=name, model=model_name)
            raise Problem("unknown-field", text, [Detail("", "unknown-field")])
        return field

    def _get_record(self, access: Access, model_name: str, record_id: int):
        """The record, if it may be read."""
        record_id = self.env["saas_rest.operations"]._checked_id(model_name, record_id)
        reader = self.env["saas_rest.reader"]
        reader._read(access, model_name, record_id, Selection.of("id"))
        return self.env[model_name].browse(record_id)

    def _empty(self, name: str) -> Problem:
        return Problem("not-found", _lt("'%(field)s' is empty.", field=name))

    # === ATTACHMENTS === #

    @api.model
    def _get_attachments(self, access: Access, model_name: str, record_id: int) -> list[dict]:
        """What is attached to a record, the newest first."""
        record = self._get_record(access, model_name, record_id)
        return [self._describe(attachment) for attachment in self._search_attachments(record)]

    @api.model
    def _attach(
        self, access: Access, model_name: str, record_id: int, files: list[tuple[str, BinaryIO]]
    ) -> list[dict]:
        """Attach files, given by name and content, to a record that the user may change."""
        self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        record = self._get_record(access, model_name, record_id)
        record.check_access("write")
        if not files:
            raise Problem("required-missing", _lt("The form holds no file."))
        attachments = self.env["ir.attachment"].create(
            [
                {
                    "name": safe_name(name),
                    "raw": content.read(),
                    "res_model": model_name,
                    "res_id": record.id,
                }
                for name, content in files
            ]
        )
        return [self._describe(attachment) for attachment in attachments]

    @api.model
    def _get_attachment_stream(
        self, access: Access, model_name: str, record_id: int, attachment_id: int
    ) -> Stream:
        stream = self._get_attachment(
            access, model_name, record_id, attachment_id
        )._to_http_stream()
        if stream.type == "url":
            raise Problem("not-found", _lt("This attachment is a link, not a file."))
        stream.download_name = safe_name(stream.download_name or "")
        stream.mimetype = stream.mimetype or "application/octet-stream"
        return stream

    @api.model
    def _detach(self, access: Access, model_name: str, record_id: int, attachment_id: int) -> None:
        self.env["saas_rest.policy"]._get_model(access, model_name, "write")
        self._get_attachment(access, model_name, record_id, attachment_id).unlink()

    def _get_attachment(self, access, model_name, record_id, attachment_id):
        record = self._get_record(access, model_name, record_id)
        attachment = self._search_attachments(record).filtered(lambda one: one.id == attachment_id)
        if not attachment:
            raise Problem("not-found", _lt("The record has no such attachment."))
        return attachment

    def _search_attachments(self, record):
        return self.env["ir.attachment"].search(
            [
                ("res_model", "=", record._name),
                ("res_id", "=", record.id),
                ("res_field", "=", False),
            ],
            order="id desc",
        )

    def _describe(self, attachment) -> dict:
        created = attachment.create_date.replace(tzinfo=UTC).isoformat()
        return {
            "id": attachment.id,
            "name": attachment.name,
            "mimetype": attachment.mimetype or None,
            "size": attachment.file_size,
            "checksum": attachment.checksum or None,
            "url": attachment.url or None,
            "created_at": created.replace("+00:00", "Z"),
        }
