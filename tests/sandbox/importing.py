"""Short ways to say what tests of imports say often."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

STATUS = """query ($j: ID!) { fetch_job_status(job_id: $j) { ... on ItemsJobStatus {
    status progress_percentage fully_imported failure_reason failure_message
    counts { submitted invalid skipped created updated failed } report_created report_url } } }"""
LONG_S = 120  # enough for any file of these tests


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([header, *rows])
    return written.getvalue().encode()


class Job:
    """One job of a world, from its start to its report."""

    def __init__(self, world: Any, started: dict[str, str]) -> None:
        self.world = world
        self.id = started["job_id"]
        self.upload_url = started["upload_url"]

    def put(self, content: bytes, **headers: str) -> Any:
        """Headers are written with `_` for `-`."""
        named = {"Content_Type": "text/csv", **headers}
        return self.world.api.http("PUT", self.upload_url, content, **named)

    def upload(self, content: bytes) -> "Job":
        answer = self.put(content)
        assert answer.status == 200, answer.text
        return self

    def rows(self, titles: Sequence[str], *rows: Sequence[str]) -> "Job":
        """Upload rows under column titles; `name`, ids and subitem headers stay as they are."""
        return self.upload(csv_bytes([header(self.world, title) for title in titles], rows))

    def status(self) -> dict[str, Any]:
        return self.world.api.ask(STATUS, {"j": self.id}).data["fetch_job_status"]

    def ended(self) -> dict[str, Any]:
        """Its status when a long time has passed."""
        self.world.sandbox.clock.advance(LONG_S)
        return self.status()

    def counts(self) -> dict[str, int]:
        """Those of a completed job that are not 0."""
        status = self.ended()
        assert status["status"] == "COMPLETED", status
        return {name: count for name, count in status["counts"].items() if count}

    def refusal(self) -> tuple[str, str | None]:
        """Reason and message of a file that was rejected."""
        status = self.ended()
        assert status["status"] == "REJECTED", status
        assert self.world.names() == []
        return status["failure_reason"], status["failure_message"]

    def report(self) -> list[dict[str, str]]:
        answer = self.world.api.http("GET", self.ended()["report_url"])
        assert answer.status == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    def errors(self) -> list[str]:
        return [row["error"] for row in self.report()]


def header(world: Any, title: str) -> str:
    columns = {column.title: column.id for column in world.board.columns.values()}
    return "name" if title == "name" else columns.get(title, title)


def start(world: Any, field: str = "ingest_items", match: str = "", **headers: str) -> Any:
    """Start a job below the first group; `match` is GraphQL for `on_match`."""
    on_match = f", on_match: {match}" if match else ""
    return world.api.ask(
        f"mutation ($b: ID!, $g: ID!) {{ {field}(board_id: $b, group_id: $g{on_match})"
        " { job_id upload_url } }",
        {"b": world.board.id, "g": world.board.groups[0].id},
        **headers,
    )


def job(world: Any, field: str = "ingest_items", match: str = "") -> Job:
    return Job(world, start(world, field, match).data[field])


def upsert(world: Any, title: str = "Key", behaviour: str = "UPSERT") -> Job:
    """An ingest job that matches by a column."""
    column = header(world, title)
    return job(world, match=f'{{match_column_id: "{column}", behaviour: {behaviour}}}')
