"""Files on their way in and out, for pages and programs alike."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import request
from werkzeug.wrappers import Response

from edu_pilot.workflow.reasons import N_, Malformed, blocked

NAME_LENGTH = 100
SANDBOX = "default-src 'none'; sandbox"
# The browser's own reader needs styles of its own; the file itself runs nothing.
READER = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def uploaded() -> tuple[bytes, str] | None:
    """Return the bytes and the name of the one file that was sent; None without any.

    The name tells a table's kind by its ending and is nothing else: never a path, never kept.
    """
    sent = [file for _, file in request.files.items(multi=True)]
    if len(sent) > 1:
        raise Malformed([blocked(N_("Send one file at a time."), code="files_too_many", field="file")])
    file = request.files.get("file")
    return (file.read(), (file.filename or "")[-NAME_LENGTH:]) if file else None


def several(name: str) -> list[bytes]:
    """Return the bytes of every file that was chosen in one field; none was chosen where its name is empty."""
    return [file.read() for file in request.files.getlist(name) if file.filename]


def of_each_field() -> dict[str, bytes]:
    """Return the files that were sent together, by the field each was chosen for."""
    sent = {name: file for name, file in request.files.items() if file.filename}
    return {name: file.read() for name, file in sent.items()}


def download(content: bytes, media_type: str, name: str, *, shown: bool = False) -> Response:
    """Return bytes that no browser takes for a page; `shown` is for what this house itself has drawn."""
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f"{'inline' if shown else 'attachment'}; {_named(name)}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = SANDBOX
    return answer


def paper(pdf: bytes, name: str) -> Response:
    """Return a PDF that this house has drawn, to be shown by the browser's own reader."""
    answer = download(pdf, "application/pdf", name, shown=True)
    answer.headers["Content-Security-Policy"] = READER
    return answer


def _named(name: str) -> str:
    """Return a name as headers carry it: plain for old readers, whole for the others (RFC 5987)."""
    name = re.sub(r"[^\w.()-]+", "_", name).lstrip(".")[:NAME_LENGTH] or "file"
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
