"""Templates of the local driver: built aside, put in place at once, copied whole.

The comment on a template's database names the folder of its files, which belongs to one build. So
another build takes the place of database and files in one transaction, whatever is cut off. Who
copies shares a lock that the exchange has alone: a copy is of one build, and both wait for moments.
"""

import uuid

from . import databases, local_sql
from .errors import DriverError, DriverNotFound, DriverRejected
from .local_files import working_on_files
from .types import TemplateSpec

_FILES = "files"


class LocalTemplates:
    """The verbs of the local driver for templates."""

    def build_template(self, spec: TemplateSpec) -> None:
        staging, former = self._staging_name(spec.key), f"saas-old-{spec.key}"
        with self._cluster() as cursor:
            self._check_ours(cursor, spec)
            # Builds that were cut off: what they installed half is not worth keeping.
            for name in (staging, former):
                self._drop_if_exists(cursor, name)
                self._remove_files(name)
            self._create_empty(cursor, staging)
        try:
            self._builder.build(staging, spec)
            self._exchange(staging, former, spec)
        except DriverError:
            with self._cluster() as cursor:
                self._drop_if_exists(cursor, staging)
                self._remove_former_files(cursor, spec)
            raise
        with self._cluster() as cursor:
            self._drop_if_exists(cursor, former)
            self._remove_files(former)
            self._remove_former_files(cursor, spec)

    def delete_template(self, name: str) -> None:
        with self._cluster() as cursor, databases.locked(cursor, name):
            found = databases.find(cursor, name)
            mark = local_sql.read_mark(found[2]) if found else ""
            if found and not mark.startswith("template "):
                raise DriverRejected(f"{name} is not a template of the portal.")
            if found:
                folder = local_sql.read_note(found[2], _FILES)
                self._drop(cursor, name)
                self._remove_files(folder or name)
        self._remove_files(name)

    def _check_ours(self, cursor, spec: TemplateSpec) -> None:
        found = databases.find(cursor, spec.name)
        if found and local_sql.read_mark(found[2]) != f"template {spec.key}":
            raise DriverRejected(f"The name {spec.name} belongs to another database.")

    def _exchange(self, staging: str, former: str, spec: TemplateSpec) -> None:
        """Let the new build be the template; the one that was is out of the way, under a name."""
        folder = f"{_folder_prefix(spec)}{uuid.uuid4().hex[:12]}"
        with working_on_files(spec.name):
            self._move_files(staging, folder)
        mark = local_sql.make_mark(f"template {spec.key}", **{_FILES: folder})
        with (
            self._cluster() as cursor,
            databases.locked(cursor, spec.name),
            databases.at_once(cursor),
        ):
            if databases.exists(cursor, spec.name):
                databases.disconnect_others(cursor, spec.name)
                databases.rename(cursor, spec.name, former)
            databases.disconnect_others(cursor, staging)
            databases.rename(cursor, staging, spec.name)
            databases.comment(cursor, spec.name, mark)
            databases.alter(cursor, spec.name, "ALLOW_CONNECTIONS false")

    def _remove_former_files(self, cursor, spec: TemplateSpec) -> None:
        """Of other builds of this template, also those that never took its place."""
        found = databases.find(cursor, spec.name)
        current = local_sql.read_note(found and found[2], _FILES)
        for path in self._filestore.glob(f"{_folder_prefix(spec)}*"):
            if path.name != current:
                self._remove_files(path.name)
        if current:
            # Before builds had folders of their own, theirs was called like the database.
            self._remove_files(spec.name)

    def _copy_template(self, cursor, template: str, name: str) -> str:
        """Copy files and database, both of one build; returns the key of the template.

        The files come first: a database that is there has all of them.

        :raises DriverNotFound: there is no such template
        :raises DriverRejected: a client's database, or the portal's: nobody is given a copy of it
        """
        with databases.locked(cursor, template, shared=True):
            found = databases.look(cursor, template)
            if not found:
                raise DriverNotFound(f"There is no template {template}; build it first.")
            comment = found[1]
            kind, _space, key = local_sql.read_mark(comment).partition(" ")
            if kind != "template":
                raise DriverRejected(f"{template} is not a template of the portal.")
            self._remove_files(name)
            try:
                with working_on_files(name):
                    self._copy_files(local_sql.read_note(comment, _FILES) or template, name)
                databases.disconnect_others(cursor, template)
                databases.create_database(cursor, name, template)
            except Exception:
                # What was written so far would only keep a full disk full.
                self._remove_files(name)
                raise
            return key


def _folder_prefix(spec: TemplateSpec) -> str:
    return f"saas-template-{spec.key}-"
