"""XML-RPC as an outside script speaks it."""

import http.client
import socket
import xmlrpc.client
from xmlrpc.client import Fault

__all__ = ["Fault", "Rpc"]

TIMEOUT = 1800


class LoopbackConnection(http.client.HTTPConnection):
    """Reaches any host name on this machine, without DNS."""

    def connect(self):
        self.sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)


class LoopbackTransport(xmlrpc.client.Transport):
    def make_connection(self, host):
        # A new connection each time: Odoo closes it after every answer.
        self._connection = host, LoopbackConnection(host, timeout=TIMEOUT)
        return self._connection[1]


class Rpc:
    """One user's XML-RPC calls to one database.

    The database is found by the header X-Odoo-Database, or by the host name with `via="host"`.
    """

    def __init__(self, port, database, login=None, password=None, *, uid=None, via="header"):
        self.port, self.database, self.via = port, database, via
        self.password = password
        self.uid = uid if uid is not None or login is None else self.authenticate(login, password)

    def authenticate(self, login, password):
        """The user's id, or False."""
        return self._proxy("common").authenticate(self.database, login, password, {})

    def call(self, model, method, *args, **kwargs):
        """`execute_kw` as it is: keyword arguments stay keyword arguments."""
        return self._proxy("object").execute_kw(
            self.database, self.uid, self.password, model, method, args, kwargs
        )

    def ref(self, xmlid):
        """The id of the record that the XML id names."""
        module, name = xmlid.split(".")
        (row,) = self.call(
            "ir.model.data",
            "search_read",
            [("module", "=", module), ("name", "=", name)],
            ["res_id"],
        )
        return row["res_id"]

    def read(self, model, record_id, *fields):
        """One record as a dict, or one value when one field is asked for."""
        (row,) = self.call(model, "read", [record_id], list(fields))
        return row[fields[0]] if len(fields) == 1 else row

    def _proxy(self, service):
        if self.via == "header":
            host, headers = "127.0.0.1", [("X-Odoo-Database", self.database)]
        else:
            host, headers = self.database, []
        url = f"http://{host}:{self.port}/xmlrpc/2/{service}"
        return xmlrpc.client.ServerProxy(url, transport=LoopbackTransport(headers=headers))
