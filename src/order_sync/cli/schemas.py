"""JSON Schemas of the documents: the envelope of `output.py` around the fields of each command.

They allow fields they do not name, as readers should: documents only ever grow. What a field means
stands beside it where it is declared, and is taken from there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from order_sync.adoption import AdoptReport
from order_sync.cli import documents
from order_sync.cli.output import SCHEMA_VERSION, Envelope
from order_sync.cli.show_demo import DemoDocument
from order_sync.loading import LoadReport
from order_sync.outcome import Plan, RunReport

# Command -> what its document may hold besides the envelope; several: its options decide.
DOCUMENTS: dict[str, tuple[type, ...]] = {
    "demo": (DemoDocument,),
    "init": (documents.InitDocument,),
    "load": (LoadReport,),
    "check": (documents.CheckDocument,),
    "status": (documents.StatusDocument,),
    "runs": (documents.RunsDocument, documents.RunDocument),
    "batches": (documents.BatchesDocument, documents.BatchDocument),
    "explain": (documents.StoriesDocument,),
    "adopt": (AdoptReport,),
    "plan": (Plan,),
    "sync": (RunReport, Plan),  # a plan with --dry-run
    "retry": (RunReport,),
    "metrics": (documents.MetricsDocument,),
    "notify test": (documents.NotifyDocument,),
    "notify check": (documents.NotifyDocument,),
    "dashboard": (documents.DashboardDocument,),
    "sandbox": (documents.SandboxDocument, documents.FaultsDocument),
    "db upgrade": (documents.UpgradeDocument,),
    "errors list": (documents.ErrorsDocument,),
    "errors show": (documents.OrderErrorsDocument,),
    "errors resolve": (documents.ResolvedDocument,),
}

# Commands whose result is none of these, and what they print instead.
WITHOUT_DOCUMENT = {"schema": "a JSON Schema"}

ENVELOPE = tuple(one.name for one in fields(Envelope))  # what every document begins with
_DIALECT = GenerateJsonSchema.schema_dialect
_DEFS = "#/$defs/"
Schema = dict[str, Any]


class _Generate(GenerateJsonSchema):
    """Every field is always there, so its default says nothing, and its name needs no title."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - the base's
        return True

    def default_schema(self, schema: Any) -> Schema:
        return self.generate_inner(schema["schema"])

    def dataclass_schema(self, schema: Any) -> Schema:
        found = super().dataclass_schema(schema)
        for name, meaning in meanings(schema["cls"]).items():
            if name in found["properties"]:
                found["properties"][name]["description"] = meaning
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base's
        return False


def meanings(kind: type) -> dict[str, str]:
    """What the comments in the source say about the fields of a dataclass.

    A field is explained behind itself, or in the lines above it. Without the source: nothing.
    """
    found: dict[str, str] = {}
    for base in kind.__bases__:
        found |= meanings(base)
    above: list[str] = []
    for line in _source(kind):
        if alone := re.match(r"    # (.*)", line):
            above.append(alone[1])
            continue
        if named := re.match(r"    (\w+): [^#]*(?:  # (.*))?$", line):
            meaning = named[2] or " ".join(above)
            found |= {named[1]: _in_json(meaning)} if meaning else {}
        above = []
    return found


def _in_json(meaning: str) -> str:
    for python, written in (("None", "null"), ("True", "true"), ("False", "false")):
        meaning = re.sub(rf"\b{python}\b", written, meaning)
    return meaning


def _source(kind: type) -> list[str]:
    try:
        return inspect.getsource(kind).splitlines()
    except (OSError, TypeError):  # it came without its source, or is part of Python
        return []


def schema_of(commands: Iterable[str]) -> Schema:
    """JSON Schema of whatever these commands print with --output json, errors included.

    Args:
        commands: names as they are typed, all of them keys of `DOCUMENTS`.
    """
    names = list(commands)
    kinds = list(dict.fromkeys(kind for name in names for kind in DOCUMENTS[name]))
    mode: JsonSchemaMode = "serialization"
    found, rest = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter(kind)) for kind in (Envelope, *kinds)],
        schema_generator=_Generate,
    )
    defs: Schema = rest["$defs"]
    envelope = _resolved(found[Envelope, mode], defs)
    variants = [
        _document(name, envelope, _resolved(found[kind, mode], defs))
        for name in names
        for kind in DOCUMENTS[name]
    ]
    return {
        "$schema": _DIALECT,
        "title": f"order-sync {names[0]}" if len(names) == 1 else "order-sync",
        "anyOf": [*variants, _error(names[0] if len(names) == 1 else None, envelope)],
        "$defs": _used(variants, defs),
    }


def _resolved(schema: Schema, defs: Schema) -> Schema:
    reference = schema.get("$ref")
    return schema if reference is None else dict(defs[reference.removeprefix(_DEFS)])


def _document(command: str, envelope: Schema, body: Schema) -> Schema:
    """The fields of the envelope and those of a command, in one object."""
    return {
        "type": "object",
        "title": body["title"],
        "description": body["description"],
        **_fields({**_begin(command, envelope), **body["properties"]}),
    }


def _error(command: str | None, envelope: Schema) -> Schema:
    """A command that ended before it had a result; None: any command."""
    return {
        "type": "object",
        "title": "Error",
        "description": "The command ended before it had a result.",
        **_fields({**_begin(command, envelope), "error": {"$ref": f"{_DEFS}Problem"}}),
    }


def _begin(command: str | None, envelope: Schema) -> Schema:
    """What a document of a command begins with."""
    fields: Schema = envelope["properties"]
    version = fields["schema_version"] | {"const": SCHEMA_VERSION}
    name = fields["command"] | ({} if command is None else {"const": command})
    return {**fields, "schema_version": version, "command": name}


def _fields(properties: Schema) -> Schema:
    return {"properties": properties, "required": list(properties)}


def _used(variants: Iterable[Schema], defs: Schema) -> Schema:
    """The definitions that are referred to, from `variants` or from one another."""
    used = {"Problem"}
    waiting: list[object] = [*variants, defs["Problem"]]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix(_DEFS)
            if name in defs and name not in used:
                used.add(name)
                waiting.append(defs[name])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return {name: defs[name] for name in sorted(used)}
