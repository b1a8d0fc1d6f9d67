"""What a restart keeps: one JSON file; and a clock that can be moved."""

import copy
import json
import os
import threading
import time
import uuid
from pathlib import Path

TABLES = ("users", "keys", "endpoints", "stacks", "controls", "tags", "registries")


class Store:
    """Tables of rows with an `Id`; readers get copies."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "portainer.json"
        self.lock = threading.RLock()
        if self.file.exists():
            self.data = json.loads(self.file.read_text())
        else:
            self.data = {name: {} for name in TABLES}
            self.data |= {"instance": str(uuid.uuid4()), "sequences": {}, "settings": {}}

    def next_id(self, table):
        """Numbers are never given twice, whatever becomes of the row."""
        with self.lock:
            number = self.data["sequences"].get(table, 0) + 1
            self.data["sequences"][table] = number
            self._save()
            return number

    def insert(self, table, row):
        with self.lock:
            row = {"Id": row.get("Id") or self.next_id(table), **row}
            self.data[table][str(row["Id"])] = copy.deepcopy(row)
            self._save()
            return row

    def get(self, table, number):
        with self.lock:
            return copy.deepcopy(self.data[table].get(str(number)))

    def all(self, table):
        with self.lock:
            rows = copy.deepcopy(list(self.data[table].values()))
        return sorted(rows, key=lambda row: row["Id"])

    def find(self, table, **values):
        for row in self.all(table):
            if all(row.get(key) == value for key, value in values.items()):
                return row
        return None

    def change(self, table, number, **values):
        """The row with these values, or None when it is gone meanwhile."""
        with self.lock:
            row = self.data[table].get(str(number))
            if row is not None:
                row.update(copy.deepcopy(values))
                self._save()
            return copy.deepcopy(row)

    def delete(self, table, number):
        with self.lock:
            row = self.data[table].pop(str(number), None)
            self._save()
            return row

    @property
    def instance(self):
        return self.data["instance"]

    def setting(self, name):
        with self.lock:
            return copy.deepcopy(self.data["settings"].get(name))

    def set_settings(self, values):
        with self.lock:
            self.data["settings"].update(values)
            self._save()

    def has_admin(self):
        return any(user["Role"] == 1 for user in self.all("users"))

    def _save(self):
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.data))
        os.replace(new, self.file)


class Clock:
    """The real time and what has been added to it."""

    def __init__(self):
        self.offset = 0.0

    def now(self):
        return time.time() + self.offset

    def advance(self, seconds):
        self.offset += seconds
