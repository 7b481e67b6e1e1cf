"""Values as JSON."""

from __future__ import annotations

import json

import orjson


def as_json(value: object) -> str:
    """JSON of whatever a source delivers; what JSON does not know becomes a text."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:  # half a surrogate pair, or an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, default=str)
