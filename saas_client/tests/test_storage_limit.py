import base64
import math
import os

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .. import storage
from ..storage import MEGABYTE
from .policy_common import PolicyCase


@tagged("post_install", "-at_install")
class TestStorageLimit(PolicyCase):
    """What would bring database and files above the plan is refused when it is uploaded."""

    ROOM = 8

    def setUp(self):
        super().setUp()
        used = storage.get_used(self.env, fresh=True) / MEGABYTE
        self.limit = math.ceil(used) + self.ROOM
        self.obey(storage_mb=self.limit)
        self.attachments = self.env["ir.attachment"].with_user(
            self.make_user("uploader", "base.group_user")
        )

    def content(self, megabytes):
        return os.urandom(int(megabytes * MEGABYTE))

    def upload(self, megabytes, **vals):
        return self.attachments.create({"name": "file.bin", "raw": self.content(megabytes), **vals})

    def assertRefused(self, call):
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            call()
        self.assertIn(f"{self.limit} MB", str(caught.exception))

    def test_what_fits_is_stored_and_what_does_not_is_refused_in_figures(self):
        self.assertTrue(self.upload(2))
        self.assertRefused(lambda: self.upload(self.ROOM + 1))
        self.assertTrue(self.upload(2))

    def test_many_small_files_are_added_up(self):
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            for _number in range(self.ROOM + 1):
                self.upload(1)

    def test_writing_base64_importing_and_a_field_of_a_record_are_no_way_around(self):
        large = self.content(self.ROOM + 1)
        text = base64.b64encode(large).decode()
        attachment = self.upload(0.1)
        self.assertRefused(lambda: attachment.write({"raw": large}))
        self.assertRefused(lambda: attachment.write({"datas": text}))
        self.assertRefused(lambda: self.attachments.create({"name": "x", "datas": text}))
        result = self.attachments.load(["name", "datas"], [["imported", text]])
        self.assertFalse(result["ids"])
        self.assertIn(f"{self.limit} MB", result["messages"][0]["message"])

    def test_superuser_mode_is_no_way_around(self):
        self.assertRefused(lambda: self.attachments.sudo().create(
            {"name": "/web/assets/x.js", "url": "/web/assets/x.js", "type": "binary",
             "raw": self.content(self.ROOM + 1)}
        ))  # fmt: skip

    def test_a_lie_about_sizes_in_the_rows_changes_nothing(self):
        for _number in range(self.ROOM - 2):
            self.upload(1)
        self.sql("UPDATE ir_attachment SET file_size = 0")
        self.assertRefused(lambda: self.upload(4))

    def test_the_same_content_again_takes_no_room(self):
        content = self.content(self.ROOM - 3)
        for _twice in range(2):
            self.attachments.create({"name": "same.bin", "raw": content})

    def test_deleting_makes_room_at_once(self):
        large = self.upload(self.ROOM - 3)
        self.assertRefused(lambda: self.upload(5))
        large.unlink()
        self.env.flush_all()
        self.assertTrue(self.upload(5))

    def test_above_the_limit_everything_else_goes_on(self):
        kept = self.upload(1)
        content = kept.raw
        self.limit = 1
        self.obey(storage_mb=1)
        self.assertRefused(lambda: self.upload(0.1))
        kept.invalidate_recordset()
        self.assertEqual(kept.raw, content)
        kept.name = "renamed.bin"
        kept.unlink()
        self.env["res.partner"].create({"name": "A record is no upload"})

    def test_zero_is_unlimited(self):
        self.obey(storage_mb=0)
        self.assertTrue(self.upload(self.ROOM + 1))

    def test_the_operator_is_not_held_up(self):
        from ..policy import operator_at_work

        with operator_at_work():
            self.assertTrue(self.upload(self.ROOM + 1))

    def test_an_upload_does_not_measure_all_files_anew(self):
        self.obey(storage_mb=self.limit * 100)
        self.upload(0.1)
        self.patch(storage, "measure_files", lambda env: self.fail("measured for one upload"))
        self.upload(0.1)

    def test_the_figures_are_those_that_people_see(self):
        meter = self.env["saas_client.status"]._measure_storage()
        self.assertEqual(meter["limit"], self.limit)
        self.assertAlmostEqual(meter["used"], self.limit - self.ROOM, delta=1)
