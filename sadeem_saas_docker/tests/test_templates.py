from odoo.tests import tagged

from .common import DockerCase


@tagged("post_install", "-at_install")
class TestTemplates(DockerCase):
    """Templates of Docker servers, whose addons are in an image."""

    def build(self):
        self.call(self.manager, "saas_portal.database", "action_build", self.template.ids)
        self.run_operations()

    def test_a_template_is_outdated_when_clients_get_another_image_until_it_is_rebuilt(self):
        self.build()
        self.assertFalse(self.plan.template_outdated)
        self.server.docker_image_tag_id = self.other_tag
        self.assertEqual(
            self.plan.template_outdated, "image saas-client:19.0-test → saas-client:19.1-test"
        )
        self.build()
        self.assertFalse(self.plan.template_outdated)
        self.image.name = "registry.example.com/saas-client"
        self.assertIn("registry.example.com/saas-client:19.1-test", self.plan.template_outdated)

    def test_a_template_of_which_nothing_is_known_is_outdated(self):
        self.template.addon_versions = False
        self.assertIn("not known", self.template.outdated_reason)
