from collections.abc import Iterable

from odoo import api, models

SECONDS = 300
QUANTILES = ("0.5", "0.95", "0.99")


class SaasRestMetrics(models.AbstractModel):
    """Numbers about this API, as Prometheus reads them; the same from each worker.

    All of them are read from tables, so all are gauges.
    """

    _name = "saas_rest.metrics"
    _description = "REST metrics"

    @api.model
    def _get_text(self) -> str:
        lines = [
            *self._render(
                "saas_rest_requests_recent",
                f"Requests of the last {SECONDS} seconds.",
                ("route", "method", "status"),
                self._get_requests(),
            ),
            *self._render(
                "saas_rest_request_milliseconds_recent",
                f"Duration of the requests of the last {SECONDS} seconds.",
                ("quantile",),
                self._get_durations(),
            ),
            *self._render("saas_rest_tokens", "Access tokens.", ("state",), self._get_tokens()),
            *self._render(
                "saas_rest_webhooks",
                "Webhooks.",
                ("state",),
                self._count("saas_rest.webhook", "state"),
            ),
            *self._render(
                "saas_rest_webhook_calls",
                "Calls of webhooks that are kept.",
                ("state",),
                self._count("saas_rest.delivery", "state"),
            ),
        ]
        return "\n".join(lines) + "\n"

    def _get_requests(self):
        self.env.cr.execute(
            """
            SELECT coalesce(route, ''), method, status::text, count(*)
              FROM saas_rest_audit
             WHERE at > (now() AT TIME ZONE 'UTC') - %s * interval '1 second'
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """,
            [SECONDS],
        )
        return [(row[:-1], row[-1]) for row in self.env.cr.fetchall()]

    def _get_durations(self):
        self.env.cr.execute(
            """
            SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration)
              FROM saas_rest_audit
             WHERE at > (now() AT TIME ZONE 'UTC') - %s * interval '1 second'
            """,
            [SECONDS],
        )
        values = self.env.cr.fetchone()[0] or []
        return [((name,), value) for name, value in zip(QUANTILES, values, strict=False)]

    def _get_tokens(self):
        self.env.cr.execute(
            """
            SELECT CASE WHEN expiration_date < now() AT TIME ZONE 'UTC' THEN 'expired'
                        ELSE 'valid' END, count(*)
              FROM saas_rest_token GROUP BY 1 ORDER BY 1
            """
        )
        return [((state,), count) for state, count in self.env.cr.fetchall()]

    def _count(self, model_name: str, field_name: str):
        groups = self.env[model_name].sudo()._read_group([], [field_name], ["__count"])
        return [((value,), count) for value, count in groups]

    def _render(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        samples: Iterable[tuple[tuple[str, ...], float]],
    ) -> list[str]:
        """A metric in the text format, with its description."""
        lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        for values, number in samples:
            pairs = ",".join(
                f'{label}="{self._escape(value)}"'
                for label, value in zip(labels, values, strict=True)
            )
            lines.append(f"{name}{{{pairs}}} {number:g}")
        return lines

    @staticmethod
    def _escape(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
