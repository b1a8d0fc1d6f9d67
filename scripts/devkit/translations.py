"""What of each addon can be translated: `ADDON/i18n/ADDON.pot`, as Odoo exports it."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from . import odoo
from .console import Failure, Step
from .paths import LOGS, ROOT, our_addons

_DATES = re.compile(r'^"(POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)
_FIELD = re.compile(r"#: model:ir\.model\.fields,\w+:\w+\.field_\w+?__(\w+)")
#: Which fields they have, and in which addon they are, depends on what else is installed.
_MIXINS = ("base", "mail.thread", "mail.activity.mixin")
#: Lines of a difference that are shown.
_SHOWN = 30


@dataclass(frozen=True)
class Texts:
    """What an addon exports, and the names of fields in it that are not its own."""

    pot: str
    inherited: frozenset[str] = frozenset()

    def own(self, pot):
        """The lines of a .pot file that tell of the addon; neither dates nor inherited fields."""
        lines = []
        for entry in _DATES.sub("", pot).split("\n\n"):
            found = entry.splitlines()
            kept = [line for line in found if not self._is_inherited(line)]
            if len(kept) == len(found) or any(line.startswith("#: ") for line in kept):
                lines += [*kept, ""]
        return lines

    def _is_inherited(self, line):
        field = _FIELD.fullmatch(line)
        return bool(field) and field[1] in self.inherited


def pot_path(addon, root=ROOT):
    return Path(root, addon, "i18n", f"{addon}.pot")


def export(conf, cluster, database, addon):
    """The texts of an addon that is installed in the database."""
    target = LOGS / f"{addon}.pot"
    target.unlink(missing_ok=True)
    log = LOGS / f"i18n-{addon}.log"
    status = odoo.run_once(
        conf, cluster, log, "i18n", "export", "-d", database, "-l", "pot", "-o", str(target), addon,
    )  # fmt: skip
    if status or not target.exists():
        raise Failure(
            f"Odoo could not export the texts of {addon}:\n"
            f"{odoo.excerpt(log.read_text(errors='replace'))}\nThe whole log: {log}"
        )
    query = "SELECT DISTINCT name FROM ir_model_fields WHERE model IN %s"
    inherited = cluster.query(database, query, [_MIXINS])
    return Texts(target.read_text(), frozenset(name for (name,) in inherited))


def find_difference(addon, texts, root=ROOT):
    """Where the addon's file does not hold these texts, '' where it does."""
    path = pot_path(addon, root)
    present = path.read_text() if path.exists() else ""
    old, new = texts.own(present), texts.own(texts.pot)
    lines = difflib.unified_diff(old, new, "as it is", "as it should be", lineterm="", n=1)
    return "\n".join(list(lines)[:_SHOWN])


def refresh(*addons):
    """Writes the files anew, of these addons or of all; those that are current stay as they are."""
    from .testing import addon_databases

    if unknown := set(addons) - set(our_addons()):
        raise Failure(f"no such addon: {', '.join(sorted(unknown))}")
    addons = list(addons) or our_addons()
    with addon_databases(addons) as (conf, cluster, make):
        for addon in addons:
            with Step(f"Reading the texts of {addon}") as step:
                database = make(addon)
                log = LOGS / f"i18n-{addon}.log"
                odoo.install(conf, cluster, database, [addon], log, step.progress)
                texts = export(conf, cluster, database, addon)
            if find_difference(addon, texts):
                path = pot_path(addon)
                path.parent.mkdir(exist_ok=True)
                path.write_text(texts.pot)
                print(f"    {path.relative_to(ROOT)} is written anew", flush=True)
