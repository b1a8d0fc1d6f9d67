import threading

from odoo.modules.registry import DummyRLock, Registry
from odoo.tests import TransactionCase
from odoo.tools import mute_logger

from ..parallel import LIMIT, get_limit, side_by_side

#: Seconds after which a thread that waits for others gives the test up.
_LONG = 30


class TestParallel(TransactionCase):
    """Many records are worked on side by side, a few at a time."""

    def setUp(self):
        super().setUp()
        # Odoo keeps other threads out while it runs tests.
        self.patch(Registry, "_lock", DummyRLock())
        self.groups = self.env["res.groups"].search([], limit=6)
        self.assertEqual(len(self.groups), 6)

    def test_as_many_as_the_parameter_says_are_at_work_and_no_more(self):
        together, inside, most = threading.Barrier(3), set(), []

        def work(group):
            inside.add(group.id)
            # Nobody gets further before three are here.
            together.wait(_LONG)
            most.append(len(inside))
            together.wait(_LONG)
            inside.discard(group.id)
            together.wait(_LONG)

        outcomes = list(side_by_side(self.groups, work, 3))
        self.assertEqual([error for _group, _result, error in outcomes], [None] * 6)
        self.assertEqual(set(most), {3})

    def test_two_callers_in_one_process_share_the_places(self):
        lock, inside, crowd = threading.Lock(), set(), threading.Event()

        def work(_group):
            with lock:
                inside.add(threading.current_thread())
                if len(inside) > 2:
                    crowd.set()
            # Long enough for a third one to come, if he could.
            crowd.wait(0.2)
            with lock:
                inside.discard(threading.current_thread())

        half, other, outcomes = self.groups[:4], self.groups[:2], []
        caller = threading.Thread(
            target=lambda: outcomes.extend(side_by_side(other, work, 2)), daemon=True
        )
        caller.start()
        outcomes += list(side_by_side(half, work, 2))
        caller.join(_LONG)
        self.assertEqual([error for _group, _result, error in outcomes], [None] * 6)
        self.assertFalse(crowd.is_set())

    def test_each_has_a_transaction_of_its_own_and_an_error_ends_one_alone(self):
        cursors = {self.env.cr}

        def work(group):
            cursors.add(group.env.cr)
            if group == self.groups[1]:
                raise ValueError("not this one")
            return group.id

        outcomes = {
            group: (result, error) for group, result, error in side_by_side(self.groups, work, 2)
        }
        self.assertEqual(len(cursors), 7)
        result, error = outcomes.pop(self.groups[1])
        self.assertEqual((result, str(error)), (None, "not this one"))
        self.assertEqual(
            outcomes, {group: (group.id, None) for group in self.groups - self.groups[1]}
        )

    def test_who_stops_asking_has_no_more_begun(self):
        for at_once in (1, 2):
            begun = []
            outcomes = side_by_side(
                self.groups, lambda group, ids=begun: ids.append(group.id), at_once
            )
            next(outcomes)
            outcomes.close()
            self.assertNotIn("saas-parallel", [thread.name for thread in threading.enumerate()])
            # One more for each place that was free.
            self.assertLessEqual(len(begun), 1 + (at_once > 1) * at_once)

    def test_records_are_asked_for_as_places_become_free(self):
        asked, ended = [], []

        def source():
            for group in self.groups:
                # Two are at work at most, the one that is asked for included.
                self.assertLess(len(asked) - len(ended), 2)
                asked.append(group)
                yield group

        for _outcome in side_by_side(source(), lambda group: group.id, 2):
            ended.append(True)
        self.assertEqual(len(ended), 6)

    def test_the_limit_is_a_number_within_reason(self):
        for value, limit in (("many", 4), ("", 4), ("0", 1), ("-3", 1), ("7", 7), ("1000", 12)):
            self.env["ir.config_parameter"].set_param(LIMIT, value)
            with mute_logger("odoo.addons.saas_portal.parallel"):
                self.assertEqual(get_limit(self.env), limit, value)
