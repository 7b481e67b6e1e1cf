"""Writes the generated parts of the documentation, between markers that name them.

<!-- generated: NAME -->
...
<!-- end -->

Run it with scripts/docs. `tests/test_docs.py` fails when a part is out of date.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect as inspect_module
import re
import sys
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column, Table, inspect
from sqlalchemy import types as sql

from order_sync import config, metrics
from order_sync.cli import app, schemas
from order_sync.cli.command import _FILTERS, _SHARED
from order_sync.cli.schemas import DOCUMENTS, schema_of
from order_sync.db.engine import Database
from order_sync.db.refused import MAX_TRIES
from order_sync.db.schema import Tables, build_tables
from order_sync.db.types import Price, UtcDateTime
from order_sync.db.upgrade import ACTIVE_BATCHES, ensure_tables
from order_sync.delivery.cargo import RETRY_LATER_S
from order_sync.delivery.sender import REPEATS
from order_sync.errors import EXIT_MEANINGS, ExitCode
from order_sync.profile import DEFAULT_PROFILE, ProfileFile, load_profile
from order_sync.rules import states
from order_sync.rules.alerts import Alert
from order_sync.rules.refusals import RUN_CODES, SOURCE_CODES, WARNING_CODES, Again, OwnCode
from order_sync.rules.retry import ERROR_TABLE, ErrorRule, Remedy
from order_sync.rules.states import GROUP_TRANSITIONS, TRANSITIONS, Event, RowState
from order_sync.sandbox import available_faults
from order_sync.sandbox.options import PLANS, ImportLimits, Plan, SandboxOptions, setting_names
from order_sync.settings import FileSettings

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)

Rows = Iterable[Iterable[object]]


def documents() -> list[Path]:
    """Every page that may have generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def generated(text: str) -> str:
    """`text` with each of its generated parts made anew."""

    def fresh(match: re.Match[str]) -> str:
        return f"{match[1]}{BLOCKS[match['name']]()}\n{match[4]}"

    return MARKED.sub(fresh, text)


def main() -> None:
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = generated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")


# Tables and words ---------------------------------------------------------------------------------


def table(headings: Iterable[str], rows: Rows) -> str:
    names = list(headings)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def code(text: object) -> str:
    return f"`{text}`"


def sentence(text: str) -> str:
    """`text` as a sentence: a first capital, unless it names something, and a full stop."""
    text = text.strip()
    text = text[0].upper() + text[1:] if text[:1].islower() else text
    return text if text.endswith((".", "!", "?")) else f"{text}."


# Settings and profile -----------------------------------------------------------------------------


def settings_list() -> str:
    rows = []
    for name, model, field_name, field in _settings():
        place = f"{name}.{field_name}" if model else field_name
        variable = f"{config.PREFIX}{name.upper()}__{field_name.upper()}"
        variable = variable if model else f"{config.PREFIX}{field_name.upper()}"
        rows.append((code(place), code(variable), _default(field), _meaning(field)))
    return table(("setting", "environment variable", "default", "meaning"), rows)


def _settings() -> Iterator[tuple[str, type[BaseModel] | None, str, FieldInfo]]:
    for name, field in FileSettings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner, inner_field in field.annotation.model_fields.items():
                yield name, field.annotation, inner, inner_field
        else:
            yield "", None, name, field


def profile_reference() -> str:
    parts = []
    for heading, model, required in _sections():
        intro = (model.__doc__ or "").strip().splitlines()[0]
        rows = [
            (code(key), _kind(field.annotation), _default(field), _meaning(field))
            for key, field in model.model_fields.items()
            if not _is_section(field)
        ]
        optional = "" if required else " May be left out."
        parts.append(
            f"### {heading}\n\n{sentence(intro)}{optional}\n\n"
            + table(("key", "holds", "default", "meaning"), rows)
        )
    return "\n\n".join(parts)


def _sections() -> Iterator[tuple[str, type[BaseModel], bool]]:
    yield "At the top", ProfileFile, True
    columns = typing.get_args(ProfileFile.model_fields["columns"].annotation)[0]
    yield "`columns = [ { … }, … ]`", columns, True
    for name, field in ProfileFile.model_fields.items():
        if _is_section(field):
            model = typing.cast("type[BaseModel]", field.annotation)
            yield f"`[{name}]`", model, field.is_required()


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or value is None or value in ("", [], {}):
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = ", ".join(value)
    return code(str(value).lower() if isinstance(value, bool) else value)


