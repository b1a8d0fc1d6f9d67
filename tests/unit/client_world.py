"""What tests write into clients and read there, whatever server they are on."""

import contextlib


class Interrupted(BaseException):
    """Stands for a killed process: no ``except`` of the driver sees it."""


class ClientWorld:
    """Needs `query(name, statement, *params)`, `driver`, and what is abstract here.

    POINTS: verb → where the process can die, as `killed_at` reads it.
    """

    template = "template-1"
    POINTS = {}

    def parameters(self, name):
        return dict(self.query(name, "SELECT key, value FROM ir_config_parameter"))

    def look_inside(self, name):
        parameters = self.parameters(name)
        return {
            "database_uuid": parameters["database.uuid"],
            "base_url": parameters["web.base.url"],
            "portal_uuid": parameters["saas_client.portal_uuid"],
            "portal_key": parameters["saas_client.portal_key"],
            "secret": parameters["database.secret"],
        }

    def write_inside(self, name, text):
        """Data of a customer's: a person, a waiting mail, a key and a file."""
        self.query(name, "DELETE FROM res_users WHERE login = 'data'")
        self.query(name, "INSERT INTO res_users (login, password) VALUES ('data', %s)", text)
        self.query(name, "INSERT INTO mail_mail (state) VALUES ('outgoing')")
        self.query(name, "INSERT INTO res_users_apikeys (key) VALUES (%s)", text)
        self.write_file(name, text)

    def read_inside(self, name):
        ((text,),) = self.query(name, "SELECT password FROM res_users WHERE login = 'data'")
        assert self.read_file(name) == text
        return text

    def write_file(self, name, text):
        """Put the text into the stored file of `write_inside`."""
        raise NotImplementedError

    def read_file(self, name):
        raise NotImplementedError

    def is_neutralized(self, name):
        return self.parameters(name).get("database.is_neutralized") == "true"

    def can_act(self, name):
        """Whether it has mails to send, mail servers or keys of its people."""
        ((mails, keys, servers),) = self.query(
            name,
            "SELECT (SELECT count(*) FROM mail_mail WHERE state = 'outgoing'),"
            " (SELECT count(*) FROM res_users_apikeys), (SELECT count(*) FROM ir_mail_server)",
        )
        return bool(mails or keys or servers)

    def cut_off(self, verb, *arguments):
        """Begin the verb and die, at one point after the other."""
        for point in self.POINTS[verb]:
            if verb == "rename":
                call = [*arguments, "http://half.localhost"]
            elif verb in ("restore", "copy", "backup"):
                call = arguments
            else:
                call = [arguments[0] if verb == "create" else arguments[0].ref]
            if verb == "delete":
                self.driver.create(arguments[0])
            with self.killed_at(point), contextlib.suppress(Interrupted):
                getattr(self.driver, verb)(*call)
                raise AssertionError(f"{verb} never came to {point}")
            yield point

    def killed_at(self, point):
        """While this is open the process dies where the driver calls the point."""
        raise NotImplementedError
