"""The order-sync.toml a new user begins with: every setting, explained, with its default."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from order_sync.errors import ConfigError
from order_sync.profile import DEFAULT_PROFILE, shipped_text
from order_sync.settings import HOW_TO_AUTHENTICATE, FileSettings, database_url
from order_sync.toml_file import pydantic_problems

_HEAD = f"""\
# Settings of order-sync. A line that begins with # and no blank is a setting at its default, or an
# example where there is none: take the # away to set it. Environment variables, such as
# ORDER_SYNC_MONDAY__BOARD_ID, are stronger than this file.
#
# The API token never stands here.
# {HOW_TO_AUTHENTICATE}
"""
_ENVIRONMENTS = """\
# What differs between environments; chosen with --env or ORDER_SYNC_ENV, else dev. An environment
# may set everything above. prod runs only on the board that has the name set here.

#[environments.dev.monday]
#board_id = "1234567890"
#board_name = "Customer Master Schedule (test)"

#[environments.prod.database]
#url = "sqlite:///order-sync-prod.db"

#[environments.prod.monday]
#board_id = "9876543210"
#board_name = "Customer Master Schedule"
"""
# What stands for a setting that has no default.
_EXAMPLES = {
    "monday.board_id": "1234567890",
    "monday.web_url": "https://company.monday.com",
    "monday.board_name": "Customer Master Schedule",
    "monday.token_file": "token.txt",
    "source.changed_column": "LAST CHANGED",
    "notify.urls_file": "notify-urls.txt",
}
_SECRETS = ("monday.token", "notify.urls")  # settings a file may not hold


@dataclass(frozen=True)
class Known:
    """What the person already knows; None: left for later."""

    board_id: str | None = None
    database_url: str | None = None
    source_table: str | None = None
    profile: str | None = None  # name, or path from the folder of the settings

    def values(self) -> dict[str, str]:
        """Setting -> its value."""
        given = {
            "profile": self.profile,
            "monday.board_id": self.board_id,
            "database.url": self.database_url,
            "source.table": self.source_table,
        }
        return {place: value.strip() for place, value in given.items() if value is not None}


def write_settings(path: Path, known: Known, *, replace: bool = False) -> None:
    """Write the settings to `path`; a file that is there stays, unless `replace`.

    Raises:
        ConfigError: what is known is no value of its setting, the file exists, or it cannot be
            written.
    """
    _write(path, settings_text(known), replace=replace)


def write_settings_and_profile(
    path: Path, profile: Path, known: Known, *, replace: bool = False
) -> None:
    """Write the settings to `path`, and a copy of the shipped profile, which they name.

    Raises:
        ConfigError: as `write_settings`; then neither file is new, unless the disk failed.
    """
    _require_profile_name(profile)
    text = settings_text(dataclasses.replace(known, profile=named_in(path, profile)))
    if path.exists() and not replace:
        raise _exists(path)
    _write(profile, shipped_text(DEFAULT_PROFILE), replace=replace)
    _write(path, text, replace=replace)


def write_profile(profile: Path) -> None:
    """Write a copy of the shipped profile, for settings that are there already.

    Raises:
        ConfigError: the name is none, the file exists, or it cannot be written.
    """
    _require_profile_name(profile)
    _write(profile, shipped_text(DEFAULT_PROFILE), replace=False)


def named_in(path: Path, profile: Path) -> str:
    """How the settings in `path` name a profile."""
    return os.path.relpath(profile.absolute(), path.absolute().parent)


def _require_profile_name(profile: Path) -> None:
    if profile.suffix != ".toml":
        raise ConfigError(f"{profile} is no name of a profile", hint="let it end in .toml")


def _write(path: Path, text: str, *, replace: bool) -> None:
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or 'cannot be written'}",
            hint="name a file in a folder that is there",
        ) from None


def _exists(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} exists already, and stays as it is",
        hint="change it by hand, name another with --path or --profile, or replace it with --force",
    )


def settings_text(known: Known) -> str:
    """The file as text: what is known is set, everything else stands at its default.

    Raises:
        ConfigError: what is known is no value of its setting.
    """
    given = known.values()
    _check(given)
    parts = [_HEAD, "\n".join(_settings("", FileSettings, given))]
    for name, field in FileSettings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            about = (model.__doc__ or "").splitlines()[0]
            lines = [f"# {about}", f"[{name}]", *_settings(f"{name}.", model, given)]
            parts.append("\n".join(lines))
    return "\n".join([*parts, _ENVIRONMENTS])


def _settings(prefix: str, model: type[BaseModel], given: dict[str, str]) -> Iterator[str]:
    """The lines of the settings of one section, without its sections."""
    for name, field in model.model_fields.items():
        place = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        if place in _SECRETS:
            yield f"# {name}: {field.description}\n"
            continue
        value = given.get(place, _usual(place, field))
        yield f"# {field.description}"
        yield f"{'' if place in given else '#'}{name} = {_toml(value)}\n"


def _usual(place: str, field: FieldInfo) -> Any:
    return _EXAMPLES[place] if field.default is None else field.default


def _toml(value: Any) -> str:
    """A text, number or truth; TOML writes these as JSON does."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(given: dict[str, str]) -> None:
    """Refuse what the file would be refused for, and a password, which others would read."""
    url = given.get("database.url")
    parsed = database_url(url)
    if url is not None and parsed is None:
        raise ConfigError(
            "database.url: must be a database URL",
            hint="write it as sqlite:///order-sync.db",
        )
    if parsed is not None and parsed.password is not None:
        raise ConfigError(
            "database.url: a password does not belong in a file that is shared",
            hint="set ORDER_SYNC_DATABASE__URL instead",
        )
    content: dict[str, Any] = {}
    for place, value in given.items():
        section, _, name = place.rpartition(".")
        (content.setdefault(section, {}) if section else content)[name] = value
    try:
        FileSettings.model_validate(content)
    except ValidationError as error:
        found = pydantic_problems(error, FileSettings, show_values=True)
        problems = tuple(f"{'.'.join(map(str, place))}: {what}" for place, what in found)
        raise ConfigError(
            problems[0], hint="give another value, or none", problems=problems
        ) from None
