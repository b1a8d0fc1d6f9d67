"""Whose the databases are that a cluster holds: several portals may share one."""

from .errors import DriverError


class LocalOwners:
    """Part of the local driver."""

    def find_portal(self, name: str) -> str:
        """The uuid of the portal that this client obeys; '' when that cannot be seen."""
        try:
            with self._transaction(name) as cursor:
                cursor.execute(
                    "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.portal_uuid'"
                )
                row = cursor.fetchone()
        except DriverError:
            # Closed, or none of Odoo's.
            return ""
        return row[0] if row else ""
