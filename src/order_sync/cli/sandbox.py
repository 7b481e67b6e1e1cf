"""sandbox: the stand-in for monday.com, with a page that shows the board."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.errors import ConfigError, LockHeld

if TYPE_CHECKING:
    from order_sync.cli.documents import SandboxDocument
    from order_sync.sandbox import DescribedBoard, Fault, Sandbox, SandboxOptions
    from order_sync.sandbox.boards import Board


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
    faults: Annotated[
        Path | None,
        typer.Option("--faults", metavar="FILE", help="Faults in a TOML file, beside --fault."),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Show the faults there are, and end.")
    ] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other figure; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of ids and of chance.")] = 0,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Keep everything there; go on from it."),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option("--board", metavar="FILE", help="A board described in JSON; repeatable."),
    ] = None,
) -> int:
    """Serve a stand-in for monday.com until Ctrl-C."""
    from order_sync.sandbox import SandboxOptions, StateError, StateInUse, serve, with_settings

    if list_faults:
        return _list_faults(session)
    wanted = [*_faults(fault or []), *(_faults_in(faults, seed) if faults else ())]
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
    described = [_described(one, options) for one in board or ()]

    def announce(address: str, started: Sandbox) -> None:
        boards = _boards(session, started, described, customer or [])
        place = Place(address, boards, state)
        session.result(place.document(), place.text())
        sys.stdout.flush()

    try:
        serve(options, port, host, boards=(), faults=wanted, state=state, announce=announce)
    except KeyboardInterrupt:
        session.say("the sandbox has ended")
    except StateInUse as error:
        raise LockHeld(error.message, hint=error.hint) from None
    except StateError as error:
        raise ConfigError(f"--state: {error.message}", hint=error.hint) from None
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another --port or --host",
        ) from error
    return 0


def _faults(texts: list[str]) -> list[Fault]:
    from order_sync.sandbox import parse_fault

    try:
        return [parse_fault(text) for text in texts]
    except ValueError as error:
        raise ConfigError(
            f"--fault: {error}", hint="see: order-sync sandbox --list-faults"
        ) from None


def _faults_in(file: Path, seed: int) -> list[Fault]:
    from order_sync.sandbox import FaultFileError, read_faults

    hint = "see: order-sync sandbox --list-faults"
    try:
        return read_faults(file, seed)
    except FaultFileError as error:
        count = f"{len(error.problems)} mistakes" if len(error.problems) > 1 else "a mistake"
        raise ConfigError(
            f"--faults: {count} in {file}", hint=hint, problems=error.problems
        ) from None
    except OSError as error:
        raise ConfigError(f"--faults: {file}: {error.strerror}", hint="name a file") from None


def _described(board: str, options: SandboxOptions) -> DescribedBoard:
    from order_sync.sandbox import BoardFileError, read_board

    try:
        return read_board(board, options)
    except BoardFileError as error:
        problems = tuple(f"{board}: {problem}" for problem in error.problems)
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
        raise ConfigError(
            f"--board: {count} in {board}",
            hint="correct the file; order-sync check --export-board FILE writes one of your board",
            problems=problems,
        ) from None
    except OSError as error:
        raise ConfigError(
            f"--board: {board}: {error.strerror}",
            hint="name a file; order-sync check --export-board FILE writes one of your board",
        ) from None


def _boards(
    session: Session, started: Sandbox, described: list[DescribedBoard], customers: list[str]
) -> list[Board]:
    """The boards to show: those that were kept, else those that are wanted, which are made."""
    from order_sync.profile import DEFAULT_PROFILE

    with started.changing():
        if started.account.boards:
            if described:
                session.note("the boards that were kept are served, not those of --board")
        elif described:
            for one in described:
                started.add_board(one)
        else:
            started.add_board(DEFAULT_PROFILE, customers=_sample_customers())
        boards = [one for one in started.account.boards.values() if one.type == "board"]
        if customers:
            _offer(started, boards, customers)
    return boards


def _offer(started: Sandbox, boards: list[Board], customers: list[str]) -> None:
    """Every board that has labels for customers gets these."""
    refused = []
    for one in boards:
        try:
            started.offer_customers(one.id, customers)
        except ValueError as error:
            refused.append(str(error))
    if len(refused) == len(boards):
        raise ConfigError(f"--customer: {refused[0]}", hint="leave --customer out")


def _list_faults(session: Session) -> int:
    from order_sync.cli.documents import FaultsDocument
    from order_sync.cli.output import table
    from order_sync.sandbox import available_faults

    faults = available_faults()
    session.result(FaultsDocument(faults), table(["Fault", "What happens"], faults.items()))
    return 0


def _sample_customers() -> list[str]:
    """Customers the board's column knows, so that the sample orders fit."""
    expected = resources.files("order_sync.samples").joinpath("expected.json").read_bytes()
    customers: list[str] = json.loads(expected)["customers"]
    return customers


@dataclass(frozen=True)
class Place:
    """Where a sandbox is, and how to point order-sync at its first board."""

    address: str
    boards: list[Board]
    state: Path | None  # where the boards are kept

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ORDER_SYNC_MONDAY__API_URL": f"{self.address}/v2",
            "ORDER_SYNC_MONDAY__BOARD_ID": self.boards[0].id,
            "MONDAY_API_TOKEN": "any-token",
        }

    def _url(self, board: Board) -> str:
        return f"{self.address}/boards/{board.id}"

    def document(self) -> SandboxDocument:
        from order_sync.cli.documents import SandboxDocument, ServedBoard

        return SandboxDocument(
            address=self.address,
            board_url=self._url(self.boards[0]),
            boards=[ServedBoard(one.id, one.name, self._url(one)) for one in self.boards],
            settings=self.settings,
        )

    def text(self) -> str:
        boards = "\n".join(f"{one.name}: {self._url(one)}" for one in self.boards)
        exports = "\n".join(f"export {name}={value}" for name, value in self.settings.items())
        end = "the board is gone" if self.state is None else f"the board stays in {self.state}"
        return (
            f"{self.address}\n{boards}\n\nIn another terminal:\n{exports}\n\n"
            f"Ctrl-C ends it, and {end}."
        )
