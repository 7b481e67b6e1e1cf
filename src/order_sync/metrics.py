"""Names, units, labels and help of every figure, and their text form for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest, write_to_textfile

from order_sync import __version__
from order_sync.db.figures import Figures, LastRun
from order_sync.errors import ConfigError

PREFIX = "order_sync_"
COMMON = ("board_id", "profile", "environment")  # labels every figure has

Values = Iterator[tuple[tuple[str, ...], float]]  # (own labels, value)


@dataclass(frozen=True)
class Metric:
    """One figure. Each is a gauge: what the database says now, which may be less than before."""

    name: str  # without PREFIX; ends in its unit
    about: str
    values: Callable[[Figures], Values]
    labels: tuple[str, ...] = ()  # besides COMMON; each has few values, known beforehand


@dataclass(frozen=True)
class Sample:
    """One value of one metric."""

    name: str
    labels: dict[str, str]
    value: float


def _one(value: float | None) -> Values:
    if value is not None:
        yield (), float(value)


def _last(value: Callable[[LastRun], float | None]) -> Callable[[Figures], Values]:
    """A figure of the last run of each command; left out where the run has none."""

    def values(f: Figures) -> Values:
        for run in f.last_runs:
            found = value(run)
            if found is not None:
                yield (run.command,), float(found)

    return values


def _outcomes(f: Figures) -> Values:
    for run in f.last_runs:
        for outcome, rows in run.outcomes.items():
            if rows is not None:
                yield (run.command, outcome), float(rows)


def _refusals(f: Figures) -> Values:
    rows: Counter[tuple[str, ...]] = Counter()
    for error in f.errors:
        rows[error.unit, error.code] += error.rows
    yield from ((labels, float(count)) for labels, count in rows.items())


def _version(_: Figures) -> Values:
    yield (__version__,), 1.0


def _age(f: Figures) -> float | None:
    return None if f.last_good_at is None else (f.at - f.last_good_at).total_seconds()


def _doubt_age(f: Figures) -> float:
    return 0.0 if f.oldest_doubt_at is None else (f.at - f.oldest_doubt_at).total_seconds()


METRICS = (
    Metric("build_info", "1, with the version of order-sync as a label.",
           _version, ("version",)),
    Metric("last_run_timestamp_seconds", "When the last run of a command ended, Unix time.",
           _last(lambda run: run.ended_at.timestamp()), ("command",)),
    Metric("last_run_duration_seconds", "How long the last run of a command took.",
           _last(lambda run: run.seconds), ("command",)),
    Metric("last_run_exit_code", "Exit code of the last run of a command; missing: it died.",
           _last(lambda run: run.exit_code), ("command",)),
    Metric("last_run_rows", "Order lines, size lines or rows of the last run by outcome.",
           _outcomes, ("command", "outcome")),
    Metric("last_run_waits", "How often monday.com's limits held the last run back.",
           _last(lambda run: run.waits), ("command",)),
    Metric("last_run_retries", "Requests of the last run that were sent again.",
           _last(lambda run: run.retries), ("command",)),
    Metric("last_good_run_timestamp_seconds",
           "When sync last came to its end (exit 0 or 3), Unix time; missing: it never did.",
           lambda f: _one(None if f.last_good_at is None else f.last_good_at.timestamp())),
    Metric("last_good_run_age_seconds", "Seconds since sync last came to its end; missing: never.",
           lambda f: _one(_age(f))),
    Metric("open_refusals", "Refused rows that are still open, by unit and error code.",
           _refusals, ("unit", "code")),
    Metric("open_refusals_total_rows", "Refused rows that are still open, all of them.",
           lambda f: _one(f.open_refusals)),
    Metric("staged_rows", "Rows in staging by unit and state.",
           lambda f: (((c.unit, c.state), float(c.rows)) for c in f.staged), ("unit", "state")),
    Metric("rows_in_doubt", "Rows of which nobody knows whether the board has them.",
           lambda f: _one(f.in_doubt)),
    Metric("oldest_doubt_age_seconds", "Seconds since the oldest of them was sent; 0: none.",
           lambda f: _one(_doubt_age(f))),
    Metric("active_batches", "Batches that have not ended.", lambda f: _one(f.active_batches)),
    Metric("calls_today", "Requests to monday.com since midnight UTC, repeats included.",
           lambda f: _one(f.today.calls)),
    Metric("calls_repeated_today", "Those of them that were repeats.",
           lambda f: _one(f.today.repeats)),
    Metric("complexity_points_today", "Complexity points charged since midnight UTC.",
           lambda f: _one(f.today.complexity)),
    Metric("calls_per_day_limit", "Calls a day of the account; missing: monday.com never told.",
           lambda f: _one(f.calls_per_day)),
    Metric("board_orders", "Order lines the board is known to hold.", lambda f: _one(f.orders)),
    Metric("board_size_lines", "Size lines the board is known to hold.",
           lambda f: _one(f.size_lines)),
)  # fmt: skip


def samples(figures: Figures, common: tuple[str, str, str]) -> Iterator[Sample]:
    """Every value, in the order of METRICS; `common` are the values of COMMON."""
    for metric in METRICS:
        for own, value in metric.values(figures):
            labels = zip((*COMMON, *metric.labels), (*common, *own), strict=True)
            yield Sample(PREFIX + metric.name, {name: str(text) for name, text in labels}, value)


def registry_of(figures: Figures, common: tuple[str, str, str]) -> CollectorRegistry:
    """The figures in a registry of their own: no other figure of the process is in it."""
    registry = CollectorRegistry()
    gauges = {
        PREFIX + m.name: Gauge(PREFIX + m.name, m.about, (*COMMON, *m.labels), registry=registry)
        for m in METRICS
    }
    for sample in samples(figures, common):
        gauges[sample.name].labels(**sample.labels).set(sample.value)
    return registry


def as_text(registry: CollectorRegistry) -> str:
    """Prometheus' text format."""
    return generate_latest(registry).decode()


def write_file(registry: CollectorRegistry, path: Path) -> None:
    """Write the text to `path` in one step: a reader sees the old file or the new one.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or 'cannot be written'}",
            hint="name a file in a folder that is there, in the folder of node_exporter's"
            " textfile collector; its name ends in .prom",
        ) from None
