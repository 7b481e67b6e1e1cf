"""A local stand-in for monday.com, for rehearsals and tests. README.md says what it does not do."""

from order_sync.sandbox.app import create_app
from order_sync.sandbox.board_description import BoardFileError, DescribedBoard
from order_sync.sandbox.board_files import read_board, template_names
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.fault_file import FaultFileError, read_faults
from order_sync.sandbox.faults import Fault, available_faults, parse_fault
from order_sync.sandbox.options import ImportLimits, Plan, SandboxOptions, with_settings
from order_sync.sandbox.request_log import RequestRecord
from order_sync.sandbox.sandbox import GroupView, ItemView, Sandbox
from order_sync.sandbox.server import SandboxServer, serve
from order_sync.sandbox.state_file import StateError, StateInUse

__all__ = [
    "ApiError",
    "BoardFileError",
    "DescribedBoard",
    "Fault",
    "FaultFileError",
    "GroupView",
    "ImportLimits",
    "ItemView",
    "Plan",
    "RequestRecord",
    "Sandbox",
    "SandboxOptions",
    "SandboxServer",
    "StateError",
    "StateInUse",
    "available_faults",
    "create_app",
    "parse_fault",
    "read_board",
    "read_faults",
    "serve",
    "template_names",
    "with_settings",
]
