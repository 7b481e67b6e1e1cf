"""The monitoring pages: what runs do and have done, read from the tables alone.

The pages are made on the server and work without scripts; a small script shipped with them keeps
figures fresh. They ask nobody else for anything.
"""

from order_sync.dashboard.app import create_app
from order_sync.dashboard.server import serve

__all__ = ["create_app", "serve"]
