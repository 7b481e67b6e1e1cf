"""Everything that can be set about a sandbox, with the presets of the plans."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

PlanName = Literal["free", "basic", "standard", "pro", "enterprise"]
CostPreset = Literal["legacy", "2024", "modern"]
Dialect = Literal["current", "legacy"]
Caller = Literal["person", "app"]


@dataclass(frozen=True)
class Plan:
    """What an account may use. Complexity is in points; the rest are requests."""

    requests_per_minute: int
    requests_in_flight: int
    requests_per_day: int
    personal_complexity_per_minute: int
    app_complexity_per_minute: int = 5_000_000  # for reads, and as much for writes
    requests_per_ip_in_10_s: int = 5_000
    complexity_per_document: int = 5_000_000


PLANS: dict[PlanName, Plan] = {
    "free": Plan(1_000, 40, 1_000, 1_000_000),
    "basic": Plan(1_000, 40, 1_000, 10_000_000),
    "standard": Plan(1_000, 40, 1_000, 10_000_000),
    "pro": Plan(2_500, 100, 10_000, 10_000_000),
    "enterprise": Plan(5_000, 250, 25_000, 10_000_000),
}

# Points for one mutation field. The service changed its prices over the years without
# publishing the present ones, so a client has to live with all three.
WRITE_COSTS: dict[CostPreset, int] = {"legacy": 30_000, "2024": 10_000, "modern": 50}


@dataclass(frozen=True)
class ApiVersions:
    """Which API versions there are today."""

    current: str = "2026-10"
    maintenance: str = "2026-07"
    release_candidate: str = "2027-01"
    deprecated: tuple[str, ...] = (
        "2023-07",
        "2023-10",
        "2024-01",
        "2024-04",
        "2024-07",
        "2024-10",
        "2025-01",
        "2025-04",
        "2025-07",
        "2025-10",
        "2026-01",
        "2026-04",
    )


@dataclass(frozen=True)
class ImportLimits:
    """What bulk imports may use, and how quick they are; times are in sandbox seconds.

    Rows and items count subitems, too.
    """

    starts_per_hour: int = 100  # of both kinds of jobs
    items_per_hour: int = 19_000  # of `ingest_items`
    ingest_rows: int = 10_000  # of one file
    backfill_rows: int = 20_000  # of one file
    file_bytes: int = 150_000_000  # of one file
    link_life_s: float = 10 * 60  # of the addresses for uploads and reports
    pickup_s: float = 1.0  # from the end of the upload until the file is looked at
    rows_per_s: float = 200.0  # written while a job goes on
    report_s: float = 1.0  # from the end of the job until there is a report


@dataclass(frozen=True)
class SandboxOptions:
    """How a sandbox behaves; the defaults are an enterprise account without faults."""

    token: str | None = None  # None: any token that is not empty
    caller: Caller = "person"  # whose complexity budget counts: person or app
    plan: PlanName = "enterprise"  # whose limits apply
    limits: bool = True  # False: nothing is ever refused for using too much
    plan_limits: Plan | None = None  # own figures instead of those of `plan`
    costs: CostPreset = "modern"  # points of a write: 30,000, 10,000 or 50
    api_dialect: Dialect = "current"  # errors as today, or as before 2025
    versions: ApiVersions = field(default_factory=ApiVersions)
    served_version: str | None = None  # answer as this version whatever was asked for

    latency_ms: float = 0  # added to every answer
    alias_latency_ms: float = 0  # added for every root field of a mutation
    time_limit_s: float = 60.0  # real, as latency is; longer ones end in a 504
    read_lag_s: float = 0.0  # new items stay out of searches and pages that long
    read_lag_on_ids: bool = False  # True: they stay out of `items(ids:)` too
    time_scale: float = 1.0  # sandbox seconds that pass in one real second

    idempotency: bool = True  # False: the server forgets every key at once
    idempotency_life_s: float = 1800.0  # how long a key is remembered
    idempotency_budget_bytes: int = 64_000_000  # of all remembered answers
    idempotency_reply_bytes: int = 1_000_000  # of one answer; a longer one is not remembered

    cursor_life_s: float = 3600.0  # from the first page
    items_limit: int = 10_000  # items of one board; does not count subitems
    subitems_limit: int | None = None  # subitems of one item; no figure is published
    status_labels_limit: int = 40  # of one column
    dropdown_labels_limit: int = 500  # of one column
    column_values_bytes: int = 65_536  # the column values of one call, as JSON text

    formula_values_per_minute: int = 10_000  # `display_value` of formulas
    formula_columns_limit: int = 5  # of one document

    imports: ImportLimits = field(default_factory=ImportLimits)

    request_log_size: int = 10_000  # the oldest requests are forgotten first
    request_log_answer_bytes: int = 32_000_000  # of the answers kept with them, likewise
    seed: int = 0  # of made-up ids and of faults that strike by chance

    @property
    def quota(self) -> Plan:
        return self.plan_limits or PLANS[self.plan]


def with_settings(options: SandboxOptions, texts: Iterable[str]) -> SandboxOptions:
    """`options` with settings as people write them: `NAME=VALUE`.

    Figures of the plan and of imports are among them.

    Raises:
        ValueError: no such setting, or a value that cannot be read.
    """
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"expected NAME=VALUE, not {text!r}")
        if name in _kinds(SandboxOptions):
            options = replace(options, **{name: _read(name, value, _kinds(SandboxOptions)[name])})
        elif name in _kinds(Plan):
            figure = _read(name, value, _kinds(Plan)[name])
            options = replace(options, plan_limits=replace(options.quota, **{name: figure}))
        elif name in _kinds(ImportLimits):
            figure = _read(name, value, _kinds(ImportLimits)[name])
            options = replace(options, imports=replace(options.imports, **{name: figure}))
        else:
            raise ValueError(f"no setting {name!r}; choose from: {', '.join(setting_names())}")
    return options


def setting_names() -> list[str]:
    """What `with_settings` knows."""
    return [name for owner in (SandboxOptions, Plan, ImportLimits) for name in _kinds(owner)]


def _kinds(owner: type[Any]) -> dict[str, Any]:
    """Settings that are one number, one word of several, or yes or no."""
    return {
        one.name: one.type
        for one in fields(owner)
        if one.type in (int, float, bool, int | None) or get_args(one.type)[:1] in _WORDS
    }


_SPEEDS = ("rows_per_s", "time_scale")  # nothing would ever happen at 0
_WORDS = [get_args(kind)[:1] for kind in (PlanName, CostPreset, Dialect, Caller)]


def _read(name: str, text: str, kind: Any) -> Any:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{name} is true or false, not {text!r}")
        return text == "true"
    if kind not in (int, float, int | None):
        if text not in get_args(kind):
            raise ValueError(f"{name} is one of {', '.join(get_args(kind))}, not {text!r}")
        return text
    try:
        number = float(text) if kind is float else int(text)
    except ValueError:
        raise ValueError(f"{name} has to be a number, not {text!r}") from None
    if not 0 <= number < math.inf or (number == 0 and name in _SPEEDS):
        raise ValueError(f"{name} cannot be {text}")
    return number
