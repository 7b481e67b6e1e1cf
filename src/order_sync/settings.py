"""What can be set: names, defaults and limits. `config.py` fills them in.

A token appears in no printed form of any of these.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, quote_plus, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
)

from order_sync.database_url import shown
from order_sync.errors import ConfigError
from order_sync.profile import DEFAULT_PROFILE
from order_sync.rules.alerts import Alert, Repeat, Threshold

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

DEFAULT_DATABASE = "sqlite:///order-sync.db"
MONDAY_API_URL = "https://api.monday.com/v2"
HOW_TO_AUTHENTICATE = (
    "Set MONDAY_API_TOKEN, or monday.token_file in order-sync.toml to a file that holds the token."
)

BoardId = Annotated[
    str,
    BeforeValidator(lambda raw: str(raw) if isinstance(raw, int) else raw),
    StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{1,20}$"),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _is_threshold(text: str) -> str:
    Threshold.parse(text)
    return text


class DatabaseSettings(_Section):
    """Where staging, production and history live."""

    url: str = Field(
        DEFAULT_DATABASE, repr=False,
        description="database of all tables of order-sync; its folder must exist",
    )  # fmt: skip

    @property
    def safe_url(self) -> str:
        """The URL without its password, for people."""
        return safe_url(self.url)


class SourceSettings(_Section):
    """Where the orders come from."""

    url: str = Field("", repr=False, description="database of the orders; blank: database.url")
    table: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1),
        Field(description="table or view of the orders, or schema.table"),
    ] = "ORDERS_UNIFIED"
    changed_column: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None,
        Field(description="column that grows when a row changes (timestamp, rowversion): rows"
              " that were not touched since the last run are not looked at"),
    ] = None  # fmt: skip
    full_pass_every: Annotated[
        int,
        Field(ge=1, le=10_000,
              description="with changed_column: every so many runs look at every row"),
    ] = 10  # fmt: skip
    changed_overlap_s: Annotated[
        float,
        Field(ge=0, le=604_800, description="with a changed_column of times: seconds to look back,"
              " for transactions that are committed late"),
    ] = 600  # fmt: skip

    @property
    def safe_url(self) -> str:
        """The URL without its password, for people."""
        return safe_url(self.url)


class MondaySettings(_Section):
    """The board, the way to it, and how hard to use it. Times are seconds."""

    api_url: Annotated[str, Field(description="where monday.com, or a sandbox, answers")] = (
        MONDAY_API_URL
    )
    api_version: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}$"),
        Field(description="version of the API that is asked for"),
    ] = "2026-10"
    board_id: Annotated[
        BoardId | None, Field(description="the board, by the number in its address")
    ] = None
    board_name: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True)] | None,
        Field(description="the board's exact name; another one stops the run"),
    ] = None
    web_url: Annotated[
        str | None,
        Field(description="address of the account in a browser, for links to items"),
    ] = None
    token: Annotated[
        SecretStr | None, Field(description="API token; only as an environment variable")
    ] = None
    token_file: Annotated[
        Path | None, Field(description="file that holds the token and nothing else")
    ] = None
    send_window_s: float = Field(5, gt=0, le=600, description="a request is on its way within")
    server_limit_s: float = Field(60, gt=0, le=3600, description="the server answers within")
    read_lag_s: float = Field(30, ge=0, le=3600, description="a new item can be found within")
    concurrency: int = Field(4, ge=1, le=250, description="requests in flight")
    batch_size: int = Field(15, ge=1, le=100, description="rows in one request at most")
    reserve: float = Field(0, ge=0, le=0.9, description="share of each limit left to others")
    max_attempts: int = Field(4, ge=1, le=100, description="tries of one row in one run")

    @field_validator("web_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        parts = urlsplit((url or "https://-").strip())
        if not parts.hostname or parts.scheme not in ("http", "https") or "@" in parts.netloc:
            raise ValueError("must be an address such as https://company.monday.com")
        return url and url.strip().rstrip("/")

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise ValueError("must be an https:// URL")
        if parts.username or parts.password:
            raise ValueError("must not hold a user or password")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("must be https: plain http would show the token on the network")
        return url.strip()


class LogSettings(_Section):
    """What is logged, on stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda raw: raw.lower() if isinstance(raw, str) else raw),
        Field(description="debug, info, warning or error"),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "text", "json"],
        Field(description="console (for people), text (plain lines) or json (one object per line);"
              " auto: console on a terminal, else text"),
    ] = "auto"  # fmt: skip