def _meaning(field: FieldInfo) -> str:
    return field.description or ""


def _kind(annotation: Any) -> str:
    """What a key of a TOML file holds, in words."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(args[0])
    if origin in (typing.Union, types.UnionType):
        return _kind(next(arg for arg in args if arg is not type(None)))
    if origin is list:
        is_section = isinstance(args[0], type) and issubclass(args[0], BaseModel)
        return "list of tables" if is_section else "list of texts"
    if origin is dict:
        return "table of lists" if _kind(args[1]).startswith("list") else "table of texts"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(code(member.value) for member in annotation)
    return {bool: "`true` or `false`", str: "text"}[annotation]


# Errors -------------------------------------------------------------------------------------------

_AGAIN = {
    Again.EVERY_RUN: "yes, judged anew by every run",
    Again.WITH_ITS_ORDER: "yes, together with its order line",
    Again.LABEL_IS_THERE: "as soon as the board offers the label, or by `order-sync retry`",
    Again.PERSON: "no: a person decides ([how](runbook.md#refusals-that-wait-for-a-person))",
}
_BY_HAND = "when the row changes, or by `order-sync retry`"
_REMEDIES = {
    Remedy.WAIT_AND_REPEAT: f"yes, the same request after a wait; after {REPEATS} times the run "
    "pauses (exit 4)",
    Remedy.LOOK_UP_FIRST: "yes, after a look-up; the rows are in doubt until then",
    Remedy.REFUSE_ROW: _BY_HAND,
    Remedy.SPLIT_DOCUMENT: f"yes, in halves; a row that is refused alone: {_BY_HAND}",
    Remedy.REFRESH_GROUP: "yes, after the group was looked up or made",
    Remedy.RETRY_ROW: f"yes, within the run and again {RETRY_LATER_S // 60} minutes later, "
    f"{MAX_TRIES} times in all",
    Remedy.STOP_RUN_TOKEN: "the run stops (exit 5); run again when it is repaired",
    Remedy.STOP_RUN_BOARD: "the run stops (exit 6); run again when it is repaired",
    Remedy.PAUSE_DAY: "the run pauses (exit 4); run again",
    Remedy.RESTART_LISTING: "yes, at once",
}


def errors_source() -> str:
    return _own_codes(SOURCE_CODES)


def errors_run() -> str:
    return _own_codes(RUN_CODES)


def _own_codes(codes: Iterable[OwnCode]) -> str:
    return table(
        ("code", "what it means", "what to do", "tried again by itself"),
        ((code(c.code), c.meaning, c.to_do, _AGAIN[c.again]) for c in codes),
    )


def errors_monday() -> str:
    return table(
        ("code", "what it means and what to do", "tried again by itself", "monday.com says"),
        (
            (code(rule.code), rule.advice, _REMEDIES[rule.remedy], ", ".join(_says(rule)))
            for rule in ERROR_TABLE
        ),
    )


def _says(rule: ErrorRule) -> Iterator[str]:
    yield from (code(spelling) for spelling in rule.spellings)
    yield from (f"HTTP {status}" for status in rule.statuses)


def errors_warnings() -> str:
    return table(("code", "what it means"), ((code(c.code), c.meaning) for c in WARNING_CODES))


# States -------------------------------------------------------------------------------------------


def _comments(enum: type[StrEnum]) -> dict[str, str]:
    """What stands beside each member of an enum in the source."""
    text = Path(str(sys.modules[enum.__module__].__file__)).read_text(encoding="utf-8")
    body = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == enum.__name__
    )
    lines = text.splitlines()[body.lineno : body.end_lineno]
    found = (re.match(r'\s+(\w+) = "\w+"(?:\s+# (.*))?$', line) for line in lines)
    return {match[1]: match[2] or "" for match in found if match}


def _members(enum: type[StrEnum]) -> str:
    rows = [(code(name), sentence(why) if why else "") for name, why in _comments(enum).items()]
    name = "event" if enum in (Event, states.Biography) else "state"
    return table((name, "what it means"), rows)


def states_rows() -> str:
    return _members(RowState)


def states_events() -> str:
    return _members(Event)


def states_transitions() -> str:
    return table(
        ("from", "event", "to"),
        (
            (code(was.value), code(event.value), code(then.value))
            for (was, event), then in TRANSITIONS.items()
        ),
    )


def states_groups() -> str:
    return table(
        ("from", "event", "to"),
        (
            (code(was.value), code(event.value), code(then.value))
            for (was, event), then in GROUP_TRANSITIONS.items()
            if (was, event) not in TRANSITIONS
        ),
    )


def states_diagram() -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for (was, event), then in TRANSITIONS.items():
        edges.setdefault((was.value, then.value), []).append(event.value)
    lines = [f"    {was} --> {then}: {', '.join(why)}" for (was, then), why in edges.items()]
    left = {was for was, _ in edges}
    ends = [state.value for state in RowState if state.value not in left]
    return "\n".join(
        (
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {RowState.PENDING.value}",
            *lines,
            *(f"    {state} --> [*]" for state in ends),
            "```",
        )
    )


def states_biography() -> str:
    return _members(states.Biography)


def states_batches() -> str:
    why = _comments(states.BatchState)
    kinds = (("milestone", states.BATCH_MILESTONES), ("end", states.BATCH_ENDED))
    return table(
        ("state", "is", "what it means"),
        (
            (
                code(state.value),
                f"{kind} {number}" if kind == "milestone" else kind,
                sentence(why[state.name]),
            )
            for kind, members in kinds
            for number, state in enumerate(members, start=1)
        ),
    )


def states_runs() -> str:
    return _members(states.RunState)


def states_requests() -> str:
    return _members(states.RequestState)


# Faults of the sandbox ----------------------------------------------------------------------------


def fault_list() -> str:
    rows = ((code(name), sentence(what)) for name, what in available_faults().items())
    return table(("fault", "what happens"), rows)


# Commands -----------------------------------------------------------------------------------------

_ANY = (0, 1, 2, 130)
_RUN = tuple(int(code_) for code_ in ExitCode)
# What each command can end with, besides what every command can.
EXITS: dict[str, tuple[int, ...]] = {
    "demo": (143,),
    "init": (),
    "load": (5,),
    "check": (4, 5, 6, 8),
    "db upgrade": (5,),
    "plan": (4, 5, 6),
    "sync": _RUN,
    "retry": _RUN,
    "status": (5,),
    "runs": (5,),
    "batches": (5,),
    "metrics": (5,),
    "notify test": (5,),
    "notify check": (5,),
    "errors list": (5,),
    "errors show": (5,),
    "errors resolve": (5, 7),
    "explain": (5,),
    "adopt": (3, 4, 5, 6, 7, 143),
    "sandbox": (7,),
    "dashboard": (),
    "schema": (),
}
_EXIT_NOTES = {
    "notify test": "5 when an address did not take the message.",
    "notify check": "5 also when an address did not take a message.",
    "demo": "0 only when exactly the rows the sample marks as bad were refused, else 1.",
    "load": "1 also when you answer no to the question.",
    "errors resolve": "1 also when you answer no to the question.",
    "adopt": "3 when an order stands twice on the board, or is in doubt.",
    "check": "The code a run would stop with at the first check that fails.",
    "dashboard": "0 after Ctrl-C.",
    "sandbox": "0 after Ctrl-C; 7 when another sandbox works with the file of --state.",
}


def exit_codes() -> str:
    return table(("code", "meaning"), ((int(c), EXIT_MEANINGS[c]) for c in ExitCode))


def leaf_commands() -> dict[str, Any]:
    """Name as typed -> command, groups left out."""

    def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for sub, child in getattr(command, "commands", {}).items():
            typed = f"{name} {sub}".strip()
            if getattr(child, "commands", None):
                yield from leaves(child, typed)
            else:
                yield typed, child

    return dict(leaves(typer.main.get_command(app), ""))


def command_overview() -> str:
    return table(
        ("command", "what it does"),
        (
            (f"[`{name}`](#{name.replace(' ', '-')})", (command.help or "").strip())
            for name, command in leaf_commands().items()
        ),
    )


def command_shared() -> str:
    return _options(p for p in leaf_commands()["check"].params if p.name in _SHARED)


def command_filters() -> str:
    return _options(p for p in leaf_commands()["plan"].params if p.name in _FILTERS)


def command_list() -> str:
    return "\n\n".join(_command(name, c) for name, c in leaf_commands().items())


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    needed = [
        f"{p.opts[0]} {p.metavar.partition('|')[0]}"
        for p in command.params
        if p.required and p not in arguments
    ]
    usage = " ".join(["order-sync", name, *(p.metavar for p in arguments), *needed])
    filtered = {p.name for p in command.params} >= _FILTERS.keys()
    own = [
        p for p in command.params if p.name not in _SHARED and not (filtered and p.name in _FILTERS)
    ]
    parts = [f"### {name}", f"```\n{usage}\n```", (command.help or "").strip()]
    if own:
        parts.append(_options(own))
    if filtered:
        parts.append("Takes the [filters](#filters).")
    codes = ", ".join(str(c) for c in sorted({*_ANY, *EXITS[name]}))
    parts.append(f"Exit codes: {codes}. {_EXIT_NOTES.get(name, '')}".strip())
    return "\n\n".join(parts)


def _options(params: Iterable[Any]) -> str:
    return table(
        ("option", "meaning", "default"),
        ((_names(p), p.help or "", _option_default(p)) for p in params),
    )


def _names(param: Any) -> str:
    if param.param_type_name == "argument":
        return code(param.metavar)
    value = "" if getattr(param, "is_flag", False) else f" {_value(param)}"
    return ", ".join(code(option + value) for option in sorted(param.opts, key=len, reverse=True))


def _value(param: Any) -> str:
    if isinstance(param.default, Enum):
        return "|".join(str(choice.value) for choice in type(param.default))
    return str(param.metavar)


def _option_default(param: Any) -> str:
    value = getattr(param.default, "value", param.default)
    if param.required:
        return "required"
    if value is None or value is False or value == "" or callable(value):
        return ""
    return code(f"{value:g}" if isinstance(value, float) else value)


# JSON documents -----------------------------------------------------------------------------------


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


# Tables -------------------------------------------------------------------------------------------

_PURPOSE = {
    "staging": "Work in hand: one row per action on an order line. Changed only by a run.",
    "staging_subitems": "Work in hand: one row per action on a size line.",
    "production": "What the board is known to hold: one row per item.",
    "production_subitems": "What the board is known to hold: one row per subitem.",
    "errors": "Every refused order line. A row is open while `resolved_date` is empty; there is "
    "one open row per order line and code.",
    "errors_subitems": "Every refused size line.",
    "batches": "One row per batch: the order lines of one customer in one run.",
    "runs": "One row per run, also one that stopped at its checks.",
    "groups": "The groups of each board, and those that are being made.",
    "requests": "Every HTTP request to monday.com. The token is never in it.",
    "events": "The biography of every order: what happened, when, in which run. Append-only.",
    "notifications": "What was told to whom: one row per board, profile, event and address.",
    "source_marks": "How far each board has followed `source.changed_column`.",
    "schema_version": "Which shape the tables have.",
}

# Columns by name; `table.column` where a name means something else in one table.
_COLUMNS = {
    "Group": "title of the item's group",
    "Item ID": "id of the item on the board",
    "Order Qty": "pieces",
    "Size": "the size, as the subitem shows it",
    "Title": "name of the item or subitem",
    "UpdateDate": "when the row was last written",
    "address": "place of the address in `notify.urls`, from 1; the address itself is nowhere",
    "alert": "the event, see [notifications](notifications.md)",
    "aliases": "rows in the request",
    "answered_at": "when the answer was recorded; empty: none yet",
    "api_calls": "HTTP requests, reading ones included",
    "api_calls_made": "writing HTTP requests, repeats included",
    "api_failures": "requests that were answered with an error",
    "api_payload": "what the board should have got, as JSON",
    "at": "when it happened",
    "attempts": "how often it was tried without success",
    "batch_id": "batch the row belongs to",
    "answer": "what monday.com answered to a write, as it came; at most 64 KiB",
    "batch_type": "kind of batch",
    "board_id": "board the row is about",
    "board_name": "name of the board as the run found it",
    "body": "the request byte for byte, to be sent again unchanged",
    "calls_per_minute": "requests of a minute the account may make, where monday.com told it",
    "calls_per_day": "calls a day the account may make, where monday.com told it",
    "cause": "what tells one trouble of an event from the next, such as an exit code",
    "changes": "JSON list of the cells that differed: field, size, before, after",
    "claimed_at": "since when a process is sending it; empty: none is",
    "claimed_by": "that process",
    "change_type": "what detection saw: `NEW`, `CHANGED`, `CANCELLED`, `DELETED`, `UNCHANGED`",
    "command": "`sync`, `retry` …",
    "cost": "complexity points monday.com charged",
    "created_date": "when the row was made",
    "customer_batch": "customer, as the source names it",
    "customer_name": "customer, as the source names it",
    "detail": "more about it, in words",
    "duration_ms": "milliseconds until the answer",
    "end_time": "when the batch ended; empty: it has not",
    "ended_at": "when the run ended; empty: it has not",
    "err_id": "number of the row",
    "error_class": "`data`, `label`, `board`, `api` or `unknown`",
    "error_code": "code of the error, see [errors](errors.md); empty: none",
    "error_message": "what is wrong, and what to do",
    "error_summary": "how many rows were refused or left",
    "error_type": "code of the error, see [errors](errors.md)",
    "event": "see [states](states.md#biography), or the [code of a warning](errors.md#warnings)",
    "event_id": "number of the event",
    "exit_code": "exit code of the command",
    "fence": "grows with every run of the board; a transaction with an old one writes nothing",
    "field": "source column or board title it is about",
    "filters": "filters of the run, as JSON",
    "first_sent_at": "when it was sent for the first time",
    "group_id": "id of the group on the board",
    "group_key": "title of the group as titles are compared",
    "group_name": "group the order was to go to",
    "groups_created": "groups made by the run",
    "host": "computer the run worked on",
    "http_status": "HTTP status of the answer",
    "http_status_code": "HTTP status of the answer",
    "idempotency_key": "key by which monday.com recognises a repeat; empty for reading ones",
    "staging_table": "the staging table whose rows it carries",
    "installed_at": "when this shape was made",
    "is_trouble": "no: the last news is that it is over",
    "item_name": "name the item was to have",
    "items_creation_completed": "when all items were through",
    "kind": "what the request asks for",
    "last_retry_date": "when it was refused again last",
    "last_run_id": "run that wrote the row last",
    "last_sent_at": "when it was sent last",
    "level": "`info` or `warning`",
    "message": "the text of the last news",
    "max_retries_reached": "yes: it is not tried again by itself",
    "moving_to": "group of a move that was sent and is not acknowledged",
    "monday_request_id": "monday.com's own number of the request",
    "next_try_at": "not tried again before",
    "order_key": "key of the order line: its parts joined by a bar",
    "order_number": "the order number",
    "order_qty": "pieces",
    "orders_archived": "order lines archived on the board",
    "orders_cancelled": "order lines found cancelled",
    "orders_changed": "order lines found changed",
    "orders_created": "order lines created on the board",
    "orders_deleted": "order lines the source no longer has",
    "orders_failed": "order lines refused",
    "orders_new": "order lines found new",
    "orders_processed": "order lines done",
    "orders_read": "source rows within the filters",
    "orders_total": "order lines staged",
    "orders_unchanged": "order lines found unchanged",
    "orders_updated": "order lines written, moved or cancelled on the board",
    "original_data": "the source row, as JSON",
    "original_stg_id": "staged row that was refused",
    "parent_item_id": "id of the item above",
    "part": "part of the tables",
    "payload_hash": "fingerprint of what the board should show",
    "MON_CustMasterSchedule.payload_hash": "fingerprint of what the board shows; empty: unsure",
    "MON_CustMasterSchedule_Subitems.payload_hash": "the same, of the size line",
    "pid": "process number",
    "profile_fingerprint": "fingerprint of the profile's content",
    "promotion_completed": "when the batch was promoted",
    "replays": "how often the same key was sent again after a doubt",
    "request_id": "request of `MON_ApiRequests` it came from",
    "request_pos": "place in that request",
    "resolution": "why it was closed: `sent`, `repaired`, `vanished`, or a person's decision",
    "resolution_note": "what the person says about it",
    "resolved_by": "who closed it",
    "resolved_date": "when it was closed; empty: open",
    "retries_attempted": "writing requests that were repeats",
    "retry_count": "how often it was tried again",
    "rows_in_doubt": "rows whose outcome was unknown at the end",
    "rows_refused": "refused rows that were open at the end",
    "run_id": "run the row belongs to",
    "send_no": "how often it was sent",
    "since": "when it began, or was over",
    "size_key": "the size as sizes are compared",
    "size_label": "the size",
    "source_hash": "fingerprint of the source row; empty: looked at again",
    "staging_load_completed": "when the batch was staged",
    "start_time": "when the batch began",
    "started_at": "when the run began",
    "state": "see [states](states.md)",
    "status": "see [states](states.md)",
    "stg_acknowledged": "no: the board has the row, but its values are not certain",
    "stg_api_payload": "what the board should get, as JSON",
    "stg_attempts": "tries that were turned away or never answered",
    "stg_batch_id": "batch of the row",
    "stg_created_date": "when it was staged",
    "stg_customer_batch": "customer, as the source names it",
    "stg_error_message": "what is wrong, and what to do",
    "stg_error_type": "code of the error, see [errors](errors.md)",
    "stg_id": "number of the row",
    "stg_monday_item_id": "id of the item, once it is known",
    "stg_monday_parent_item_id": "id of the item above, once it is known",
    "stg_monday_subitem_id": "id of the subitem, once it is known",
    "stg_parent_stg_id": "staged order line above",
    "stg_processed_date": "when its last outcome was recorded",
    "stg_request_id": "request that carries or carried it",
    "stg_request_pos": "place in that request",
    "stg_retry_count": "how often it was put back to be sent again",
    "stg_run_id": "run that staged it",
    "stg_size_label": "the size",
    "stg_status": "see [states](states.md)",
    "stg_travel_limit": "at most so many rows in its next request",
    "subitem_board_id": "id of the board the subitem is on",
    "subitem_id": "id of the subitem on the board",
    "subitems_created": "size lines created on the board",
    "subitems_creation_completed": "when all subitems were through",
    "subitems_failed": "size lines refused",
    "subitems_processed": "size lines done",
    "subitems_total": "size lines staged",
    "subitems_updated": "size lines written on the board",
    "title": "title of the group",
    "told_at": "when the address took the last news; empty: it has not",
    "waits": "how often the account's limits held a request back",
    "MON_Notifications.title": "heading of the last news",
    "title_key": "title as titles are compared",
    "update_fields": "what a known row needs: board titles, Name, Group, as JSON; empty: all",
    "update_operation": "`CREATE`, `UPDATE`, `MOVE`, `CANCEL` or `REMOVE`",
    "updated_date": "when the row was last written",
    "value": "the value it is about",
    "version": "version of order-sync",
    "MON_SchemaVersion.version": "number of the shape",
    "basis": "what the mark depends on, as a digest: when it changes, every row is looked at",
    "marked_at": "when the mark was made",
    "points_per_minute": "complexity points of a minute the account has, where monday.com told it",
    "profile": "name of the profile",
    "passes": "runs since the last one that looked at every row",
    "MON_SourceMarks.kind": "type of the value",
    "MON_SourceMarks.value": "the highest value of the column that was seen",
    "success_percentage": "rows done, of all",
    "progress_percentage": "rows done or refused, of all",
    "age_seconds": "seconds since the batch began",
}


def table_list() -> str:
    mapping = load_profile(DEFAULT_PROFILE)
    tables = build_tables(mapping)
    titles = {column.field: column.source for column in mapping.columns}
    parts = [_table(getattr(tables, name), why, titles) for name, why in _PURPOSE.items()]
    return "\n\n".join([*parts, _view(tables)])


def _table(sql_table: Table, why: str, titles: dict[str, str]) -> str:
    rows = []
    mapped: list[str] = []
    for column in sql_table.columns:
        if column.name in titles:
            mapped.append(column.name)
            continue
        rows.append(_column_row(sql_table.name, column))
    text = table(("column", "type", "", "what it holds"), rows)
    if mapped:
        text += (
            f"\n\nand one column per mapped column of the profile ({len(mapped)} of them): "
            + ", ".join(code(name) for name in mapped)
            + "."
        )
    return f"### {sql_table.name}\n\n{why}\n\n{text}"


def _column_row(table_name: str, column: Column[Any]) -> tuple[str, str, str, str]:
    marks = []
    if column.primary_key:
        marks.append("key")
    elif not column.nullable:
        marks.append("always filled")
    marks += [f"→ `{key.target_fullname}`" for key in sorted(column.foreign_keys, key=str)]
    return code(column.name), _type(column.type), ", ".join(marks), _holds(table_name, column.name)


def _holds(table_name: str, name: str) -> str:
    return _COLUMNS.get(f"{table_name}.{name}") or _COLUMNS[name]


def _type(kind: Any) -> str:
    if isinstance(kind, Price):
        return "decimal(18,4)"
    for cls, word in (
        (UtcDateTime, "time, UTC"),
        (sql.Boolean, "yes or no"),
        (sql.Integer, "whole number"),
        (sql.Float, "number"),
        (sql.LargeBinary, "bytes"),
        (sql.Date, "date"),
    ):
        if isinstance(kind, cls):
            return word
    return f"text({kind.length})" if getattr(kind, "length", None) else "text"


def _view(tables: Tables) -> str:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/tables.db"
        with closing(Database(url)) as database:
            database.run(lambda conn: ensure_tables(conn, tables))
            with database.begin() as conn:
                names = [column["name"] for column in inspect(conn).get_columns(ACTIVE_BATCHES)]
    rows = ((code(name), _holds(ACTIVE_BATCHES, name)) for name in names)
    return (
        f"### {ACTIVE_BATCHES}\n\nA view: batches that have not ended, or began in the last 24 "
        f"hours.\n\n{table(('column', 'what it holds'), rows)}"
    )


# The sandbox --------------------------------------------------------------------------------------


def sandbox_settings() -> str:
    """What `--set` takes; the meaning is the comment behind the field."""
    return _sandbox_fields(SandboxOptions)


def sandbox_imports() -> str:
    return _sandbox_fields(ImportLimits)


def _sandbox_fields(owner: type[SandboxOptions | ImportLimits]) -> str:
    source = inspect_module.getsource(owner)
    comments = dict(re.findall(r"^    (\w+): .*?  # (.*)$", source, re.M))
    known = set(setting_names())
    rows = [
        (code(one.name), code(_written(one.default)), sentence(comments.get(one.name, "")))
        for one in dataclasses.fields(owner)
        if one.name in known
    ]
    return table(("setting", "default", "meaning"), rows)


def _written(default: object) -> str:
    """A default as `--set` reads it; none is a limit that is not there."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return "none" if default is None else str(default)


