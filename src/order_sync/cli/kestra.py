"""What a run tells Kestra: one line of outputs and one of metrics, on stdout.

Kestra reads every line of a task that is `::{...}::` with a JSON object inside. Outputs are flat.
A metric is a counter, or a timer in seconds; each needs its tags, as texts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from order_sync.cli.output import leave_quietly, safe
from order_sync.errors import (
    BoardMismatch,
    ConfigError,
    ExitCode,
    GuardStopped,
    Interrupted,
    LockHeld,
    PausedByBudget,
    SyncError,
    Unreachable,
)

if TYPE_CHECKING:
    from order_sync.cli.session import Session
    from order_sync.outcome import Plan, RunReport

Value = str | int | float
Outputs = Mapping[str, Value]

_LONGEST_TEXT = 1_000  # characters of a message: Kestra keeps outputs with the execution
# The codes of what can stop a run amid its work; its report keeps only the exit code.
_STOPPED_BY = {
    error.exit_code: error.code
    for error in (ConfigError, PausedByBudget, Unreachable, BoardMismatch, LockHeld, GuardStopped)
} | dict.fromkeys((ExitCode.INTERRUPTED, ExitCode.TERMINATED), Interrupted.code)
# What stands in the metrics, too: counts that are worth a line over many runs.
_COUNTERS = (
    "orders_new", "orders_changed", "orders_cancelled", "orders_deleted", "orders_created",
    "orders_updated", "orders_archived", "orders_unchanged", "size_lines_created",
    "size_lines_updated", "refused", "in_doubt", "pending", "calls",
)  # fmt: skip


def speak_kestra(session: Session, asked: bool) -> None:
    """Let `session` answer in Kestra's lines if that was asked for.

    Raises:
        ConfigError: a JSON document was asked for, too.
    """
    if asked and session.json:
        raise ConfigError(
            "--kestra and --output json exclude each other: each wants stdout for itself",
            hint="leave out one of them",
        )
    session.kestra = asked


def tell_plan(plan: Plan, out: Path | None) -> None:
    """Print what a plan found."""
    customers = plan.customers
    outputs: dict[str, Value] = {
        "board_id": plan.board_id,
        "exit_code": int(ExitCode.DONE),
        "orders_to_send": plan.orders_to_send,
        "orders_new": sum(c.new for c in customers),
        "orders_taken_over": sum(c.taken_over for c in customers),
        "orders_to_complete": sum(c.completed for c in customers),
        "orders_changed": sum(c.changed for c in customers),
        "orders_cancelled": sum(c.cancelled for c in customers),
        "orders_deleted": sum(c.deleted for c in customers),
        "orders_reported": len(plan.reported),
        "orders_unchanged": plan.unchanged,
        "size_lines_created": sum(c.size_lines for c in customers),
        "size_lines_updated": sum(c.size_lines_changed for c in customers),
        "refused": len(plan.refused),
        "in_doubt": sum(c.in_doubt for c in customers),
        "calls": plan.cost.calls,
        "minutes": plan.cost.minutes,
        "guards": len(plan.guards),
        "error_code": "",
        "message": "; ".join(guard.message for guard in plan.guards),
    }
    if out is not None:
        outputs["plan_file"] = str(out)
    _print("plan", outputs)


def tell_report(session: Session, report: RunReport) -> None:
    """Print what a run did, also when it was stopped amid its work."""
    stopped_by = _STOPPED_BY.get(report.exit_code, SyncError.code) if report.message else ""
    _print(
        session.name,
        {
            "run_id": report.run_id,
            "board_id": report.board_id,
            "exit_code": int(report.exit_code),
            "orders_created": report.orders_created,
            "orders_updated": report.orders_updated,
            "orders_archived": report.orders_archived,
            "orders_taken_over": report.orders_adopted,
            "orders_unchanged": report.unchanged,
            "size_lines_created": report.size_lines_created,
            "size_lines_updated": report.size_lines_updated,
            "refused": len(report.refused),
            "in_doubt": report.in_doubt,
            "pending": report.pending,
            "calls": report.read_calls + report.write_calls,
            "seconds": round(report.seconds, 3),
            "error_code": stopped_by,
            "message": report.message,
            "hint": report.hint,
        },
    )


def tell_error(session: Session, code: str, message: str, hint: str, exit_code: int) -> None:
    """Print why a command ended before it had anything to report."""
    _print(
        session.name,
        {"exit_code": int(exit_code), "error_code": code, "message": message, "hint": hint},
    )


def _print(command: str, outputs: Outputs) -> None:
    texts = {k: safe(v)[:_LONGEST_TEXT] if isinstance(v, str) else v for k, v in outputs.items()}
    lines = (_line("outputs", texts), _line("metrics", _metrics(command, outputs)))
    try:
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
    except BrokenPipeError:
        leave_quietly(sys.stdout)


def _metrics(command: str, outputs: Outputs) -> list[dict[str, object]]:
    tags = {"command": command}
    if "board_id" in outputs:
        tags["board"] = str(outputs["board_id"])
    counts = {name: outputs[name] for name in _COUNTERS if name in outputs}
    counts["stopped"] = int(bool(outputs["error_code"]))
    metrics: list[dict[str, object]] = [
        {"name": name, "type": "counter", "value": count, "tags": tags}
        for name, count in counts.items()
    ]
    if "seconds" in outputs:
        seconds = float(outputs["seconds"])
        metrics.append({"name": "duration", "type": "timer", "value": seconds, "tags": tags})
    return metrics


def _line(name: str, content: Outputs | Sequence[object]) -> str:
    """One line of the protocol; no text inside it can look like the end of one."""
    inner = json.dumps({name: content}, separators=(",", ":"))
    # Only texts can hold two colons in a row; in JSON they may be written as an escape.
    inner = inner.replace("::", r":\u003a")
    return f"::{inner}::\n"
