import base64

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import DockerCase


@tagged("post_install", "-at_install")
class TestRouting(DockerCase):
    """The nginx configuration of a server leads to its clients as they were deployed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.make_user("portainer-manager", "sadeem_portainer.group_manager")

    def nginx(self):
        self.env.invalidate_all()
        return self.server.with_user(self.manager).docker_nginx

    def test_every_client_is_led_to_its_ports(self):
        first = self.new(dbname="acme.localhost")
        self.plan.docker_workers = 2
        second = self.new(dbname="shop.localhost")
        text = self.nginx()
        for client in (first, second):
            self.assertIn(f"10.1.0.7:{client.docker_http_port}", text)
            self.assertIn(client.name, text)
        self.assertIn(f"10.1.0.7:{second.docker_gevent_port}", text)
        self.assertNotIn(f"10.1.0.7:{first.docker_gevent_port}", text)

    def test_deployed_is_what_counts_not_what_is_wished_for(self):
        client = self.new(dbname="acme.localhost")
        client.docker_workers = 2
        self.assertNotIn(f":{client.docker_gevent_port};", self.nginx())
        self.rebuild(client)
        self.assertIn(f":{client.docker_gevent_port};", self.nginx())

    def test_a_deleted_client_is_led_to_no_more(self):
        client = self.new(dbname="acme.localhost")
        self.act(client, "delete_database", self.manager)
        self.assertNotIn("acme.localhost", self.nginx())

    def test_the_file_is_what_is_shown(self):
        self.new(dbname="acme.localhost")
        server = self.server.with_user(self.manager)
        self.assertEqual(base64.b64decode(server.docker_nginx_file).decode(), server.docker_nginx)
        self.assertEqual(server.docker_nginx_filename, "saas-clients.conf")

    def test_certificates_are_named_or_refused_in_words(self):
        self.server.docker_nginx_certificate = "/etc/ssl/saas.pem"
        self.assertIn("go together", self.nginx())
        self.server.docker_nginx_certificate_key = "/etc/ssl/saas.key"
        self.assertIn("ssl_certificate /etc/ssl/saas.pem;", self.nginx())
        self.server.docker_nginx_certificate = "/etc/x; return 200;"
        self.assertTrue(self.nginx().startswith("# No configuration can be made"))
        self.assertNotIn("return 200", self.nginx())

    def test_addresses_of_the_sixth_version_are_written_in_brackets(self):
        self.environment.bind_ip = "fd00::7"
        client = self.new(dbname="acme.localhost")
        self.assertIn(f"[fd00::7]:{client.docker_http_port};", self.nginx())
        self.assertTrue(self.asked[0][0].startswith(f"http://[fd00::7]:{client.docker_http_port}/"))

    def test_servers_of_another_kind_have_none(self):
        local = self.env["saas_portal.server"].create({"name": "Local"})
        self.assertFalse(local.docker_nginx)

    def test_operators_do_not_see_it(self):
        with self.assertRaises(AccessError):
            self.server.with_user(self.user).read(["docker_nginx"])

    # === OF AN ENVIRONMENT === #

    def nginx_of(self, environment):
        self.env.invalidate_all()
        return environment.with_user(self.operator).docker_nginx

    def test_an_environments_configuration_has_the_clients_there_of_every_server(self):
        first = self.new(dbname="acme.localhost")
        other = self.environment.copy({"name": "other", "portainer_environment_id": 2})
        self.fake.environments[2] = self.fake.environment(2, "other")
        self.assertIn("acme.localhost", self.nginx_of(self.environment))
        self.assertNotIn("acme.localhost", self.nginx_of(other))
        self.image.environment_id = other
        second = self.new(dbname="shop.localhost")
        self.assertEqual(second.docker_environment_id, other)
        self.assertNotIn("shop.localhost", self.nginx_of(self.environment))
        self.assertIn(f"10.1.0.7:{second.docker_http_port}", self.nginx_of(other))
        self.act(first, "delete_database", self.manager)
        self.assertNotIn("acme.localhost", self.nginx_of(self.environment))

    def test_it_says_when_the_file_that_was_downloaded_is_old(self):
        self.new(dbname="acme.localhost")
        environment = self.environment.with_user(self.operator)
        self.assertFalse(environment.docker_nginx_is_old, "nobody has taken it yet")
        action = self.call(
            self.operator, environment._name, "action_download_docker_nginx", environment.ids
        )
        self.assertIn(f"/{environment.id}/docker_nginx_file/saas-clients.conf", action["url"])
        self.assertFalse(environment.docker_nginx_is_old)
        self.new(dbname="shop.localhost")
        self.assertTrue(environment.docker_nginx_is_old)
        self.call(self.operator, environment._name, "action_download_docker_nginx", environment.ids)
        self.assertFalse(environment.docker_nginx_is_old)

    def test_who_may_not_read_the_configuration_does_not_take_it_either(self):
        for record, user in ((self.server, self.user), (self.environment, self.internal)):
            with self.refused(error=AccessError):
                self.call(user, record._name, "action_download_docker_nginx", record.ids)
        self.assertFalse(self.server.docker_nginx_taken)
