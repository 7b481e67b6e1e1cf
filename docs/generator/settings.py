"""Every setting, and what a profile may say."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from enum import Enum, StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generator.words import code, sentence, table
from order_sync import config
from order_sync.profile import ProfileFile
from order_sync.settings import FileSettings


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
