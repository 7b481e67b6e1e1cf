"""Settings: defaults, then order-sync.toml, then one of its environments, then the environment.

Everything is checked at once; a token appears in no message and in no printed form.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from order_sync.errors import ConfigError
from order_sync.private_files import warning_if_open
from order_sync.profile import is_path
from order_sync.settings import (
    DEFAULT_DATABASE,
    HOW_TO_AUTHENTICATE,
    FileSettings,
    Settings,
    database_url,
    safe_url,
)
from order_sync.toml_file import Place, TomlFile, did_you_mean, parse_toml, pydantic_problems

__all__ = ["CONFIG_FILE", "Settings", "find_config", "load_settings", "safe_url"]

CONFIG_FILE = "order-sync.toml"
POSTGRES_NAMES = ("postgresql", "postgres")
KNOWN_ENVIRONMENTS = ("dev", "prod")  # need no section of their own
PREFIX = "ORDER_SYNC_"

_TOKEN_VARIABLES = ("ORDER_SYNC_MONDAY__TOKEN", "MONDAY_API_TOKEN")
_TOKEN_FILE_VARIABLES = ("ORDER_SYNC_MONDAY__TOKEN_FILE", "MONDAY_API_TOKEN_FILE")
_SHORT_NAMES = {"ORDER_SYNC_PROFILE": ("profile",)}


def load_settings(
    *, config: Path | None, env: str | None, environ: Dict[str, str], cwd: Path
) -> Settings:
    """The settings of one command.

    `config` is the file of --config, `env` the name of --env. Without `config`, order-sync.toml
    is looked for in `cwd` and the folders above. Relative paths in a file start at its folder,
    others at `cwd`.

    Raises:
        ConfigError: with every mistake found, each with its place.
    """
    path = (cwd / config) if config is not None else find_config(cwd)
    file = _read_file(path) if path is not None else TomlFile("settings", "", {})
    loader = _Loader(file, path, environ, cwd)
    return loader.load(env)


def find_config(cwd: Path) -> Path | None:
    """order-sync.toml in `cwd` or the nearest folder above that has one."""
    for folder in (cwd, *cwd.parents):
        if (folder / CONFIG_FILE).is_file():
            return folder / CONFIG_FILE
    return None


class _Loader:
    """One reading of all sources of settings; collects mistakes on its way."""

    def __init__(
        self, file: TomlFile, path: Path | None, environ: Dict[str, str], cwd: Path
    ) -> None:
        self._file = file
        self._path = path
        self._base = path.parent if path is not None else cwd
        self._environ = environ
        self._cwd = cwd
        self._origins: dict[Place, str] = {}  # settings that come from a variable
        self._in_environment: dict[Place, Place] = {}  # place of a setting -> place in the file
        self._problems: list[str] = []
        self._notices: list[str] = []

    def load(self, env: str | None) -> Settings:
        merged = self._sections()
        environment = self._environment(env)
        section = self._file.content.get("environments", {})
        chosen = section.get(environment, {}) if isinstance(section, dict) else {}
        if isinstance(chosen, dict):
            self._forbid_secrets(chosen, ("environments", environment))
            _merge(merged, chosen, (), ("environments", environment), self._in_environment)
        self._relative_to(self._base, merged)
        from_variables = self._variables()
        self._relative_to(self._cwd, from_variables)
        for place in _leaves(from_variables):
            self._in_environment.pop(place, None)
        _merge(merged, from_variables, (), (), {})
        self._token(merged)
        self._addresses(merged)
        self._databases(merged)
        settings = self._validated(merged, environment)
        monday = merged.get("monday")
        named = isinstance(monday, dict) and str(monday.get("board_name", "")).strip()
        if environment == "prod" and not named:
            self._problems.append(
                "monday.board_name: is missing: prod runs only on the board of that name"
            )
        if self._problems or settings is None:
            raise ConfigError(_summary(self._problems), problems=tuple(self._problems))
        return settings

    def _sections(self) -> dict[str, Any]:
        content = {k: v for k, v in self._file.content.items() if k != "environments"}
        self._forbid_secrets(content, ())
        merged: dict[str, Any] = {}
        _merge(merged, content, (), (), {})
        return merged

    def _environment(self, env: str | None) -> str:
        name = env if env is not None else self._environ.get("ORDER_SYNC_ENV", "").strip() or "dev"
        sections = self._file.content.get("environments", {})
        if not isinstance(sections, dict):
            self._wrong(("environments",), "must be a table of environments")
            sections = {}
        known = (*sections, *[name for name in KNOWN_ENVIRONMENTS if name not in sections])
        if name not in known:
            self._problems.append(
                f'environment "{name}" is not defined{did_you_mean(name, known)}: '
                f"known are {', '.join(known)}"
            )
        for other, section in sections.items():
            if not isinstance(section, dict):
                self._wrong(("environments", other), "must be a table")
            elif other != name:
                self._check_unused(other, section)
        return name

    def _check_unused(self, name: str, section: dict[str, Any]) -> None:
        """Mistakes in an environment that is not chosen now would only show in production."""
        self._forbid_secrets(section, ("environments", name))
        try:
            FileSettings.model_validate(section)
        except ValidationError as error:
            for place, message in pydantic_problems(error, FileSettings, show_values=False):
                self._wrong(("environments", name, *place), message)

    def _forbid_secrets(self, section: dict[str, Any], place: Place) -> None:
        monday = section.get("monday")
        if isinstance(monday, dict) and monday.pop("token", None) is not None:
            self._wrong(
                (*place, "monday", "token"),
                f"a token does not belong in a file that is shared. {HOW_TO_AUTHENTICATE}",
            )
        notify = section.get("notify")
        if isinstance(notify, dict) and notify.pop("urls", None) is not None:
            self._wrong(
                (*place, "notify", "urls"),
                "addresses hold secrets and do not belong in a file that is shared. Set "
                "ORDER_SYNC_NOTIFY__URLS, or notify.urls_file to a file that holds them.",
            )

    def _variables(self) -> dict[str, Any]:
        """Settings from environment variables; blank ones count as not set."""
        found: dict[str, Any] = {}
        known = _known_variables()
        for variable, raw in sorted(self._environ.items()):
            if not raw.strip() or not variable.startswith(PREFIX) or variable == "ORDER_SYNC_ENV":
                continue
            place = known.get(variable)
            if place is None:
                suggestion = did_you_mean(variable, known)
                self._notices.append(f"{variable} is no setting of order-sync{suggestion}")
                continue
            if place == ("monday", "token"):
                continue
            node = found
            for part in place[:-1]:
                node = node.setdefault(part, {})
            node[place[-1]] = raw.strip()
            self._origins[tuple(place)] = variable
        return found

    def _token(self, merged: dict[str, Any]) -> None:
        """The token: from a variable, or else from the file that a setting names."""
        monday = merged.setdefault("monday", {})
        if not isinstance(monday, dict):
            return
        file_variable = next((v for v in _TOKEN_FILE_VARIABLES if self._environ.get(v)), None)
        own, general = (self._environ.get(v, "").strip() for v in _TOKEN_VARIABLES)
        if file_variable:
            monday["token_file"] = str(self._cwd / self._environ[file_variable].strip())
        if own:
            self._keep_token(monday, own, _TOKEN_VARIABLES[0])
        elif file_variable or (monday.get("token_file") and not general):
            self._read_token(monday, file_variable or "monday.token_file")
        elif general:
            self._keep_token(monday, general, _TOKEN_VARIABLES[1])

    def _read_token(self, monday: dict[str, Any], origin: str) -> None:
        path = Path(str(monday["token_file"]))
        token = self._secret_in(path, origin)
        if token:
            self._keep_token(monday, token, f"{origin}: {path}")
            self._tell_if_open(path, "the token")

    def _addresses(self, merged: dict[str, Any]) -> None:
        """notify.urls: from its variable, or else from the file that a setting names."""
        notify = merged.get("notify")
        if not isinstance(notify, dict) or notify.get("urls"):
            return
        if isinstance(notify.get("urls_file"), str):
            path = Path(notify["urls_file"])
            notify["urls"] = self._secret_in(path, "notify.urls_file") or None
            self._tell_if_open(path, "addresses to notify")

    def _secret_in(self, path: Path, origin: str) -> str:
        """What stands in a file; "" when that cannot be used, which is a mistake."""
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            self._problems.append(f"{origin}: {path}: {error.strerror or 'cannot be read'}")
            return ""
        except UnicodeDecodeError:
            self._problems.append(f"{origin}: {path}: is no text file")
            return ""
        if not text:
            self._problems.append(f"{origin}: {path}: is empty")
        return text

    def _tell_if_open(self, path: Path, secret: str) -> None:
        warning = warning_if_open(path, secret)
        if warning:
            self._notices.append(warning)

    def _keep_token(self, monday: dict[str, Any], token: str, origin: str) -> None:
        if token.isascii() and token.isprintable() and " " not in token:
            monday["token"] = token
        else:
            self._problems.append(f"{origin}: holds characters no token has (it is not shown here)")

    def _relative_to(self, base: Path, settings: dict[str, Any]) -> None:
        """Make relative paths absolute, in place."""
        for section, name in (("monday", "token_file"), ("notify", "urls_file")):
            values = settings.get(section)
            if isinstance(values, dict) and isinstance(values.get(name), str):
                values[name] = str(base / values[name])
        profile = settings.get("profile")
        if isinstance(profile, str) and is_path(profile):
            settings["profile"] = str(base / profile)
        for section in ("database", "source"):
            values = settings.get(section)
            if isinstance(values, dict) and isinstance(values.get("url"), str):
                values["url"] = _absolute(values["url"], base)

    def _databases(self, merged: dict[str, Any]) -> None:
        database = merged.setdefault("database", {})
        source = merged.setdefault("source", {})
        if not isinstance(database, dict) or not isinstance(source, dict):
            return
        database.setdefault("url", _absolute(DEFAULT_DATABASE, self._base))
        if not source.get("url"):
            source["url"] = database["url"]
        self._check_database(("database", "url"), database["url"])
        if source["url"] != database["url"]:
            self._check_database(("source", "url"), source["url"])

    def _check_database(self, place: Place, raw: object) -> None:
        url = database_url(raw)
        if url is None:
            self._wrong(place, "must be a database URL such as sqlite:///order-sync.db")
        elif url.get_backend_name() in POSTGRES_NAMES:
            if url.drivername not in (*POSTGRES_NAMES, "postgresql+psycopg"):
                self._wrong(place, "PostgreSQL is reached through psycopg: use postgresql://…")
            elif not url.database:
                self._wrong(place, "must name a database: postgresql://user@host/database")
        elif url.get_backend_name() == "mssql":
            if url.drivername not in ("mssql", "mssql+mssqlpython"):
                self._wrong(place, "SQL Server is reached through mssql-python: use mssql://…")
            elif not url.host or not url.database:
                self._wrong(place, "must name a host and a database: mssql://user@host/database")
        elif url.get_backend_name() != "sqlite":
            what = url.get_backend_name()
            known = "sqlite:///…, postgresql://… or mssql://…"
            self._wrong(place, f"{what} is not supported: use {known}")
        elif not url.database or url.database == ":memory:":
            self._wrong(place, "must name a file: what the board holds may not be forgotten")
        elif not Path(url.database).parent.is_dir():
            self._wrong(place, f"the folder {Path(url.database).parent} does not exist: create it")
        if url is not None and url.password and place not in self._origins and self._path:
            self._tell_if_open(self._path, "the password of a database")

    def _validated(self, merged: dict[str, Any], environment: str) -> Settings | None:
        try:
            checked = FileSettings.model_validate(merged)
        except ValidationError as error:
            # Values stay unsaid: a password or token may stand in the wrong place.
            for place, message in pydantic_problems(error, FileSettings, show_values=False):
                self._wrong(place, message)
            return None
        return Settings(
            **{name: getattr(checked, name) for name in FileSettings.model_fields},
            environment=environment,
            config_file=self._path,
            notices=tuple(self._notices),
        )

    def _wrong(self, place: Place, message: str) -> None:
        """Note a mistake under the name a person gave the setting."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._origins:
                self._problems.append(f"{self._origins[place[:length]]}: {message}")
                return
        there = self._in_environment.get(place, place)
        self._problems.append(self._file.problem(there, message))


