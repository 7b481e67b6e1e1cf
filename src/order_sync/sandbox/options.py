"""Everything that can be set about a sandbox, with the presets of the plans."""

from dataclasses import dataclass, field
from typing import Literal

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
    app_complexity_per_minute: int = 5_000_000
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

    Rows and items count subitems, too. The hourly items are those of `ingest_items` alone.
    """

    starts_per_hour: int = 100
    items_per_hour: int = 19_000
    ingest_rows: int = 10_000
    backfill_rows: int = 20_000
    file_bytes: int = 150_000_000
    link_life_s: float = 10 * 60  # of the addresses for uploads and reports
    pickup_s: float = 1.0  # from the end of the upload until the file is looked at
    rows_per_s: float = 200.0
    report_s: float = 1.0  # from the end of the job until there is a report


@dataclass(frozen=True)
class SandboxOptions:
    """How a sandbox behaves; the defaults are an enterprise account without faults."""

    token: str | None = None  # None: any token that is not empty
    caller: Caller = "person"  # whose complexity budget counts
    plan: PlanName = "enterprise"
    limits: bool = True  # False: nothing is ever refused for using too much
    plan_limits: Plan | None = None  # own figures instead of those of `plan`
    costs: CostPreset = "modern"
    api_dialect: Dialect = "current"
    versions: ApiVersions = field(default_factory=ApiVersions)
    served_version: str | None = None  # answer as this version whatever was asked for

    latency_ms: float = 0  # added to every answer
    alias_latency_ms: float = 0  # added for every root field of a mutation
    read_lag_s: float = 0.0  # new items stay out of searches and pages that long
    read_lag_on_ids: bool = False  # True: they stay out of `items(ids:)` too
    time_scale: float = 1.0  # sandbox seconds that pass in one real second

    idempotency: bool = True  # False: the server forgets every key at once
    idempotency_life_s: float = 30 * 60
    idempotency_budget_bytes: int = 64_000_000
    idempotency_reply_bytes: int = 1_000_000

    cursor_life_s: float = 60 * 60
    items_limit: int = 10_000  # items of one board; does not count subitems
    subitems_limit: int | None = None  # subitems of one item; no figure is published
    status_labels_limit: int = 40
    dropdown_labels_limit: int = 500
    column_values_bytes: int = 65_536  # the column values of one call, as JSON text

    imports: ImportLimits = field(default_factory=ImportLimits)

    request_log_size: int = 10_000  # the oldest requests are forgotten first
    request_log_answer_bytes: int = 32_000_000  # of the answers kept with them, likewise
    seed: int = 0  # of made-up ids and of faults that strike by chance

    @property
    def quota(self) -> Plan:
        return self.plan_limits or PLANS[self.plan]
