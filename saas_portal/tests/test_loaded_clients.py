import threading

from odoo.modules.registry import Registry
from odoo.tests import BaseCase
from odoo.tools.lru import LRU

from .. import loaded_clients
from ..loaded_clients import KEPT, keep, load, spoken_to


class TestLoadedClients(BaseCase):
    """However many clients the portal speaks to, few stay loaded in its process."""

    def setUp(self):
        super().setUp()
        self.patch(Registry, "registries", LRU(1000))
        self.patch(loaded_clients, "_ours", type(loaded_clients._ours)())

    def speak_to(self, *names):
        for name in names:
            with spoken_to(name):
                # As Odoo does when a database is called.
                Registry.registries[name] = Registry.registries.get(name) or object()

    def names(self, stem, count):
        return [f"{stem}-{number}.localhost" for number in range(count)]

    def loaded(self):
        return set(Registry.registries)

    def test_only_the_last_ones_stay(self):
        names = self.names("client", 100)
        self.speak_to(*names)
        self.assertEqual(self.loaded(), set(names[-KEPT:]))

    def test_what_people_have_loaded_stays(self):
        visited = self.names("visited", 20)
        for name in visited:
            Registry.registries[name] = object()
        self.speak_to(*visited)
        self.speak_to(*self.names("client", 30))
        self.assertLessEqual(set(visited), self.loaded())

    def test_who_is_spoken_to_again_stays_longer(self):
        first, *others = self.names("client", KEPT + 1)
        self.speak_to(first, *others[:-1], first, others[-1])
        self.assertIn(first, self.loaded())
        self.assertNotIn(others[0], self.loaded())

    def test_a_client_that_awaits_its_people_stays(self):
        self.speak_to("new.localhost")
        keep("new.localhost")
        self.speak_to(*self.names("client", 2 * KEPT))
        self.assertIn("new.localhost", self.loaded())

    def test_a_request_waits_for_one_client_at_most_that_is_loaded(self):
        """Odoo holds back whoever asks for a database while another is loaded."""
        first_loads, second_loads, go_on = (threading.Event() for _number in range(3))
        queued = []

        class Loading:
            registries = {}

            def __init__(self, database):
                queued.append(database)
                (second_loads if first_loads.is_set() else first_loads).set()
                go_on.wait(30)

        self.patch(loaded_clients, "Registry", Loading)
        names = self.names("new", 5)
        threads = [threading.Thread(target=load, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        self.addCleanup(go_on.set)
        self.assertTrue(first_loads.wait(30))
        self.assertFalse(second_loads.wait(1))
        go_on.set()
        for thread in threads:
            thread.join(30)
        self.assertCountEqual(queued, names)
