"""Every JSON document and its fields."""

from __future__ import annotations

from typing import Any

from docs.generator.words import code, table
from order_sync.cli import schemas
from order_sync.cli.schemas import DOCUMENTS, schema_of
from order_sync.errors import ExitCode


def json_envelope() -> str:
    schema = schema_of(["status"])
    document = schema["anyOf"][0]
    inner = {
        name: {key: value for key, value in document["properties"][name].items() if key != "const"}
        for name in schemas.ENVELOPE
    }
    return f"{_fields(inner, schema)}\n\n`error`:\n\n{_fields_of('Problem', schema)}"


def json_documents() -> str:
    parts = []
    for name in DOCUMENTS:
        schema = schema_of([name])
        parts.append(f"### {name}")
        for document in schema["anyOf"][:-1]:
            place = _document_places()[document["title"]]
            if place != name:
                parts.append(f"As [{place}](#{place.replace(' ', '-')}): {document['description']}")
                continue
            own = {
                field: kind
                for field, kind in document["properties"].items()
                if field not in schemas.ENVELOPE
            }
            parts += [document["description"], _fields(own, schema)]
    return "\n\n".join(parts)


def json_parts() -> str:
    schema = schema_of(DOCUMENTS)
    parts = []
    for name, part in schema["$defs"].items():
        if "properties" in part and name not in ("Problem", *_document_places()):
            parts += [f"### {name}", part["description"], _fields_of(name, schema)]
    return "\n\n".join(parts)


def _document_places() -> dict[str, str]:
    """Documents that are parts of others, too -> the command they are described with."""
    return {kind.__name__: name for name in reversed(DOCUMENTS) for kind in DOCUMENTS[name]}


def _fields_of(name: str, schema: dict[str, Any]) -> str:
    return _fields(schema["$defs"][name]["properties"], schema)


def _fields(fields: dict[str, Any], schema: dict[str, Any]) -> str:
    return table(
        ("field", "holds", "meaning"),
        (
            (code(name), _json_kind(kind, schema), kind.get("description", ""))
            for name, kind in fields.items()
        ),
    )


def _json_kind(kind: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a field holds, in words; parts with fields of their own are links."""
    if "anyOf" in kind:
        return " or ".join(_json_kind(one, schema) for one in kind["anyOf"])
    if "const" in kind:
        return code(kind["const"])
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        part = schema["$defs"][name]
        if name == ExitCode.__name__:
            return "[exit code](commands.md#exit-codes)"
        if "enum" in part:
            return ", ".join(code(value) for value in part["enum"])
        place = _document_places().get(name, name).lower().replace(" ", "-")
        return "as below" if name == "Problem" else f"[{name}](#{place})"
    if kind.get("type") == "array":
        inner = [kind["items"]] if "items" in kind else kind["prefixItems"]
        kinds = dict.fromkeys(_json_kind(one, schema) for one in inner)
        return f"list of {', '.join(kinds)}"
    if kind.get("type") == "object":
        held = kind["additionalProperties"]  # true: anything
        return f"name → {_json_kind({} if held is True else held, schema)}"
    if kind.get("format") == "date-time":
        return "time"
    return {"string": "text", "boolean": "true or false"}.get(
        kind.get("type", ""), kind.get("type", "anything")
    )
