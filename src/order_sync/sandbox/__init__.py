"""A local stand-in for monday.com, for rehearsals and tests. README.md says what it does not do."""

from order_sync.sandbox.app import create_app
from order_sync.sandbox.board_files import template_names
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.faults import Fault, available_faults, parse_fault
from order_sync.sandbox.options import Plan, SandboxOptions, with_settings
from order_sync.sandbox.request_log import RequestRecord
from order_sync.sandbox.sandbox import GroupView, ItemView, Sandbox
from order_sync.sandbox.server import SandboxServer, serve

__all__ = [
    "ApiError",
    "Fault",
    "GroupView",
    "ItemView",
    "Plan",
    "RequestRecord",
    "Sandbox",
    "SandboxOptions",
    "SandboxServer",
    "available_faults",
    "create_app",
    "parse_fault",
    "serve",
    "template_names",
    "with_settings",
]