class NotifySettings(_Section):
    """Who is told when something goes wrong, through Apprise, and of what."""

    urls: Annotated[
        SecretStr | None,
        Field(description="addresses as Apprise writes them, separated by blanks or line breaks;"
              " only as an environment variable"),
    ] = None  # fmt: skip
    urls_file: Annotated[
        Path | None, Field(description="file that holds the addresses and nothing else")
    ] = None
    on: Annotated[
        tuple[Alert, ...],
        BeforeValidator(lambda raw: raw.replace(",", " ").split() if isinstance(raw, str) else raw),
        Field(description="what people are told of"),
    ] = tuple(Alert)
    repeat: Annotated[
        Repeat,
        Field(description="a trouble that lasts is told `first`: once, or `every`: whenever it is"
              " seen"),
    ] = Repeat.FIRST  # fmt: skip
    recovered: bool = Field(True, description="say once that a trouble is over")
    refused_over: Annotated[
        str,
        StringConstraints(strip_whitespace=True),
        AfterValidator(_is_threshold),
        Field(description="refused rows that may be open: a number, or a share such as 5% of them"
              " and the order lines on the board"),
    ] = "0"  # fmt: skip
    stale_hours: float = Field(
        24, gt=0, le=8760, description="hours without a sync that came to its end (exit 0 or 3)"
    )
    doubt_minutes: float = Field(
        60, ge=0, le=525_600, description="minutes for which a row may be in doubt"
    )

    @property
    def addresses(self) -> list[str]:
        """The addresses, which are secrets; none: nobody is told."""
        return self.urls.get_secret_value().split() if self.urls is not None else []


class FileSettings(_Section):
    """What order-sync.toml and each of its environments may hold."""

    profile: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1),
        Field(description="name of a shipped profile, or path of your own (.toml)"),
    ] = DEFAULT_PROFILE
    database: DatabaseSettings = DatabaseSettings(url=DEFAULT_DATABASE)
    source: SourceSettings = SourceSettings(url="")
    monday: MondaySettings = Field(default_factory=lambda: MondaySettings.model_validate({}))
    log: LogSettings = LogSettings()
    notify: NotifySettings = Field(default_factory=lambda: NotifySettings.model_validate({}))


class Settings(FileSettings):
    """Everything a command needs to know, checked."""

    environment: str = "dev"
    config_file: Path | None = None
    notices: tuple[str, ...] = ()  # odd, but no mistake: told once at start

    @property
    def is_production(self) -> bool:
        """Whether the board's name must be the one in the settings."""
        return self.environment == "prod"

    def secrets(self) -> dict[str, str]:
        """Texts no log may show, and what stands for each: token, passwords, addresses."""
        hidden = dict.fromkeys(_passwords(self.database.url) | _passwords(self.source.url), "***")
        if self.monday.token is not None:
            hidden[self.monday.token.get_secret_value()] = "[token]"
        hidden |= dict.fromkeys(self.notify.addresses, "[address]")
        return {text: instead for text, instead in hidden.items() if text}

    def require_board(self) -> str:
        """The board's id.

        Raises:
            ConfigError: none is set.
        """
        if self.monday.board_id is None:
            raise ConfigError(
                "no board is set",
                hint="Set monday.board_id in order-sync.toml, or ORDER_SYNC_MONDAY__BOARD_ID.",
            )
        return self.monday.board_id

    def require_token(self) -> SecretStr:
        """The API token.

        Raises:
            ConfigError: none is set.
        """
        if self.monday.token is None:
            raise ConfigError("no monday.com token is set", hint=HOW_TO_AUTHENTICATE)
        return self.monday.token


def database_url(raw: object) -> URL | None:
    """`raw` as a parsed SQLAlchemy URL, None when it is none."""
    # Imported late: commands that only print help should not wait for it.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        return make_url(raw) if isinstance(raw, str) else None
    except (ArgumentError, ValueError):
        return None


def safe_url(url: str) -> str:
    """A database URL with its password hidden."""
    parsed = database_url(url)
    if parsed is None:
        return "(not a database URL)"
    return shown(parsed)


def _passwords(raw: str) -> set[str]:
    """Every password in a database URL, as it is and as it may be written in one."""
    url = database_url(raw)
    if url is None:
        return set()
    found = {str(url.password or "")}
    for name, values in url.query.items():
        if re.search("pass|pwd|secret", name, re.I):
            found |= {values} if isinstance(values, str) else set(values)
    found |= {form for word in found for form in (quote(word, safe=""), quote_plus(word))}
    with suppress(ValueError):
        found.add(urlsplit(raw).password or "")
    return found


def settings_schema() -> dict[str, Any]:
    """JSON Schema of order-sync.toml, for editors."""
    schema = FileSettings.model_json_schema()
    one = {key: value for key, value in schema.items() if key != "$defs"}
    one |= {"title": "Environment", "description": "Settings that only hold in one environment."}
    schema["$defs"]["Environment"] = one
    properties = schema["properties"] | {
        "environments": {
            "type": "object",
            "description": "settings of one environment each, chosen with --env",
            "additionalProperties": {"$ref": "#/$defs/Environment"},
        }
    }
    return schema | {"title": "order-sync.toml", "properties": properties}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
