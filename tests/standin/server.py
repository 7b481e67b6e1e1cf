"""The HTTP side: a strict endpoint in a thread, with faults a test switches on."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, execute, parse, validate
from graphql.execution.values import get_variable_values

from tests.standin.errors import refusal
from tests.standin.resolvers import official_schema, resolve_field
from tests.standin.state import World

BROKEN = ("drop", "gateway", "cut", "pathless")
GATEWAY_PAGE = b"<html><head><title>504</title></head><body>Gateway time-out</body></html>"
LIMITS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    # spelling of the hint: headers, extensions; {s} is the wait in seconds
    "Retry-After": ({"Retry-After": "{s}"}, {"code": "RATE_LIMIT_EXCEEDED"}),
    "retry_in_seconds": ({}, {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": "{s}"}),
    "retryAfterMs": ({}, {"code": "RATE_LIMIT_EXCEEDED", "retryAfterMs": "{ms}"}),
    "t": (
        {
            "RateLimit-Policy": '"minuteRate";q=2500;w=60',
            "RateLimit": '"minuteRate";r=0;t={s}',
        },
        {"code": "maxConcurrencyExceeded"},
    ),
    "daily": ({}, {"code": "DAILY_LIMIT_EXCEEDED", "status_code": 429}),
}


@dataclass
class Fault:
    """Something that goes wrong with a request that holds the root field `on`.

    do: drop (close without an answer), gateway (504 and HTML), cut (half an answer), limit (429),
        late (close at once, write `delay_s` later), slow (answer `delay_s` later),
        pathless (an error that names no alias), token (401 from now on),
        call (`hook` runs, then the connection closes)
    write: whether the document is executed before the answer goes wrong
    """

    do: str
    on: str = ""
    skip: int = 0
    times: int = 1
    write: bool = False
    delay_s: float = 0.0
    spelling: str = "Retry-After"
    hook: Callable[[], None] | None = None


@dataclass
class FieldFault:
    """One alias of a document fails; `write` says whether it was done all the same."""

    on: str
    status: int
    code: str
    message: str
    skip: int = 0
    times: int = 1
    write: bool = False


@dataclass
class Seen:
    """A request as it came in."""

    kind: str
    fields: list[str]
    key: str | None
    body: bytes
    at: float
    status: int = 0
    aliases: int = 0


@dataclass
class Call:
    """Context of one execution: lets a fault strike at one alias."""

    world: World
    faults: list[FieldFault]
    pending: FieldFault | None = None

    def before_field(self, parent: str, name: str) -> None:
        self.pending = None
        for fault in self.faults:
            if parent != "Mutation" or fault.on != name or fault.times <= 0:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.write:
                raise refusal(fault.message, fault.code, fault.status)
            self.pending = fault
            return

    def after_field(self, parent: str, name: str) -> None:
        fault, self.pending = self.pending, None
        if fault is not None:
            raise refusal(fault.message, fault.code, fault.status)


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Lost(Exception):
    """No answer goes out."""


class CutShort(Exception):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class StandIn:
    """The endpoint: what came in, what goes wrong, and the world behind it."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.token = token
        self.faults: list[Fault] = []
        self.field_faults: list[FieldFault] = []
        self.seen: list[Seen] = []
        self.token_revoked = False
        self.served_version = "2026-10"
        self.most_at_once = 0
        self._at_once = 0
        self._memory: dict[str, Answer | None] = {}
        self._bodies: dict[str, bytes] = {}
        self._arrived = threading.Condition()
        self._late: list[threading.Thread] = []
        official_schema()

    # what a test reads

    @property
    def mutations(self) -> int:
        return sum(s.kind == "mutation" for s in self.seen)

    @property
    def reads(self) -> int:
        return sum(s.kind == "query" for s in self.seen)

    def count(self, root_field: str) -> int:
        return sum(Counter(s.fields)[root_field] for s in self.seen)

    def forget(self) -> None:
        self.seen.clear()
        self.world.writes.clear()

    def wait_for(self, root_field: str, timeout: float = 40.0) -> None:
        """Until a request with that root field has come in."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: self.count(root_field) > 0, timeout)
        assert arrived, f"no {root_field} within {timeout} s"

    def settle(self) -> None:
        for thread in self._late:
            thread.join(10)

    # one request

    def answer(self, headers: Any, body: bytes) -> Answer:
        with self._arrived:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            answer = self._answer(headers, body)
        finally:
            with self._arrived:
                self._at_once -= 1
        return answer

    def _answer(self, headers: Any, body: bytes) -> Answer:
        if self.token_revoked or headers.get("Authorization") != self.token:
            return self._fail(401, "Not Authenticated", "USER_NOT_AUTHENTICATED")
        if "application/json" not in headers.get("Content-Type", ""):
            return self._fail(400, "Content-Type must be application/json", "BAD_REQUEST")
        version = headers.get("API-Version") or "2026-10"
        if not re.fullmatch(r"\d{4}-\d{2}", version):
            return self._fail(200, "bad API version", "InvalidVersionException")
        if version != "2026-10":
            self.world.complaints.append(f"API-Version was {version}")
        try:
            request = json.loads(body)
            query, variables = request["query"], request.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return self._fail(400, "the body is not JSON with a query", "JsonParseException")
        if not isinstance(query, str) or not isinstance(variables, dict):
            return self._fail(400, "query is text, variables an object", "INVALID_GRAPHQL_REQUEST")
        try:
            document = parse(query)
        except GraphQLError as error:
            return self._fail(400, f"Parse error: {error.message}", "GRAPHQL_PARSE_FAILED")
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if len(operations) != 1:
            return self._fail(400, "one operation is wanted", "INVALID_GRAPHQL_REQUEST")
        fields = [s.name.value for s in operations[0].selection_set.selections]
        kind = operations[0].operation.value
        key = headers.get("Idempotency-Key") if kind == "mutation" else None
        seen = Seen(kind, fields, key, body, time.monotonic())
        seen.aliases = len([f for f in fields if f != "complexity"])
        with self._arrived:
            self.seen.append(seen)
            self._arrived.notify_all()
        answer = self._served(seen, document, operations[0], variables)
        seen.status = answer.status
        answer.headers.setdefault("API-Version", self.served_version)
        if self.world.options.budget_headers:
            answer.headers.setdefault("RateLimit-Policy", '"minuteRate";q=2500;w=60')
            answer.headers.setdefault("RateLimit", '"minuteRate";r=2400')
        return answer

    def _served(self, seen: Seen, document: Any, operation: Any, variables: Any) -> Answer:
        if seen.kind == "mutation":
            self._note_key(seen)
        fault = self._strikes(seen.fields)
        if fault is not None and fault.do == "limit":
            return self._limited(fault)
        if fault is not None and fault.do == "late":
            thread = threading.Thread(
                target=self._write_late, args=(fault, seen, document, operation, variables)
            )
            self._late.append(thread)
            thread.start()
            raise Lost
        if fault is not None and fault.do == "slow":
            time.sleep(fault.delay_s)
        time.sleep(self.world.options.delay_s)
        if fault is not None and fault.do == "call" and not fault.write:
            (fault.hook or (lambda: None))()
            raise Lost
        if fault is not None and fault.do == "token":
            self.token_revoked = True
            return self._fail(401, "Not Authenticated", "USER_NOT_AUTHENTICATED")
        if fault is not None and fault.do in BROKEN and not fault.write:
            return self._broken(fault, Answer(200, b'{"data":{"a":'))
        answer = self._remembered(seen, document, operation, variables)
        if fault is None or fault.do == "slow":
            return answer
        if fault.do == "call":
            (fault.hook or (lambda: None))()
            raise Lost
        return self._broken(fault, answer)

    def _strikes(self, fields: list[str]) -> Fault | None:
        with self._arrived:
            for fault in self.faults:
                if (fault.on and fault.on not in fields) or fault.times <= 0:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _broken(self, fault: Fault, answer: Answer) -> Answer:
        if fault.do == "pathless":
            return self._fail(200, "Internal server error", "INTERNAL_SERVER_ERROR")
        if fault.do == "gateway":
            return Answer(504, GATEWAY_PAGE, {"Content-Type": "text/html"})
        if fault.do == "cut":
            raise CutShort(answer)
        raise Lost

    def _write_late(self, fault: Fault, *request: Any) -> None:
        time.sleep(fault.delay_s)
        self._remembered(*request)

    def _limited(self, fault: Fault) -> Answer:
        headers, extensions = LIMITS[fault.spelling]
        seconds = int(fault.delay_s)
        headers = {k: v.replace("{s}", str(seconds)) for k, v in headers.items()}
        numbers = {"{s}": seconds, "{ms}": seconds * 1_000}
        extensions = {k: numbers.get(v, v) for k, v in extensions.items()}
        body = {"errors": [{"message": "Limit exceeded", "extensions": extensions}]}
        return Answer(429, self._encoded(body), headers)

    # idempotency

    def _note_key(self, seen: Seen) -> None:
        if seen.key is None:
            self.world.complaints.append("a mutation came without an Idempotency-Key")
        elif self._bodies.setdefault(seen.key, seen.body) != seen.body:
            self.world.complaints.append("an Idempotency-Key came back with another body")

    def _remembered(self, seen: Seen, document: Any, operation: Any, variables: Any) -> Answer:
        remembers = self.world.options.remembers_keys and seen.key is not None
        if remembers:
            with self._arrived:
                if seen.key in self._memory:
                    earlier = self._memory[str(seen.key)]
                    if earlier is None:
                        answer = self._fail(409, "is being processed", "IDEMPOTENCY_CONFLICT")
                        answer.headers["Retry-After"] = "1"
                        return answer
                    replay = {"Idempotency-Replayed": "true"}
                    return Answer(earlier.status, earlier.body, earlier.headers | replay)
                self._memory[str(seen.key)] = None
        answer = self._executed(document, operation, variables)
        if remembers:
            with self._arrived:
                self._memory[str(seen.key)] = answer
        return answer

    def _executed(self, document: Any, operation: Any, variables: dict[str, Any]) -> Answer:
        schema = official_schema()
        broken = validate(schema, document)
        if broken:
            return self._fail(400, broken[0].message, "GRAPHQL_VALIDATION_FAILED")
        declared = operation.variable_definitions or ()
        strangers = set(variables) - {d.variable.name.value for d in declared}
        if strangers:
            return self._fail(400, f"unknown variables {strangers}", "INVALID_GRAPHQL_REQUEST")
        values = get_variable_values(schema, declared, variables)
        if isinstance(values, list):
            return self._fail(200, values[0].message, "argumentLiteralsIncompatible")
        with self.world.lock:
            result: Any = execute(
                schema,
                document,
                context_value=Call(self.world, self.field_faults),
                variable_values=variables,
                field_resolver=resolve_field,
            )
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
            self._note_unanswered(body["errors"])
        return Answer(200, self._encoded(body))

    def _note_unanswered(self, errors: list[Any]) -> None:
        for error in errors:
            if error.get("extensions", {}).get("code") in (None, "NotImplemented"):
                self.world.complaints.append(f"no answer here: {error['message']}")

    @staticmethod
    def _encoded(body: dict[str, Any]) -> bytes:
        body["extensions"] = {"request_id": str(uuid.uuid4())}
        return json.dumps(body).encode()

    def _fail(self, status: int, message: str, code: str) -> Answer:
        error = {"message": message, "extensions": {"code": code, "status_code": status}}
        return Answer(status, self._encoded({"errors": [error]}))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    stand_in: StandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v2":
            self._send(Answer(404, b"{}"))
            return
        try:
            self._send(self.stand_in.answer(self.headers, body))
        except CutShort as cut:
            half = cut.answer.body[: len(cut.answer.body) // 2]
            self._send(Answer(200, half, {"Content-Length": str(len(cut.answer.body) + 10)}))
            self._hang_up()
        except Lost:
            self._hang_up()

    def do_GET(self) -> None:
        self._send(Answer(405, b"{}", {"Allow": "POST"}))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(answer.body)),
            "x-request-id": str(uuid.uuid4()),
        }
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what came in is kept in StandIn.seen."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    world: World

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed client leaves broken connections behind; all else is a fault of this server."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.world.complaints.append(f"the stand-in broke: {error!r}")


@contextmanager
def running(world: World, token: str) -> Iterator[tuple[StandIn, str]]:
    """The stand-in and its address, as long as the block lasts."""
    stand_in = StandIn(world, token)
    handler = type("BoundHandler", (Handler,), {"stand_in": stand_in})
    server = Server(("127.0.0.1", 0), handler)
    server.world = world
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stand_in, f"http://127.0.0.1:{server.server_port}/v2"
    finally:
        stand_in.settle()
        server.shutdown()
        server.server_close()
        thread.join()
