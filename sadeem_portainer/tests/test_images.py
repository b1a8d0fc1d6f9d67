from odoo.exceptions import UserError

from ..lib.portainer_api import Capacity, Unavailable
from .common import SERVER, PortainerCase


class TestImages(PortainerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.new_environment("second", 2)
        cls.third = cls.new_environment("third", 3)
        cls.image = cls.env["sadeem.portainer.image"].create(
            {
                "name": "odoo",
                "odoo_version": "19.0",
                "config_file": "/etc/odoo",
                "tag_ids": [(0, 0, {"name": "19.0"})],
                "line_ids": [
                    (0, 0, {"sequence": 30, "environment_id": cls.third.id}),
                    (0, 0, {"sequence": 10, "environment_id": cls.environment.id}),
                    (0, 0, {"sequence": 20, "environment_id": cls.second.id}),
                ],
            }
        )
        cls.image.invalidate_recordset()

    def setUp(self):
        super().setUp()
        for number in (2, 3):
            self.fake.environments[number] = self.fake.environment(number, "more")
        self.run_containers(5, 7, 2)

    def run_containers(self, *numbers):
        for environment, running in enumerate(numbers, start=1):
            self.fake.capacities[environment] = Capacity(running, 0, 0, running, 4, 2**30)
        self.env["sadeem.portainer.environment"].search([]).write({"checked_at": False})

    def best(self):
        return self.call(self.manager, self.image, "get_best_environment")

    def test_the_first_by_sequence_that_has_room_is_chosen(self):
        best = self.best()
        self.assertEqual(best["environment_id"], self.environment.id)
        self.assertIn("45 of 50", best["reason"])

    def test_a_full_one_is_passed_over_with_its_reason(self):
        self.environment.max_running_containers = 5
        best = self.best()
        self.assertEqual(best["environment_id"], self.second.id)
        self.assertEqual([row["name"] for row in best["rejected"]], ["local"])
        self.assertIn("5 of 5", best["rejected"][0]["reason"])

    def test_by_room_the_emptiest_is_chosen_as_it_is_now(self):
        self.image.select_environment_by = "used"
        self.assertEqual(self.best()["environment_id"], self.third.id)
        self.run_containers(1, 7, 2)
        best = self.best()
        self.assertEqual(best["environment_id"], self.environment.id)
        self.assertEqual(best["available_capacity"], 49)

    def test_room_is_what_is_left_not_what_is_there(self):
        self.image.select_environment_by = "used"
        self.third.max_running_containers = 10
        self.assertEqual(self.best()["environment_id"], self.environment.id)

    def test_one_that_does_not_answer_is_passed_over(self):
        self.fake.failures["capacity"] = Unavailable(SERVER, "describe the host", "HTTP 502")
        with self.refused("HTTP 502"):
            self.best()
        self.fake.failures.clear()
        self.run_containers(5, 7, 2)
        self.assertEqual(self.best()["environment_id"], self.environment.id)

    def test_archived_missing_and_unconfirmed_ones_are_passed_over(self):
        self.environment.active = False
        self.second.active = False
        self.third.connection = "missing"
        del self.fake.environments[3]
        with self.refused("No environment can take odoo"):
            self.best()
        self.third.connection = "up"
        self.server.state = "cancelled"
        with self.refused("not confirmed"):
            self.best()

    def test_without_list_the_default_environment_is_taken(self):
        self.image.line_ids.unlink()
        with self.assertRaisesRegex(UserError, "has no environment"):
            self.best()
        self.image.environment_id = self.second
        self.assertEqual(self.best()["environment_id"], self.second.id)

    def test_the_record_is_the_one_that_is_told(self):
        self.assertEqual(self.image._get_best_environment(), self.environment)
        action = self.call(self.manager, self.image, "action_best_environment")
        self.assertIn("local", action["params"]["message"])

    def test_lines_show_their_environment(self):
        line = self.image.line_ids[0]
        self.assertEqual(line.environment_id, self.environment)
        self.assertEqual(line.max_running_containers, 50)
        self.assertEqual(line.environment_state, "normal")
