from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route

TAGS = ("webhooks",)
ONE = "/api/v1/webhooks/<int:webhook_id>"


class WebhookController(http.Controller):
    """Webhooks over REST; ordinary users may not have any, as their ACL says."""

    @staticmethod
    def _webhooks():
        return request.env["saas_rest.webhook"]

    @rest_route(
        "/api/v1/webhooks",
        methods=["GET"],
        doc=Doc("List webhooks", "list_webhooks", TAGS, response="Webhooks"),
    )
    def list_webhooks(self):
        call = current_call()
        call.check_query()
        return Reply([webhook._as_value() for webhook in self._webhooks()._find_all(call.access)])

    @rest_route(
        "/api/v1/webhooks",
        methods=["POST"],
        body="json",
        doc=Doc(
            "Create a webhook",
            "create_webhook",
            TAGS,
            "The answer holds the signing secret, which is told only here.",
            body="WebhookValues",
            response="WebhookWithSecret",
            status=201,
            problems=("invalid-value", "required-missing", "validation"),
        ),
    )
    def create_webhook(self):
        call = current_call()
        webhook, secret = self._webhooks()._create_from(call.access, call.json())
        location = {"Location": f"/api/v1/webhooks/{webhook.id}"}
        return Reply({**webhook._as_value(), "secret": secret}, 201, headers=location)

    @rest_route(
        ONE,
        methods=["GET"],
        doc=Doc("Read a webhook", "get_webhook", TAGS, response="Webhook", problems=("not-found",)),
    )
    def get_webhook(self, webhook_id):
        call = current_call()
        call.check_query()
        return Reply(self._webhooks()._find(call.access, webhook_id)._as_value())

    @rest_route(
        ONE,
        methods=["PATCH"],
        body="json",
        doc=Doc(
            "Change a webhook",
            "update_webhook",
            TAGS,
            "The state `active` resumes an address that was paused.",
            body="WebhookChanges",
            response="Webhook",
            problems=("not-found", "invalid-value", "validation"),
        ),
    )
    def update_webhook(self, webhook_id):
        call = current_call()
        webhook = self._webhooks()._find(call.access, webhook_id)
        webhook._update_from(call.access, call.json())
        return Reply(webhook._as_value())

    @rest_route(
        ONE,
        methods=["DELETE"],
        doc=Doc(
            "Delete a webhook",
            "delete_webhook",
            TAGS,
            response=None,
            status=204,
            problems=("not-found",),
        ),
    )
    def delete_webhook(self, webhook_id):
        call = current_call()
        self._webhooks()._find(call.access, webhook_id)._delete_by(call.access)
        return Reply(status=204)

    @rest_route(
        f"{ONE}/test",
        methods=["POST"],
        doc=Doc(
            "Send a test call",
            "test_webhook",
            TAGS,
            response="Delivery",
            status=202,
            problems=("not-found",),
        ),
    )
    def test_webhook(self, webhook_id):
        call = current_call()
        webhook = self._webhooks()._find(call.access, webhook_id)
        return Reply(webhook._test_by(call.access), 202)

    @rest_route(
        f"{ONE}/rotate-secret",
        methods=["POST"],
        body="json",
        doc=Doc(
            "Give a webhook a new secret",
            "rotate_webhook_secret",
            TAGS,
            "For `overlap` seconds, a day by default, the old secret signs along.",
            body="WebhookRotation",
            body_required=False,
            response="WebhookWithSecret",
            problems=("not-found", "invalid-value"),
        ),
    )
    def rotate_secret(self, webhook_id):
        call = current_call()
        webhook = self._webhooks()._find(call.access, webhook_id)
        secret = webhook._rotate_by(call.access, call.json(default={}))
        return Reply({**webhook._as_value(), "secret": secret})

    @rest_route(
        f"{ONE}/deliveries",
        methods=["GET"],
        doc=Doc(
            "List the calls made to a webhook",
            "list_deliveries",
            TAGS,
            params=("limit", "offset"),
            response="Deliveries",
            problems=("not-found", "invalid-limit"),
        ),
    )
    def list_deliveries(self, webhook_id):
        call = current_call()
        webhook = self._webhooks()._find(call.access, webhook_id)
        values, meta = request.env["saas_rest.delivery"]._get_page(webhook, call.query, call.limits)
        return Reply(values, meta=meta)

    @rest_route(
        "/api/v1/webhooks/deliveries/<int:delivery_id>/retry",
        methods=["POST"],
        doc=Doc(
            "Make a call again",
            "retry_delivery",
            TAGS,
            response="Delivery",
            status=202,
            problems=("not-found", "user-error"),
        ),
    )
    def retry_delivery(self, delivery_id):
        call = current_call()
        deliveries = request.env["saas_rest.delivery"]
        return Reply(deliveries._retry_by(call.access, delivery_id), 202)
