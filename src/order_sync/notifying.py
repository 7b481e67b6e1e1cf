"""Telling people through Apprise. Nothing here changes how a run ends.

The addresses hold secrets: they are in no log, error or table, and what Apprise and the libraries
below it say about them is not heard.
"""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import structlog

from order_sync.alerts import Ended, Reporter
from order_sync.config import Settings
from order_sync.db import notifications
from order_sync.db.engine import Database
from order_sync.db.figures import read_figures
from order_sync.db.notifications import Claim, Teller
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables, inspect_schema, require_current
from order_sync.errors import ConfigError, SyncError
from order_sync.rules.alerts import Observed, Policy
from order_sync.rules.mapping import Mapping

_TALKATIVE = ("apprise", "urllib3", "requests")

log = structlog.get_logger()


@dataclass(frozen=True)
class Told:
    """What became of one piece of news for one address."""

    alert: str
    address: int  # place in notify.urls, from 1
    is_trouble: bool
    delivered: bool


def require_apprise(settings: Settings) -> None:
    """Raise ConfigError when notifications are configured and Apprise is not installed."""
    if settings.notify.addresses and find_spec("apprise") is None:
        raise ConfigError(
            "notifications are configured, and Apprise is not installed",
            hint='pip install "monday-order-sync[notify]", or take notify.urls away',
        )


class Channel:
    """The addresses of the settings."""

    def __init__(self, settings: Settings) -> None:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        with _without_warnings():
            import apprise  # noqa: PLC0415 - it takes longer to load than a run without changes

            asset = apprise.AppriseAsset(app_id="order-sync", app_desc="order-sync")
            self._services: list[Any] = [
                apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
                for address in settings.notify.addresses
            ]

    def unknown(self) -> list[int]:
        """Places of addresses that Apprise does not understand, from 1."""
        return [n for n, service in enumerate(self._services, start=1) if service is None]

    def send(self, address: int, title: str, message: str, kind: str) -> bool:
        """Whether the address took it; `kind` is info, success, warning or failure."""
        service = self._services[address - 1]
        if service is None:
            return False
        try:
            with _without_warnings():
                return bool(service.notify(body=message, title=title, notify_type=kind))
        except Exception as error:  # whatever a service's plugin raises
            log.debug("a notification failed", address=address, reason=type(error).__name__)
            return False


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Warnings of Python about what services do are no news, and may name an address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def tell(settings: Settings, mapping: Mapping | None, ended: Ended | None = None) -> list[Told]:
    """Look at the board, and tell people what is new.

    Args:
        mapping: None: the profile cannot be read.
        ended: how a run just ended; None: nobody ran.

    Raises:
        SyncError: nobody ran, and the database cannot be read.
    """
    if not settings.notify.addresses:
        return []
    try:
        return _tell_and_remember(settings, _require(mapping), ended)
    except SyncError:
        if ended is None:
            raise
    # A database that is away is news itself; nothing can be remembered, so each run tells.
    seen = Reporter(settings, None).of_run(ended)
    wanted = [news for news in seen if news.is_trouble and news.alert in settings.notify.on]
    if not wanted:
        return []
    return _send(Channel(settings), list(_to_all(wanted, len(settings.notify.addresses))))


def _require(mapping: Mapping | None) -> Mapping:
    if mapping is None:
        raise ConfigError("the profile cannot be read")
    return mapping


def _to_all(seen: Sequence[Observed], addresses: int) -> Iterator[Claim]:
    for news in seen:
        for address in range(1, addresses + 1):
            yield Claim(news.alert, address, news.is_trouble, news.title, news.message)


def _tell_and_remember(settings: Settings, mapping: Mapping, ended: Ended | None) -> list[Told]:
    tables = build_tables(mapping)
    with closing(Database(settings.database.url)) as database:
        seen = _look(settings, mapping, ended, tables)
        me = Teller(
            board_id=settings.require_board(),
            profile=mapping.name,
            process=uuid.uuid4().hex,
            addresses=len(settings.notify.addresses),
            alerts=frozenset(settings.notify.on),
            policy=Policy(settings.notify.repeat, settings.notify.recovered),
        )
        troubles = [news for news in seen if news.is_trouble]
        if ended is None and not troubles and not _has_memory(settings, tables):
            return []  # nobody has worked on the board, and to look at it makes no tables
        database.run(lambda conn: ensure_tables(conn, tables))
        claims = database.run(lambda conn: notifications.claim(conn, tables, me, seen))
        if not claims:
            return []
        return _send(Channel(settings), claims, partial(_record, database, tables, me))


def _record(database: Database, tables: Tables, me: Teller, claim: Claim, delivered: bool) -> None:
    database.run(lambda conn: notifications.record(conn, tables, me, claim, delivered=delivered))


def _look(
    settings: Settings, mapping: Mapping, ended: Ended | None, tables: Tables
) -> list[Observed]:
    """What is seen now, in one transaction that only reads."""
    board_id = settings.require_board()
    with (
        closing(Database(settings.database.url, read_only=True)) as database,
        database.begin() as conn,
    ):
        require_current(inspect_schema(conn, tables))
        figures = read_figures(conn, tables, board_id, mapping.name)
    reporter = Reporter(settings, figures)
    return [*(reporter.of_run(ended) if ended is not None else ()), *reporter.of_state()]


def _has_memory(settings: Settings, tables: Tables) -> bool:
    with closing(Database(settings.database.url, read_only=True)) as database:
        return database.has_table(tables.notifications.name)


def _send(
    channel: Channel, claims: Sequence[Claim], record: Callable[[Claim, bool], None] | None = None
) -> list[Told]:
    """Send one after the other; each is recorded before the next is sent."""
    told = []
    for claim in claims:
        kind = "failure" if claim.is_trouble else "success"
        delivered = channel.send(claim.address, claim.title, claim.message, kind)
        if record is not None:
            record(claim, delivered)
        if not delivered:
            log.warning(
                "a notification was not delivered, the next run tries again",
                alert=claim.alert.value,
                address=claim.address,
            )
        told.append(Told(claim.alert.value, claim.address, claim.is_trouble, delivered))
    return told


def tell_after_run(settings: Settings, mapping: Mapping | None, ended: Ended) -> None:
    """`tell`, where nothing may go wrong: what does is a warning in the log."""
    try:
        tell(settings, mapping, ended)
    except SyncError as error:
        log.warning("notifications failed", reason=error.message)
    except Exception as error:
        # Its text may hold an address.
        log.warning("notifications failed", reason=type(error).__name__)


def send_test(settings: Settings) -> list[Told]:
    """Send a message that says nothing is wrong to every address.

    Raises:
        ConfigError: there is no address, or one that Apprise does not understand.
    """
    if not settings.notify.addresses:
        raise ConfigError(
            "no address is set to notify",
            hint="set ORDER_SYNC_NOTIFY__URLS, or notify.urls_file to a file that holds the"
            " addresses",
        )
    require_apprise(settings)
    channel = Channel(settings)
    unknown = channel.unknown()
    if unknown:
        raise ConfigError(
            f"address {', '.join(map(str, unknown))} of notify.urls is none that Apprise knows"
            " (it is not shown here)",
            hint="addresses are URLs such as slack://… or mailto://…, separated by blanks or line"
            " breaks",
        )
    title = f"order-sync ({settings.environment}): test"
    message = "This is a test: notifications of order-sync arrive here."
    return [
        Told("test", number, False, channel.send(number, title, message, "info"))
        for number in range(1, len(settings.notify.addresses) + 1)
    ]
