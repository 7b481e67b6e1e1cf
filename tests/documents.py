"""Every JSON document a test sees is what `order-sync schema` says of its command, and no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from order_sync.cli.schemas import DOCUMENTS, WITHOUT_DOCUMENT, schema_of


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for a document."""
    pairs = {*pairwise(arguments), *(tuple(one.split("=", 1)) for one in arguments)}
    return bool(pairs & {("--output", "json"), ("-o", "json"), ("-ojson",)})


def check_document(text: str, exit_code: int | None = None) -> dict[str, Any]:
    """The document in `text`.

    Args:
        exit_code: of the process that printed it; None: it still runs.
    """
    document: dict[str, Any] = json.loads(text)
    command = document["command"]
    if command in WITHOUT_DOCUMENT and document["error"] is None:
        raise AssertionError(f"{command} must not print a document")
    wrong = best_match(validator(command).iter_errors(document))
    assert wrong is None, f"{command}: {wrong.json_path}: {wrong.message[:500]}"
    assert exit_code is None or document["exit_code"] == exit_code
    return document


@cache
def validator(command: str) -> Draft202012Validator:
    """Of one command; commands without a document can only end with an error."""
    schema = schema_of([command] if command in DOCUMENTS else DOCUMENTS)
    close(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def close(schema: object) -> None:
    """Refuse fields nobody has described, wherever the schema allows them."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            close(part)
