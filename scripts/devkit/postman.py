"""The Postman collection of the REST API, made from its OpenAPI document.

python -m devkit.postman openapi.json > docs/saas_rest_api.postman_collection.json
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
VERBS = ("get", "post", "put", "patch", "delete")
#: what the variables of addresses are at first
VALUES = {"model": "res.partner", "field": "image_1920", "namespace": "shop", "key": "42"}
CREDENTIALS = ("db", "login", "password")
#: the older calls, which the document leaves out
OLDER = (
    ("GET", "/api/auth/token", CREDENTIALS),
    ("POST", "/api/auth/token", CREDENTIALS),
    ("DELETE", "/api/auth/token", ()),
    ("GET", "/rest/sky/token", CREDENTIALS),
    ("POST", "/rest/sky/token", CREDENTIALS),
    ("DELETE", "/rest/sky/token", ()),
    ("GET", "/api/{model}", ()),
    ("POST", "/api/{model}", ()),
    ("GET", "/api/{model}/{record_id}", ()),
    ("PUT", "/api/{model}/{record_id}", ()),
    ("PATCH", "/api/{model}/{record_id}", ()),
    ("DELETE", "/api/{model}/{record_id}", ()),
    ("PATCH", "/api/{model}/{record_id}/{action}", ()),
    ("POST", "/api/{model}/{record_id}/{action}", ()),
)


def make_collection(document: Mapping) -> dict:
    """The collection for an OpenAPI document that has one set of paths for all models."""
    folders: dict[str, list[dict]] = {}
    for path, verb, operation in _operations(document):
        folder = folders.setdefault(operation["tags"][0], [])
        folder.append(_item(document, path, verb, operation))
    older = [_older_item(verb, path, fields) for verb, path, fields in OLDER]
    return {
        "info": {
            "name": "saas_rest_api",
            "description": "Set the variables odoo, db and token first.",
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_entry("token", "{{token}}")]},
        "variable": [
            _entry("odoo", "https://odoo.example.com"),
            _entry("db", "odoo"),
            _entry("token", ""),
        ],
        "item": [
            *({"name": name, "item": items} for name, items in sorted(folders.items())),
            {"name": "older calls", "item": older},
        ],
    }


def _operations(document: Mapping) -> Iterator[tuple[str, str, Mapping]]:
    for path, item in document["paths"].items():
        for verb in VERBS:
            if verb in item:
                yield path, verb.upper(), {**item[verb], "places": item.get("parameters", [])}


def _item(document: Mapping, path: str, verb: str, operation: Mapping) -> dict:
    query = [
        {**_entry(param["name"], ""), "description": param.get("description", ""), "disabled": True}
        for param in (_resolve(document, param) for param in operation["parameters"])
        if param["in"] == "query"
    ]
    request = _request(verb, path, query)
    if operation.get("security") == []:
        request["auth"] = {"type": "noauth"}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        request["header"].append(_entry("Content-Type", "application/json"))
        request["body"] = {"mode": "raw", "raw": "{}", "options": {"raw": {"language": "json"}}}
    elif "multipart/form-data" in content:
        request["body"] = {"mode": "formdata", "formdata": [{"key": "file", "type": "file"}]}
    elif content:
        request["body"] = {"mode": "file", "file": {}}
    return {"name": operation["summary"], "request": request}


def _older_item(verb: str, path: str, fields: tuple[str, ...]) -> dict:
    request = _request(verb, path, [])
    if fields:
        request["auth"] = {"type": "noauth"}
        entries = [_entry(name, "{{db}}" if name == "db" else "") for name in fields]
        request["body"] = {"mode": "urlencoded", "urlencoded": entries}
    elif verb in ("POST", "PUT", "PATCH"):
        request["header"].append(_entry("Content-Type", "application/json"))
        request["body"] = {"mode": "raw", "raw": "{}"}
    return {"name": f"{verb} {path}", "request": request}


def _request(verb: str, path: str, query: list[dict]) -> dict:
    raw = re.sub(r"\{(\w+)\}", r":\1", path)
    places = re.findall(r"\{(\w+)\}", path)
    url: dict = {
        "raw": f"{{{{odoo}}}}{raw}",
        "host": ["{{odoo}}"],
        "path": raw.strip("/").split("/"),
    }
    if query:
        url["query"] = query
    if places:
        url["variable"] = [_entry(name, VALUES.get(name, "1")) for name in places]
    return {"method": verb, "header": [_entry("X-Odoo-Database", "{{db}}")], "url": url}


def _resolve(document: Mapping, param: Mapping) -> Mapping:
    while "$ref" in param:
        _hash, *steps = param["$ref"].split("/")
        found = document
        for step in steps:
            found = found[step]
        param = found
    return param


def _entry(key: str, value: str) -> dict:
    return {"key": key, "value": value}


if __name__ == "__main__":
    source = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(make_collection(source), indent=2, ensure_ascii=False))
