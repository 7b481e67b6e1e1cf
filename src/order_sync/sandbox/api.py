"""The endpoint `/v2`: who may ask, what was asked, and what comes back."""

import asyncio
import logging
import math
import re
import secrets
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from order_sync.sandbox.answers import Answer, legacy_form, refusal
from order_sync.sandbox.call import Call
from order_sync.sandbox.errors import ApiError, RequestError
from order_sync.sandbox.faults import Fault, ServerTimeLimit
from order_sync.sandbox.graphql import Operation, error_entry, execute, field_limit
from order_sync.sandbox.limits import Kind
from order_sync.sandbox.options import WRITE_COSTS, ApiVersions
from order_sync.sandbox.request_log import RequestRecord
from order_sync.sandbox.sandbox import Sandbox
from order_sync.sandbox.state_file import StateError

_WELL_FORMED_VERSION = re.compile(r"\d{4}-\d{2}", re.ASCII)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """A readable request."""

    operation: Operation
    variables: dict[str, Any]


class ApiEndpoint:
    """Answers one request after another; nothing is locked while an answer waits to be sent."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._options = sandbox.options
        self._write_cost = WRITE_COSTS[sandbox.options.costs]
        self._late: set[asyncio.Task[None]] = set()  # a task nobody holds may be collected

    async def __call__(self, request: Request) -> Response:
        started = time.perf_counter()
        record = self._sandbox.log.begin(self._sandbox.clock.now(), str(uuid.uuid4()))
        self._sandbox.limits.begin()
        try:
            answer = await self._answer(request, record)
        except RequestError as error:
            record.error_codes.append(error.code)
            answer = refusal(error)
        finally:
            kind: Kind = "mutation" if record.kind == "mutation" else "query"
            rate_limits = self._sandbox.limits.headers(kind)
            self._sandbox.limits.leave()
        answer = self._counted(answer)
        record.http_status = answer.status
        record.ms = (time.perf_counter() - started) * 1000
        signed = self._signed(answer, record, rate_limits)
        self._sandbox.log.keep_answer(record, signed)
        return signed.response()

    async def _answer(self, request: Request, record: RequestRecord) -> Answer:
        self._authenticate(request)
        self._sandbox.limits.admit(request.client.host if request.client else "")
        record.api_version = self._served_version(request)
        _require_json(request)
        question = self._read(await request.body())
        question.operation.check_version(record.api_version)
        self._describe(record, question, request)
        fault = self._strike(record) or self._too_slow(question)
        answer = fault.instead() if fault else None
        if fault is None or answer is None:
            return await self._processed(question, request, record, fault)
        after_s = fault.executes_after_s()
        if after_s is not None:
            self._execute_later(after_s, question, request, record, fault)
        await self._wait(answer, question)
        return answer

    # Reading the request ----------------------------------------------------------------------

    def _authenticate(self, request: Request) -> None:
        sent = request.headers.get("authorization", "").strip()
        token = re.sub(r"^Bearer(\s+|$)", "", sent)
        expected = self._options.token
        if token and (
            expected is None or secrets.compare_digest(token.encode(), expected.encode())
        ):
            return
        raise RequestError("USER_NOT_AUTHENTICATED", "Not Authenticated", status_code=401)

    def _served_version(self, request: Request) -> str:
        asked = request.headers.get("api-version", "default")
        served = _served(asked, self._options.versions)
        return self._options.served_version or served

    def _read(self, body: bytes) -> Question:
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise RequestError(
                "JsonParseException", f"The body is not JSON: {error}", status_code=400
            ) from None
        query = content.get("query") if isinstance(content, dict) else None
        if not isinstance(query, str) or not query.strip():
            raise _bad_request("There is no query in the body")
        variables = content.get("variables")
        if variables is not None and not isinstance(variables, dict):
            raise _bad_request("Variables have to be an object")
        name = content.get("operationName")
        operation = self._sandbox.operations.get(query, name if isinstance(name, str) else None)
        return Question(operation, variables or {})

    def _describe(self, record: RequestRecord, question: Question, request: Request) -> None:
        operation = question.operation
        record.kind = operation.kind
        record.operations = operation.field_names
        record.document = operation.text
        record.variables = question.variables
        record.idempotency_key = request.headers.get("idempotency-key") or None

    def _strike(self, record: RequestRecord) -> Fault | None:
        """The first fault that wants this request, if any."""
        with self._sandbox.lock:
            for fault in self._sandbox.faults:
                if fault.strikes(record.kind, record.document, record.variables):
                    record.fault = fault.name
                    self._sandbox.struck[fault.name] += 1
                    return fault
        return None

    # Answering --------------------------------------------------------------------------------

    async def _processed(
        self, question: Question, request: Request, record: RequestRecord, fault: Fault | None
    ) -> Answer:
        key = self._honoured_key(record)
        if key is None:
            answer = self._carried_out(question, request, record, fault)
            return await self._delivered(answer, question, fault)
        with self._sandbox.lock:
            remembered = self._sandbox.memory.begin(key)
        if remembered is not None:
            record.replayed = True
            headers = {**remembered.headers, "Idempotency-Replayed": "true"}
            return await self._delivered(replace(remembered, headers=headers), question, fault)
        try:
            answer = self._carried_out(question, request, record, fault)
            return await self._delivered(answer, question, fault)
        finally:
            with self._sandbox.lock:
                self._sandbox.memory.finish(key)

    def _honoured_key(self, record: RequestRecord) -> str | None:
        honoured = record.kind == "mutation" and self._options.idempotency
        return record.idempotency_key if honoured else None

    def _execute_later(
        self,
        after_s: float,
        question: Question,
        request: Request,
        record: RequestRecord,
        fault: Fault,
    ) -> None:
        """Execute in `after_s` real seconds, unless the key has its answer already.

        Raises:
            RequestError: 409, the first request with this key is still running.
        """
        key = self._honoured_key(record)
        if key is not None:
            with self._sandbox.lock:
                if self._sandbox.memory.begin(key) is not None:
                    return

        async def late() -> None:
            try:
                await asyncio.sleep(after_s)
                self._carried_out(question, request, record, fault)
            except RequestError as error:
                record.error_codes.append(error.code)
            finally:
                if key is not None:
                    with self._sandbox.lock:
                        self._sandbox.memory.finish(key)

        task = asyncio.create_task(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _latency_s(self, question: Question) -> float:
        writes = question.operation.writes
        return (self._options.latency_ms + writes * self._options.alias_latency_ms) / 1000

    def _too_slow(self, question: Question) -> Fault | None:
        """A document that takes longer than the server gives it loses its last fields."""
        if self._latency_s(question) <= self._options.time_limit_s:
            return None
        each_s = self._options.alias_latency_ms / 1000
        in_time = (
            math.ceil(self._options.time_limit_s / each_s) if each_s else question.operation.writes
        )
        return ServerTimeLimit(in_time=in_time)

    async def _delivered(self, answer: Answer, question: Question, fault: Fault | None) -> Answer:
        if fault is not None:
            answer = fault.afterwards(answer)
        await self._wait(answer, question)
        return answer

    async def _wait(self, answer: Answer, question: Question) -> None:
        """Let the configured latency pass. Other requests go on meanwhile."""
        delay_s = min(self._latency_s(question), self._options.time_limit_s) + answer.delay_s
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    def _carried_out(
        self, question: Question, request: Request, record: RequestRecord, fault: Fault | None
    ) -> Answer:
        """Execute; what is written and the answer to its key outlive the process together."""
        if record.kind != "mutation":
            return self._executed(question, request, record, fault)
        key = self._honoured_key(record)
        try:
            with self._sandbox.changing():
                answer = self._executed(question, request, record, fault)
                if key is not None and (fault is None or fault.keeps_key()):
                    self._sandbox.memory.learn(key, answer)
        except StateError as error:
            raise _not_kept(error) from None
        return answer

    def _counted(self, answer: Answer) -> Answer:
        """The answer, once its request is counted where a restart finds it."""
        try:
            self._sandbox.keep_counts()
        except StateError as error:
            return refusal(_not_kept(error))
        return answer

    def _executed(
        self, question: Question, request: Request, record: RequestRecord, fault: Fault | None
    ) -> Answer:
        operation, limits = question.operation, self._sandbox.limits
        record.cost = operation.estimate(question.variables, self._write_cost)
        before = limits.charge(operation.kind, record.cost)
        if operation.only_asks_complexity:
            limits.charge_less_today()
        call = Call(
            self._sandbox.service,
            operation.kind,
            writes=operation.writes,
            base_url=str(request.base_url).rstrip("/"),
            version=record.api_version,
            fault=fault,
            points_before=before,
            points=record.cost,
        )
        with self._sandbox.lock:
            result = execute(operation, question.variables, call)
        real_cost = operation.real_cost(result.data, self._write_cost)
        limits.settle(operation.kind, record.cost, real_cost)
        refused = field_limit(operation, result)
        if refused is not None:
            raise limits.refused(refused)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            for error in result.errors:
                _report_unforeseen(error.original_error)
            body["errors"] = [error_entry(error) for error in result.errors]
            record.error_codes += [entry["extensions"]["code"] for entry in body["errors"]]
        body["extensions"] = {"request_id": record.request_id}
        return Answer(200, orjson.dumps(body), identified=True)

    def _signed(self, answer: Answer, record: RequestRecord, rate_limits: dict[str, str]) -> Answer:
        """With the headers and the request id every answer has, in the dialect that is spoken."""
        headers = {
            **rate_limits,
            "x-request-id": record.request_id,
            "API-Version": record.api_version or self._options.versions.current,
            **answer.headers,
        }
        body = answer.body
        if answer.is_json and not answer.identified:
            content = orjson.loads(body)
            body = orjson.dumps({**content, "extensions": {"request_id": record.request_id}})
        if answer.is_json and self._options.api_dialect == "legacy":
            body = orjson.dumps(legacy_form(orjson.loads(body), answer.status))
        return replace(answer, headers=headers, body=body)


def _bad_request(message: str) -> RequestError:
    return RequestError("INVALID_GRAPHQL_REQUEST", message, status_code=400)


def _require_json(request: Request) -> None:
    """A body that says it is something else is not read; one that says nothing is tried."""
    told = request.headers.get("content-type", "application/json")
    if told.partition(";")[0].strip().lower() != "application/json":
        raise _bad_request("The body has to be of type application/json")


def _served(asked: str, versions: ApiVersions) -> str:
    """The version that answers when `asked` is wanted: often another one, silently.

    Raises:
        RequestError: not a version at all; listed among the errors of an HTTP 200 answer.
    """
    if asked == "default":
        return versions.current
    if asked in (versions.current, versions.maintenance, versions.release_candidate, "dev"):
        return asked
    if not _WELL_FORMED_VERSION.fullmatch(asked):
        raise RequestError(
            "InvalidVersionException", f"{asked!r} is not an API version", status_code=200
        )
    return versions.maintenance if asked in versions.deprecated else versions.current


def _not_kept(error: StateError) -> RequestError:
    """Nobody may take for done what a restart would lose."""
    _log.error("%s; %s", error.message, error.hint)
    return RequestError("INTERNAL_SERVER_ERROR", error.message, status_code=500)


def _report_unforeseen(error: BaseException | None) -> None:
    """A bug of the sandbox must not pass for a fault it was asked to play."""
    if error is not None and not isinstance(error, ApiError):
        _log.error("the sandbox failed", exc_info=error)
