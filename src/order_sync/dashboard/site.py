"""What a page is made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.access import Access
from order_sync.dashboard.decisions import Decide, form_key
from order_sync.dashboard.rendering import Renderer
from order_sync.dashboard.tables_reader import TablesReader
from order_sync.rules.comparing import KnownOrder
from order_sync.rules.mapping import Mapping
from order_sync.source_now import SourceNow

# (order key, what the board is known to hold of it) -> the source rows as they are now
LookAtSource = Callable[[str, KnownOrder | None], SourceNow]


@dataclass(frozen=True)
class Site:
    reader: TablesReader
    renderer: Renderer
    access: Access
    decide: Decide
    mapping: Mapping
    look_at_source: LookAtSource
    searched: tuple[str, ...] = ()  # columns of MON_* a search looks into, beside the key

    @property
    def form_key(self) -> str:
        """What forms of a session carry; "" where nobody may act."""
        return form_key(self.access.token) if self.access.token else ""


Handler = Callable[[Site, Request], Response]  # runs in a thread; may raise SyncError
