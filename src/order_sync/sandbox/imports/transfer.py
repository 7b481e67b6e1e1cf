"""The addresses outside the API: files come in, reports go out. Errors are XML, as in a store."""

import hashlib

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.answers import Answer, Delivery
from order_sync.sandbox.imports.links import REPORTS, UPLOADS
from order_sync.sandbox.sandbox import Sandbox

CSV = "text/csv"


def import_routes(sandbox: Sandbox) -> list[BaseRoute]:
    transfer = _Transfer(sandbox)
    return [
        Route(f"{UPLOADS}/{{job_id}}", transfer.upload, methods=["PUT"]),
        Route(f"{REPORTS}/{{job_id}}", transfer.report, methods=["GET"]),
    ]


class _Transfer:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def upload(self, request: Request) -> Response:
        refused = self._refusal(request) or _unfit_headers(request)
        if refused is not None:
            return _error(*refused)
        try:
            content, etag = await self._received(request)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody; what has come is thrown away
        answer = Answer(200, b"", {"ETag": etag}, content_type="text/plain")
        sandbox = self._sandbox
        with sandbox.lock:
            job = sandbox.imports.job(request.path_params["job_id"])
            lost = job.fault.loses_upload() if job.fault is not None else None
            if job.uploaded:
                return _error(403, "AccessDenied")
            if lost is None or lost or job.upload_lost:
                sandbox.imports.take_file(job, content)
            if lost is not None and not job.upload_lost:
                job.upload_lost = True
                answer = Answer(200, b"", delivery=Delivery.LOST)
        return answer.response()

    async def report(self, request: Request) -> Response:
        refused = self._refusal(request)
        if refused is not None:
            return _error(*refused)
        with self._sandbox.lock:
            job = self._sandbox.imports.job(request.path_params["job_id"])
            content = self._sandbox.imports.report(job)
        return Response(content, media_type=CSV)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        """An address the sandbox has signed belongs to a job there is."""
        code = self._sandbox.service.links.refusal(request.url.path, request.query_params)
        if code is None and "authorization" in request.headers:
            return 400, "InvalidArgument"  # two ways to say who one is
        return None if code is None else (403, code)

    async def _received(self, request: Request) -> tuple[bytes | None, str]:
        """The file and its `ETag`; no file if it is larger than allowed.

        Raises:
            ClientDisconnect: the connection closed before all of it was there.
        """
        most = self._sandbox.options.imports.file_bytes
        content, checksum, size = bytearray(), hashlib.md5(usedforsecurity=False), 0
        async for chunk in request.stream():
            size += len(chunk)
            checksum.update(chunk)
            if size <= most:
                content += chunk
        return (bytes(content) if size <= most else None), f'"{checksum.hexdigest()}"'


def _unfit_headers(request: Request) -> tuple[int, str] | None:
    if any(name.startswith("x-amz-") for name in request.headers):
        return 403, "HeadersNotSigned"
    if request.headers.get("content-type") != CSV:
        return 403, "SignatureDoesNotMatch"
    return None if "content-length" in request.headers else (411, "MissingContentLength")


def _error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return Response(body, status, media_type="application/xml")
