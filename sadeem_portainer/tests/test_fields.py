from odoo.exceptions import ValidationError

from .common import SERVER, PortainerCase

#: model → field: (type, label, required, tracked, default). What operators and programs rely on.
FIELDS = {
    "sadeem.portainer": {
        "name": ("char", "Name", True, True, False),
        "ip": ("char", "IP", True, True, False),
        "portainer_link": ("char", "Portainer Link", True, True, False),
        "access_token": ("char", "Access Token", False, False, False),
        "state": ("selection", "State", True, True, "draft"),
        "root_server_id": ("many2one", "Root Server", False, True, False),
        "is_master": ("boolean", "Master Portainer", False, True, False),
        "skip_ssl_verify": ("boolean", "Skip SSL Verify", False, True, False),
        "country_id": ("many2one", "Country", False, True, False),
        "country_state_id": ("many2one", "State/Province", False, True, False),
        "active": ("boolean", "Active", False, True, True),
    },
    "sadeem.portainer.environment": {
        "name": ("char", "Name", True, True, False),
        "ip": ("char", "IP", True, True, False),
        "portainer_id": ("many2one", "Portainer", True, True, False),
        "portainer_environment_id": ("integer", "Portainer Environment ID", True, True, False),
        "root_server_id": ("many2one", "Root Server", False, True, False),
        "environment_type": ("selection", "Environment Type", True, True, "standalone"),
        "next_port": ("integer", "Next Port", True, True, 10000),
        "bind_ip": ("char", "Address of Published Ports", True, True, "127.0.0.1"),
        "active": ("boolean", "Active", False, True, True),
        "country_id": ("many2one", "Country", False, True, False),
        "country_state_id": ("many2one", "State/Province", False, True, False),
        "max_running_containers": ("integer", "Max Running Container Count", True, True, 50),
        "container_run": ("integer", "Running", False, False, False),
        "container_stop": ("integer", "Stopped", False, False, False),
        "container_pause": ("integer", "Paused", False, False, False),
        "container_total": ("integer", "Total", False, False, False),
        "available_capacity": ("integer", "Available Container Capacity", False, False, False),
        "state": ("selection", "Capacity State", False, False, False),
        "cpu_cores": ("integer", "CPU Cores", False, False, False),
        "total_ram_mb": ("integer", "Total RAM (MB)", False, False, False),
        "nginx_server": ("char", "Nginx Proxy Server", False, True, False),
        "nginx_default_certificate": ("integer", "Nginx Default Cert ID", False, True, False),
        "subscription_domain": ("char", "Domain for New Subscriptions", False, True, False),
        "subdomain_start": ("char", "Subdomain Start", False, True, False),
        "cloudflare_dns": ("boolean", "Cloudflare DNS", False, True, False),
        "cloudflare_account": ("char", "Cloudflare Account", False, True, False),
        "cloudflare_zone": ("char", "Cloudflare Zone ID", False, True, False),
        "cloudflare_create_record": ("boolean", "Create Record", False, True, False),
        "cloudflare_proxied": ("boolean", "Proxied Record", False, True, False),
        "external_postgresql": ("boolean", "External PostgreSQL", False, True, False),
        "postgresql_server": ("char", "PostgreSQL Server", False, True, False),
    },
    "sadeem.portainer.image": {
        "name": ("char", "Name", True, True, False),
        "odoo_version": ("char", "Odoo Version", True, True, False),
        "config_file": ("char", "Config File", True, True, "/etc/odoo"),
        "tag_ids": ("many2many", "Image Tags", True, False, False),
        "environment_id": ("many2one", "Default Environment", False, True, False),
        "select_environment_by": ("selection", "Select Environment By", True, True, "sequence"),
        "active": ("boolean", "Active", False, True, True),
    },
    "sadeem.portainer.image.environment": {
        "sequence": ("integer", "Sequence", False, False, 10),
        "image_id": ("many2one", "Image", True, False, False),
        "environment_id": ("many2one", "Environment", True, False, False),
        "environment_state": ("selection", "Capacity State", False, False, False),
        "max_running_containers": ("integer", "Max Running Container Count", False, False, False),
        "available_capacity": ("integer", "Available Container Capacity", False, False, False),
        "container_run": ("integer", "Running", False, False, False),
        "root_server_id": ("many2one", "Root Server", False, False, False),
    },
    "sadeem.portainer.image.tag": {"name": ("char", "Name", True, False, False)},
}
CHOICES = {
    ("sadeem.portainer", "state"): ["draft", "confirmed", "cancelled"],
    ("sadeem.portainer.environment", "environment_type"): ["standalone", "swarm"],
    ("sadeem.portainer.environment", "state"): ["normal", "over_capacity"],
    ("sadeem.portainer.image", "select_environment_by"): ["sequence", "used"],
}


class TestFields(PortainerCase):
    def test_every_field_is_there_as_it_is_promised(self):
        for model, fields in FIELDS.items():
            described = self.env[model].fields_get()
            defaults = self.env[model].default_get(list(fields))
            for name, (kind, label, required, tracked, default) in fields.items():
                with self.subTest(model=model, name=name):
                    found = described[name]
                    self.assertEqual((found["type"], found["string"]), (kind, label))
                    self.assertEqual(found["required"], required)
                    field = self.env[model]._fields[name]
                    self.assertEqual(bool(getattr(field, "tracking", False)), tracked)
                    self.assertEqual(defaults.get(name) or False, default)
        for (model, name), values in CHOICES.items():
            selection = self.env[model].fields_get([name])[name]["selection"]
            self.assertEqual([value for value, _label in selection], values)

    def test_an_image_needs_a_tag(self):
        vals = {"name": "odoo", "odoo_version": "19.0"}
        with self.assertRaisesRegex(ValidationError, "at least one image tag"):
            self.env["sadeem.portainer.image"].create(vals)
        image = self.env["sadeem.portainer.image"].create(
            {**vals, "tag_ids": [(0, 0, {"name": "19"})]}
        )
        with self.assertRaisesRegex(ValidationError, "at least one image tag"):
            image.tag_ids = False

    def test_environments_of_two_servers_are_told_apart(self):
        self.assertEqual(self.environment.display_name, "local (Server)")
        self.assertIn(
            self.environment.id,
            [row[0] for row in self.env["sadeem.portainer.environment"].name_search("local")],
        )

    def test_the_list_tells_how_a_server_is_trusted(self):
        self.assertEqual(self.server.trust, "verified")
        self.server.state = "draft"
        self.assertFalse(self.server.trust)
        self.server.tls_fingerprint = "AB:" * 31 + "AB"
        self.assertEqual(self.server.trust, "pinned")
        self.server.skip_ssl_verify = True
        self.assertEqual(self.server.trust, "unsafe")
        self.server.write(
            {"skip_ssl_verify": False, "portainer_link": SERVER.replace("https", "http")}
        )
        self.assertEqual(self.server.trust, "unsafe")

    def test_a_cancelled_server_is_not_confirmed_by_mistake(self):
        self.call(self.manager, self.server, "action_cancel")
        with self.refused("Reset it to draft first"):
            self.call(self.manager, self.server, "action_confirm")
        self.call(self.manager, self.server, "action_reset_to_draft")
        self.server.access_token = "ptr_new"
        self.patch(self.registry["sadeem.portainer"], "_fetch_fingerprint", lambda server: "")
        self.call(self.manager, self.server, "action_confirm")
        self.assertEqual(self.server.state, "confirmed")