def sandbox_plans() -> str:
    rows = (
        (code(figure.name), *(f"{getattr(plan, figure.name):,}" for plan in PLANS.values()))
        for figure in dataclasses.fields(Plan)
    )
    return table(("figure", *PLANS), rows)


def sandbox_faults() -> str:
    return table(
        ("fault", "what happens"),
        ((code(name), sentence(says)) for name, says in available_faults().items()),
    )


# Metrics ------------------------------------------------------------------------------------------


def metric_list() -> str:
    return table(
        ("metric", "own labels", "meaning"),
        (
            (code(metrics.PREFIX + m.name), ", ".join(map(code, m.labels)), m.about)
            for m in metrics.METRICS
        ),
    )


def alert_list() -> str:
    rows = ((code(Alert[name].value), sentence(why)) for name, why in _comments(Alert).items())
    return table(("event", "what has happened"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "json-envelope": json_envelope,
    "json-documents": json_documents,
    "json-parts": json_parts,
    "settings": settings_list,
    "profile": profile_reference,
    "errors-source": errors_source,
    "errors-run": errors_run,
    "errors-monday": errors_monday,
    "errors-warnings": errors_warnings,
    "states-rows": states_rows,
    "states-events": states_events,
    "states-transitions": states_transitions,
    "states-groups": states_groups,
    "states-diagram": states_diagram,
    "states-biography": states_biography,
    "states-batches": states_batches,
    "states-runs": states_runs,
    "states-requests": states_requests,
    "faults": fault_list,
    "exit-codes": exit_codes,
    "command-overview": command_overview,
    "command-shared": command_shared,
    "command-filters": command_filters,
    "commands": command_list,
    "tables": table_list,
    "sandbox-settings": sandbox_settings,
    "sandbox-imports": sandbox_imports,
    "sandbox-plans": sandbox_plans,
    "sandbox-faults": sandbox_faults,
    "metrics": metric_list,
    "alerts": alert_list,
}

if __name__ == "__main__":
    sys.exit(main())
