"""What a page is made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.access import Access
from order_sync.dashboard.rendering import Renderer
from order_sync.dashboard.tables_reader import TablesReader


@dataclass(frozen=True)
class Site:
    reader: TablesReader
    renderer: Renderer
    access: Access


Handler = Callable[[Site, Request], Response]  # runs in a thread; may raise SyncError
