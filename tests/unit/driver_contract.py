"""What every driver keeps to: derive a test class from it for each kind of server.

The deriving class gives a fixture ``world`` with

- ``driver``: the driver under test, on a server with nothing but the template ``template``;
- ``template``: name of a template that is ready;
- ``run_strangers_client(name)``: makes a client there that no portal knows;
- ``look_inside(name)``: what a client holds, as a dictionary with ``database_uuid``, ``base_url``,
  ``portal_uuid``, ``portal_key``, ``secret``;
- ``write_inside(name, text)`` and ``read_inside(name)``: data of a customer's in database and
  files, with a mail that waits and a key; ``can_act(name)``: whether there are such mails or keys;
- ``is_neutralized(name)``: whether Odoo takes a client for a copy that must do nothing by itself;
- ``cut_off(verb, *arguments)``: for each point where the verb can be cut off, brings the server
  into the state of that point and yields its name; the contract then repeats the verb.
"""

import json
import stat
import zipfile
from dataclasses import replace

import pytest
from saas_driver import (
    ClientRef,
    ClientSpec,
    DriverError,
    DriverNotFound,
    DriverRejected,
    Identity,
    TemplateSpec,
)


def make_spec(name="acme.localhost", key="key-acme", template="template-1"):
    identity = Identity(
        database_uuid=key,
        base_url=f"http://{name}:8069",
        portal_uuid="portal",
        portal_key="PUBLIC KEY",
    )
    return ClientSpec(ClientRef(name, key), template, identity)


