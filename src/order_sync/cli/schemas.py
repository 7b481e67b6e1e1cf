"""JSON Schemas of the documents: the envelope of `output.py` around the fields of each command.

They allow fields they do not name, as readers should: documents only ever grow.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    "batches": (documents.BatchesDocument,),
    "explain": (documents.StoriesDocument,),
    "adopt": (AdoptReport,),
    "plan": (Plan,),
    "sync": (RunReport, Plan),  # a plan with --dry-run
    "retry": (RunReport,),
    "sandbox": (documents.SandboxDocument, documents.FaultsDocument),
    "db upgrade": (documents.UpgradeDocument,),
    "errors list": (documents.ErrorsDocument,),
    "errors show": (documents.OrderErrorsDocument,),
    "errors resolve": (documents.ResolvedDocument,),
}

# Commands whose result is none of these, and what they print instead.
WITHOUT_DOCUMENT = {"schema": "a JSON Schema"}

_DIALECT = GenerateJsonSchema.schema_dialect
_DEFS = "#/$defs/"
Schema = dict[str, Any]


class _Generate(GenerateJsonSchema):
    """Every field is always there, so its default says nothing, and its name needs no title."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - the base's
        return True

    def default_schema(self, schema: Any) -> Schema:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base's
        return False


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
    properties = {**envelope["properties"], "command": {"const": command}, **body["properties"]}
    return {
        "type": "object",
        "title": body["title"],
        "description": body["description"],
        "properties": {**properties, "schema_version": {"const": SCHEMA_VERSION}},
        "required": list(properties),
    }


def _error(command: str | None, envelope: Schema) -> Schema:
    """A command that ended before it had a result; None: any command."""
    properties: Schema = {
        **envelope["properties"],
        "schema_version": {"const": SCHEMA_VERSION},
        "error": {"$ref": f"{_DEFS}Problem"},
    }
    if command is not None:
        properties["command"] = {"const": command}
    return {
        "type": "object",
        "title": "Error",
        "description": "The command ended before it had a result.",
        "properties": properties,
        "required": list(properties),
    }


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