def _read_file(path: Path) -> TomlFile:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: it is not UTF-8 text") from None
    return parse_toml(text, path.name)


def _merge(
    into: dict[str, Any],
    more: dict[str, Any],
    place: Place,
    prefix: Place,
    moved: dict[Place, Place],
) -> None:
    """Lay `more` over `into`; `moved` learns where in the file each value stands."""
    for key, value in more.items():
        here = (*place, key)
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _merge(into[key], value, here, prefix, moved)
        else:
            into[key] = value
            moved[here] = (*prefix, *here)


def _leaves(settings: dict[str, Any], place: Place = ()) -> list[Place]:
    found: list[Place] = []
    for key, value in settings.items():
        found += _leaves(value, (*place, key)) if isinstance(value, dict) else [(*place, key)]
    return found


def _known_variables() -> dict[str, tuple[str, ...]]:
    """Environment variable -> the setting it fills."""
    known: dict[str, tuple[str, ...]] = dict(_SHORT_NAMES)
    for name, field in FileSettings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for setting in section.model_fields:
                known[f"{PREFIX}{name.upper()}__{setting.upper()}"] = (name, setting)
    return known


def _absolute(raw: str, base: Path) -> str:
    """A SQLite URL whose file no longer depends on the working folder; others as they are."""
    url = database_url(raw)
    if url is None or url.get_backend_name() != "sqlite":
        return raw
    database = url.database
    if not database or database == ":memory:" or database.startswith("file:"):
        return raw
    return url.set(database=str(base / database)).render_as_string(hide_password=False)


def _summary(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} mistakes in the settings: {problems[0]}"