class DriverContract:
    @pytest.fixture
    def driver(self, world):
        return world.driver

    @pytest.fixture
    def spec(self, world):
        return make_spec(template=world.template)

    @pytest.fixture
    def client(self, driver, spec):
        driver.create(spec)
        return spec.ref

    # -- create ----------------------------------------------------------------------------------

    def test_a_created_client_is_there_and_runs(self, driver, client):
        status = driver.status(client.name)
        assert (status.name, status.exists, status.running) == (client.name, True, True)
        assert status.key == client.key

    def test_a_created_client_has_its_own_identity(self, world, client, spec):
        found = world.look_inside(client.name)
        assert found["secret"]
        assert {name: value for name, value in found.items() if name != "secret"} == {
            "database_uuid": spec.identity.database_uuid,
            "base_url": spec.identity.base_url,
            "portal_uuid": spec.identity.portal_uuid,
            "portal_key": spec.identity.portal_key,
        }

    def test_two_clients_of_one_template_share_no_secret(self, world, driver, client):
        other = make_spec("other.localhost", "key-other", world.template)
        driver.create(other)
        secrets = {world.look_inside(name)["secret"] for name in (client.name, other.ref.name)}
        assert len(secrets) == 2

    def test_creating_again_changes_nothing(self, world, driver, client, spec):
        before = world.look_inside(client.name)
        # Nobody knows any more whether the first call has set it up.
        assert driver.create(spec) is False
        assert world.look_inside(client.name) == before
        assert [found.name for found in driver.list()] == [client.name]

    def test_an_interrupted_create_is_completed_by_repeating_it(self, world, driver, spec):
        for point in world.cut_off("create", spec):
            driver.create(spec)
            assert driver.status(spec.ref.name).running, point
            assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key, point
            assert [found.name for found in driver.list()] == [spec.ref.name], point
            driver.delete(spec.ref)

    def test_an_interrupted_create_is_undone_by_deleting(self, world, driver, spec):
        for point in world.cut_off("create", spec):
            driver.delete(spec.ref)
            assert not driver.status(spec.ref.name).exists, point
            assert driver.list() == [], point

    @pytest.mark.parametrize("name", ["acme.localhost", "ACME.localhost"])
    def test_a_name_is_not_given_twice_capitals_not_counting(self, world, driver, client, name):
        with pytest.raises(DriverRejected, match=r"acme\.localhost"):
            driver.create(make_spec(name, "key-other", world.template))
        assert driver.status(client.name).key == client.key

    def test_a_strangers_name_is_not_taken(self, world, driver):
        world.run_strangers_client("old.localhost")
        with pytest.raises(DriverRejected, match=r"old\.localhost"):
            driver.create(make_spec("old.localhost", template=world.template))

    def test_a_missing_template_is_named_and_nothing_is_left(self, driver):
        with pytest.raises(DriverNotFound, match="no-template"):
            driver.create(make_spec(template="no-template"))
        assert not driver.status("acme.localhost").exists

    def test_what_is_no_template_is_never_copied(self, world, driver, client):
        world.run_strangers_client("portal.localhost")
        for source in ("portal.localhost", client.name):
            with pytest.raises(DriverRejected, match=source):
                driver.create(make_spec("copy.localhost", "key-copy", source))
            assert not driver.status("copy.localhost").exists

    # -- status, list, usage -----------------------------------------------------------------------

    def test_capitals_do_not_count_when_looking(self, driver, client):
        assert driver.status(client.name.upper()) == driver.status(client.name)

    def test_what_is_not_there_does_not_exist(self, driver):
        status = driver.status("nobody.localhost")
        assert (status.name, status.exists, status.running, status.key) == (
            "nobody.localhost",
            False,
            False,
            "",
        )

    def test_a_stranger_exists_and_belongs_to_nobody(self, world, driver):
        world.run_strangers_client("old.localhost")
        status = driver.status("old.localhost")
        assert (status.exists, status.key) == (True, "")

    def test_the_list_holds_clients_and_nothing_else(self, world, driver, client):
        world.run_strangers_client("old.localhost")
        assert driver.list() == [driver.status(client.name)]

    def test_usage_tells_users_and_sizes(self, driver, client):
        usage = driver.usage(client)
        assert usage.users == 0
        assert usage.database_mb > 1
        assert usage.files_mb > 0
        assert usage.suspended is False

    def test_usage_of_what_is_not_there_is_not_found(self, driver):
        with pytest.raises(DriverNotFound):
            driver.usage(ClientRef("nobody.localhost", "key"))

    # -- stop and start ----------------------------------------------------------------------------

    def test_a_stopped_client_exists_and_does_not_run(self, driver, client):
        for _again in range(2):
            driver.stop(client)
            status = driver.status(client.name)
            assert (status.exists, status.running, status.key) == (True, False, client.key)

    def test_a_started_client_runs_with_all_it_had(self, world, driver, client):
        before = world.look_inside(client.name)
        driver.stop(client)
        for _again in range(2):
            driver.start(client)
            assert driver.status(client.name).running
        assert world.look_inside(client.name) == before

    # -- rename ------------------------------------------------------------------------------------

    def test_a_renamed_client_is_under_the_new_name_alone(self, world, driver, client):
        secret = world.look_inside(client.name)["secret"]
        driver.rename(client, "new.localhost", "http://new.localhost")
        assert not driver.status(client.name).exists
        status = driver.status("new.localhost")
        assert (status.running, status.key) == (True, client.key)
        found = world.look_inside("new.localhost")
        assert (found["base_url"], found["secret"]) == ("http://new.localhost", secret)
        assert driver.usage(ClientRef("new.localhost", client.key)).files_mb > 0

    def test_renaming_again_changes_nothing(self, driver, client):
        for _again in range(2):
            driver.rename(client, "new.localhost", "http://new.localhost")
        assert [found.name for found in driver.list()] == ["new.localhost"]

    def test_a_client_that_has_its_name_already_keeps_it(self, world, driver, client):
        driver.rename(client, client.name, "http://acme.localhost:8069")
        assert driver.status(client.name).running

    def test_a_stopped_client_runs_after_a_rename(self, driver, client):
        driver.stop(client)
        driver.rename(client, "new.localhost", "http://new.localhost")
        assert driver.status("new.localhost").running

    def test_an_interrupted_rename_is_completed_by_repeating_it(self, world, driver, client):
        for point in world.cut_off("rename", client, "new.localhost"):
            driver.rename(client, "new.localhost", "http://new.localhost")
            self._check_whole(world, driver, ClientRef("new.localhost", client.key), point)
            driver.rename(
                ClientRef("new.localhost", client.key), client.name, "http://acme.localhost"
            )

    def test_an_interrupted_rename_is_undone_by_renaming_back(self, world, driver, client):
        for point in world.cut_off("rename", client, "new.localhost"):
            driver.rename(client, client.name, "http://acme.localhost")
            self._check_whole(world, driver, client, point)

    def _check_whole(self, world, driver, ref, point):
        assert [found.name for found in driver.list()] == [ref.name], point
        assert world.look_inside(ref.name)["database_uuid"] == ref.key, point
        assert driver.usage(ref).files_mb > 0, point

    @pytest.mark.parametrize("name", ["other.localhost", "Other.Localhost"])
    def test_a_rename_takes_nobodys_name(self, world, driver, client, name):
        driver.create(make_spec("other.localhost", "key-other", world.template))
        with pytest.raises(DriverRejected, match=r"other\.localhost"):
            driver.rename(client, name, "http://other.localhost")
        assert driver.status(client.name).running
        assert driver.status("other.localhost").key == "key-other"

    def test_what_is_not_there_cannot_be_renamed(self, driver):
        with pytest.raises(DriverNotFound):
            driver.rename(ClientRef("nobody.localhost", "key"), "new.localhost", "http://new")

    # -- backup and restore ------------------------------------------------------------------------

    @pytest.fixture
    def archive(self, tmp_path):
        return tmp_path / "backups" / "acme.zip"

    @pytest.fixture
    def backup(self, world, driver, client, archive):
        """An archive that holds what the client held before it was spoilt."""
        world.write_inside(client.name, "precious")
        driver.backup(client, archive)
        world.write_inside(client.name, "spoilt")
        return archive

    def test_a_backup_has_the_format_of_odoos_database_manager(self, backup, client):
        with zipfile.ZipFile(backup) as found:
            names = found.namelist()
            assert names[:2] == ["dump.sql", "manifest.json"]
            assert "filestore/cd/cdef" in names
            assert found.read("filestore/cd/cdef") == b"precious"
            assert b"CREATE TABLE" in found.read("dump.sql")
            manifest = json.loads(found.read("manifest.json"))
        assert manifest["odoo_dump"] == "1"
        assert manifest["db_name"] == client.name
        assert manifest["major_version"] == "19.0"
        assert manifest["modules"]["base"]

    def test_nobody_else_reads_a_backup(self, backup):
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        assert stat.S_IMODE(backup.parent.stat().st_mode) & 0o077 == 0

    def test_backing_up_again_keeps_the_archive(self, driver, client, backup):
        before = backup.read_bytes()
        driver.backup(client, backup)
        assert backup.read_bytes() == before

    def test_a_client_runs_on_while_it_is_backed_up(self, driver, client, backup):
        assert driver.status(client.name).running

    def test_an_interrupted_backup_leaves_no_archive_and_is_completed(
        self, world, driver, client, archive
    ):
        for point in world.cut_off("backup", client, archive):
            assert list(archive.parent.glob("*")) == [], point
        driver.backup(client, archive)
        assert zipfile.is_zipfile(archive)

    def test_only_ones_own_is_backed_up(self, world, driver, archive):
        with pytest.raises(DriverNotFound):
            driver.backup(ClientRef("nobody.localhost", "key"), archive)
        world.run_strangers_client("old.localhost")
        with pytest.raises(DriverRejected):
            driver.backup(ClientRef("old.localhost", "key"), archive)
        assert not archive.exists()

    def test_a_backup_brings_back_what_was_there(self, world, driver, client, spec, backup):
        secret = world.look_inside(client.name)["secret"]
        for _again in range(2):
            driver.restore(client, spec.identity, backup)
            assert world.read_inside(client.name) == "precious"
            found = world.look_inside(client.name)
            assert (found["database_uuid"], found["base_url"]) == (
                client.key,
                spec.identity.base_url,
            )
            assert found["secret"] != secret
            assert driver.list() == [driver.status(client.name)]

    def test_a_client_that_is_gone_is_restored_too(self, world, driver, client, spec, backup):
        driver.delete(client)
        driver.restore(client, spec.identity, backup)
        assert world.read_inside(client.name) == "precious"
        assert driver.status(client.name).running

    def test_an_interrupted_restore_is_completed_by_repeating_it(
        self, world, driver, client, spec, backup
    ):
        for point in world.cut_off("restore", client, spec.identity, backup):
            driver.restore(client, spec.identity, backup)
            assert world.read_inside(client.name) == "precious", point
            self._check_whole(world, driver, client, point)

    def test_a_rename_takes_no_half_of_a_restore_that_was_cut_off(
        self, world, driver, client, spec, backup
    ):
        renamed = ClientRef("new.localhost", client.key)
        for point in world.cut_off("restore", client, spec.identity, backup):
            driver.rename(client, renamed.name, "http://new.localhost")
            assert world.read_inside(renamed.name) in ("spoilt", "precious"), point
            self._check_whole(world, driver, renamed, point)
            driver.rename(renamed, client.name, "http://acme.localhost")

    def test_what_is_no_backup_changes_nothing(self, world, driver, client, spec, backup):
        halves = backup.read_bytes()[: backup.stat().st_size // 2]
        for content, error in (
            (None, DriverNotFound),
            (b"no", DriverRejected),
            (halves, DriverRejected),
        ):
            other = backup.with_name("other.zip")
            if content:
                other.write_bytes(content)
            with pytest.raises(error, match=r"other\.zip"):
                driver.restore(client, spec.identity, other)
            assert world.read_inside(client.name) == "spoilt"
            self._check_whole(world, driver, client, error)

    def test_a_dump_that_cannot_be_loaded_changes_nothing(
        self, world, driver, client, spec, tmp_path
    ):
        world.write_inside(client.name, "spoilt")
        archive = tmp_path / "broken.zip"
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr("dump.sql", "CREATE TABLE a (b int); SELECT nonsense;")
        with pytest.raises(DriverError, match="nonsense"):
            driver.restore(client, spec.identity, archive)
        assert world.read_inside(client.name) == "spoilt"
        self._check_whole(world, driver, client, "broken dump")

    def test_a_backup_cannot_write_beside_the_files(self, world, driver, client, spec, backup):
        with zipfile.ZipFile(backup, "a") as target:
            for name in ("filestore/../../evil", "filestore//evil", "filestore/cd/../../../evil"):
                target.writestr(name, "evil")
        driver.restore(client, spec.identity, backup)
        root = backup.parents[1]
        assert not list(root.rglob("evil"))
        assert not list(world.files.rglob("evil"))

    def test_a_restore_takes_nobodys_name(self, world, driver, client, spec, backup):
        driver.create(make_spec("other.localhost", "key-other", world.template))
        world.run_strangers_client("old.localhost")
        for name in ("other.localhost", "old.localhost", "Other.Localhost"):
            with pytest.raises(DriverRejected):
                driver.restore(ClientRef(name, client.key), spec.identity, backup)
        assert driver.status("other.localhost").key == "key-other"

    # -- copy --------------------------------------------------------------------------------------

    @pytest.fixture
    def twin(self, spec):
        identity = replace(spec.identity, database_uuid="key-twin", base_url="http://twin")
        return ClientRef("twin.localhost", "key-twin"), identity

    def test_a_copy_holds_the_same_and_is_another_client(self, world, driver, client, twin):
        world.write_inside(client.name, "precious")
        ref, identity = twin
        for _again in range(2):
            driver.copy(client, ref, identity)
        assert world.read_inside(ref.name) == "precious"
        found, original = world.look_inside(ref.name), world.look_inside(client.name)
        assert (found["database_uuid"], found["base_url"]) == (ref.key, "http://twin")
        assert found["secret"] != original["secret"]
        assert original["database_uuid"] == client.key
        world.write_inside(ref.name, "changed")
        assert world.read_inside(client.name) == "precious"
        assert {status.key for status in driver.list()} == {client.key, ref.key}

    def test_a_copy_does_not_act_in_the_originals_name(self, world, driver, client, twin):
        world.write_inside(client.name, "precious")
        driver.copy(client, *twin)
        assert not world.can_act("twin.localhost")
        assert world.can_act(client.name)

    def test_only_a_copy_that_shall_be_a_stage_is_neutralised(self, world, driver, client, twin):
        driver.copy(client, *twin, neutralize=True)
        assert world.is_neutralized("twin.localhost")
        assert not world.is_neutralized(client.name)
        plain = ClientRef("plain.localhost", "key-plain")
        driver.copy(client, plain, replace(twin[1], database_uuid=plain.key))
        assert not world.is_neutralized(plain.name)

    def test_an_interrupted_copy_is_completed_by_repeating_it(self, world, driver, client, twin):
        world.write_inside(client.name, "precious")
        for point in world.cut_off("copy", client, *twin):
            driver.copy(client, *twin)
            assert world.read_inside("twin.localhost") == "precious", point
            assert world.read_inside(client.name) == "precious", point
            driver.delete(twin[0])
            assert [status.key for status in driver.list()] == [client.key], point

    def test_a_copy_takes_nobodys_name_and_copies_only_ones_own(self, world, driver, client, twin):
        ref, identity = twin
        world.run_strangers_client("twin.localhost")
        for source in (client, ClientRef("twin.localhost", "key")):
            with pytest.raises(DriverRejected):
                driver.copy(source, ref, identity)
        with pytest.raises(DriverNotFound):
            driver.copy(ClientRef("nobody.localhost", "key"), ref, identity)

    # -- delete ------------------------------------------------------------------------------------

    def test_a_deleted_client_is_gone_and_deleting_again_does_nothing(self, driver, client):
        for _again in range(2):
            driver.delete(client)
            assert not driver.status(client.name).exists
            assert driver.list() == []

    def test_a_stopped_client_can_be_deleted(self, driver, client):
        driver.stop(client)
        driver.delete(client)
        assert not driver.status(client.name).exists

    def test_an_interrupted_delete_is_completed_by_repeating_it(self, world, driver, spec):
        for point in world.cut_off("delete", spec):
            driver.delete(spec.ref)
            assert not driver.status(spec.ref.name).exists, point

    def test_the_name_of_a_deleted_client_can_be_used_again(self, world, driver, client):
        secret = world.look_inside(client.name)["secret"]
        driver.delete(client)
        driver.create(make_spec(client.name, "key-heir", world.template))
        found = world.look_inside(client.name)
        assert found["database_uuid"] == "key-heir"
        assert found["secret"] != secret

    # -- what belongs to others --------------------------------------------------------------------

    @pytest.mark.parametrize("owner", ["a stranger", "another client"])
    def test_what_belongs_to_somebody_else_is_never_touched(self, world, driver, owner):
        if owner == "a stranger":
            world.run_strangers_client("old.localhost")
        else:
            driver.create(make_spec("old.localhost", "key-old", world.template))
        before = driver.status("old.localhost")
        not_mine = ClientRef("old.localhost", "key-acme")
        for verb, *arguments in (
            (driver.rename, "new.localhost", "http://new.localhost"),
            (driver.stop,),
            (driver.start,),
            (driver.usage,),
        ):
            with pytest.raises(DriverRejected):
                verb(not_mine, *arguments)
        driver.delete(not_mine)
        assert driver.status("old.localhost") == before
        assert not driver.status("new.localhost").exists

    # -- templates ---------------------------------------------------------------------------------

    def test_a_template_can_be_built_and_copied(self, driver):
        template = TemplateSpec("template-2", "key-template", addons=("sale",))
        driver.build_template(template)
        driver.create(make_spec(template="template-2"))
        assert driver.status("acme.localhost").running

    def test_a_template_is_closed_and_no_client(self, driver):
        driver.build_template(TemplateSpec("template-2", "key-template"))
        status = driver.status("template-2")
        assert (status.exists, status.running) == (True, False)
        assert driver.list() == []

    def test_a_template_can_be_built_again_and_deleted_twice(self, driver):
        for _again in range(2):
            driver.build_template(TemplateSpec("template-2", "key-template"))
        for _again in range(2):
            driver.delete_template("template-2")
            assert not driver.status("template-2").exists

    def test_a_template_takes_nobodys_name(self, world, driver, client):
        world.run_strangers_client("old.localhost")
        for name in ("old.localhost", client.name):
            with pytest.raises(DriverRejected):
                driver.build_template(TemplateSpec(name, "key-template"))
            with pytest.raises(DriverRejected):
                driver.delete_template(name)
            assert driver.status(name).running
