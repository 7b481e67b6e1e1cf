"""sandbox: the stand-in for monday.com, with a page that shows the board."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.errors import ConfigError

if TYPE_CHECKING:
    from order_sync.sandbox import Sandbox


class Plan(StrEnum):
    """Plans of monday.com accounts; they set the limits."""

    FREE = "free"
    BASIC = "basic"
    STANDARD = "standard"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Costs(StrEnum):
    """What a write costs, in complexity points: 30,000, 10,000 or 50."""

    LEGACY = "legacy"
    OF_2024 = "2024"
    MODERN = "modern"


class Dialect(StrEnum):
    """How errors look: as today, or as before 2025."""

    CURRENT = "current"
    LEGACY = "legacy"


def add_to(app: typer.Typer) -> None:
    command(app, "sandbox")(sandbox)


def sandbox(
    session: Session,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any free one.")
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="Address to listen on.")
    ] = "127.0.0.1",
    customer: Annotated[
        list[str] | None,
        typer.Option("--customer", metavar="NAME", help="A customer the board offers; repeatable."),
    ] = None,
    plan: Annotated[Plan, typer.Option("--plan", help="Whose limits apply.")] = Plan.ENTERPRISE,
    costs: Annotated[
        Costs, typer.Option("--costs", help="Points of a write: 30,000, 10,000 or 50.")
    ] = Costs.MODERN,
    dialect: Annotated[
        Dialect, typer.Option("--dialect", help="Errors as today or as before 2025.")
    ] = Dialect.CURRENT,
    items_limit: Annotated[
        int, typer.Option("--items-limit", metavar="N", min=0, help="Items a board can hold.")
    ] = 10_000,
    time_scale: Annotated[
        float,
        typer.Option("--time-scale", metavar="X", min=0.001, help="Minutes pass X times as fast."),
    ] = 1,
    latency_ms: Annotated[
        float, typer.Option("--latency-ms", metavar="MS", min=0, help="Added to every answer.")
    ] = 0,
    read_lag: Annotated[
        float, typer.Option("--read-lag", metavar="S", min=0, help="New items are not found for.")
    ] = 0,
    no_limits: Annotated[
        bool, typer.Option("--no-limits", help="Never refuse for too much.")
    ] = False,
    no_idempotency: Annotated[
        bool, typer.Option("--no-idempotency", help="Forget every idempotency key at once.")
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME[:SETTING=VALUE,…]", help="Go wrong so; repeatable."),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Show the faults there are, and end.")
    ] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other figure; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of ids and of chance.")] = 0,
) -> int:
    """Serve a stand-in for monday.com until Ctrl-C."""
    from order_sync.profile import DEFAULT_PROFILE
    from order_sync.sandbox import SandboxOptions, parse_fault, serve, with_settings

    if list_faults:
        return _list_faults(session)
    try:
        faults = [parse_fault(text) for text in fault or ()]
    except ValueError as error:
        raise ConfigError(
            f"--fault: {error}", hint="see: order-sync sandbox --list-faults"
        ) from None
    options = SandboxOptions(
        plan=plan.value,
        costs=costs.value,
        api_dialect=dialect.value,
        items_limit=items_limit,
        time_scale=time_scale,
        limits=not no_limits,
        latency_ms=latency_ms,
        read_lag_s=read_lag,
        idempotency=not no_idempotency,
        seed=seed,
    )
    try:
        options = with_settings(options, setting or ())
    except ValueError as error:
        raise ConfigError(f"--set: {error}", hint="write for example --set read_lag_s=5") from None

    def announce(address: str, started: Sandbox) -> None:
        board = started.add_board(
            DEFAULT_PROFILE, customers=[*_sample_customers(), *(customer or ())]
        )
        place = Place(address, board.id, board.name, "any-token")
        session.result(place.document(), place.text())
        sys.stdout.flush()

    try:
        serve(options, port, host, boards=(), faults=faults, announce=announce)
    except KeyboardInterrupt:
        session.say("the sandbox has ended")
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another --port or --host",
        ) from error
    return 0


def _list_faults(session: Session) -> int:
    from order_sync.cli.output import table
    from order_sync.sandbox import available_faults

    faults = available_faults()
    session.result({"faults": faults}, table(["Fault", "What happens"], faults.items()))
    return 0


def _sample_customers() -> list[str]:
    """Customers the board's column knows, so that the sample orders fit."""
    expected = resources.files("order_sync.samples").joinpath("expected.json").read_bytes()
    customers: list[str] = json.loads(expected)["customers"]
    return customers


@dataclass(frozen=True)
class Place:
    """Where a sandbox is, and how to point order-sync at it."""

    address: str
    board_id: str
    board_name: str
    token: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ORDER_SYNC_MONDAY__API_URL": f"{self.address}/v2",
            "ORDER_SYNC_MONDAY__BOARD_ID": self.board_id,
            "MONDAY_API_TOKEN": self.token,
        }

    def document(self) -> dict[str, object]:
        return {
            "address": self.address,
            "board_url": f"{self.address}/boards/{self.board_id}",
            "settings": self.settings,
        }

    def text(self) -> str:
        exports = "\n".join(f"export {name}={value}" for name, value in self.settings.items())
        return (
            f"{self.address}\n{self.board_name}: {self.address}/boards/{self.board_id}\n\n"
            f"In another terminal:\n{exports}\n\nCtrl-C ends it, and the board is gone."
        )
