"""G12: whatever is sent, by description, by form or as raw bytes: no 5xx, no hang, no number in clear, no leak."""

from __future__ import annotations

import io
import json
import re
import resource
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from werkzeug.routing import Rule
from werkzeug.test import run_wsgi_app

from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from tests.app import Place, at_work, opened
from tests.factories import Pilot
from tests.people import LIU_WEI
from tests.trust.figures import column, figure, seed, size
from tests.web.visitor import Visitor

SECONDS = 5.0
GROWTH = 1.05
ACCOUNTS = ("wang.fang", "chen.hui", "zhao.min", "sun.li", "he.jun", "xu.ning", "admin")
WORKFLOWS = ("application", "study", "certification", "claim", "session", "payment")
FIELD = re.compile(r'name="([a-z_\[\]0-9.]+)"')
NASTY = st.sampled_from(
    ["", "0", "-1", "99999999999999999999", "\x00", "\ud7ff", "𠮷", "' OR 1=1 --", "../../etc/passwd", "{{7*7}}", "<x>",
     "2025-02-30", "1e309", "null", "[]", '{"a": [[[[]]]]}', "%00", "\u202e", "a" * 5000, "371425198501019990"]
)  # fmt: skip
TEXT = NASTY | st.text(max_size=40)


@dataclass
class Tally:
    """What was answered, and the memory when the run had warmed up."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    latest: deque[Callable[[], object]] = field(default_factory=lambda: deque(maxlen=200))

    def ask(self, ask: Callable[[], tuple[int, bytes]], asked: str) -> None:
        """Ask once and judge the answer."""
        start = time.perf_counter()
        status, body = ask()
        seconds = time.perf_counter() - start
        self.latest.append(ask)
        self.statuses[status] += 1
        self.slowest = max(self.slowest, seconds)
        assert status < 500 or status == 503, f"{status}: {asked}"
        assert seconds < SECONDS, f"{seconds:.1f} s: {asked}"
        assert LIU_WEI.id_number.encode() not in body and LIU_WEI.phone.encode() not in body, f"in clear: {asked}"

    def require_flat(self) -> None:
        """Asking the same again must not take memory; what drew the requests keeps its own."""
        if column() == "small":
            return
        _repeat(self.latest, 2)
        warm = _resident_kib()
        _repeat(self.latest, 5)
        assert _resident_kib() < warm * GROWTH, f"{warm} KiB grew to {_resident_kib()}"


def _repeat(asks: Iterable[Callable[[], object]], times: int) -> None:
    for _ in range(times):
        for ask in asks:
            ask()


def _resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize() // 1024


@pytest.fixture
def world(sqlite_place: Place) -> Iterator[tuple[Flask, list[str]]]:
    """Give an application whose errors become answers, and the references of its records."""
    with opened(sqlite_place) as app:
        app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
        with at_work(app):
            pilot = Pilot()
            claim = pilot.submitted(pilot.graduated())
            references = ["A2209-000001", "S2209-000001", "C2209-000001", claim, pilot.draft(name="王芳")]
        yield app, references


def _run(rounds: int, check: Any, *strategies: Any) -> None:
    """Give `check` so many drawn values; the same seed draws the same."""
    configured = settings(
        max_examples=rounds, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck)
    )
    seeded(seed("G12"))(configured(given(*strategies)(check)))()


@contextmanager
def _told(part: str) -> Iterator[Tally]:
    tally = Tally()
    with figure("G12", seed("G12"), part) as told:
        try:
            yield tally
            tally.require_flat()
        finally:
            statuses = dict(sorted(tally.statuses.items()))
            told(requests=sum(statuses.values()), statuses=statuses, slowest=round(tally.slowest, 2))


def test_what_the_description_allows_is_answered(world: tuple[Flask, list[str]]) -> None:
    """Schemathesis draws from the published OpenAPI document; half of the time at records that exist."""
    app, references = world
    with at_work(app):
        tokens = [accounts.token(name, OPERATOR) for name in ACCOUNTS]
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    cases = st.one_of([operation.as_strategy() for operation in operations])
    rounds = size("G12") // 2
    with _told("api") as tally, at_work(app):

        def check(case: Any, reference: str, workflow: str, token: str, known: bool) -> None:
            if known:
                here = {"workflow": workflow, "reference": reference}
                case.path_parameters.update({k: v for k, v in here.items() if k in case.path_parameters})
            _ask_case(app, case, token, tally)

        known = st.sampled_from(references), st.sampled_from(WORKFLOWS), st.sampled_from(tokens), st.booleans()
        _run(rounds, check, cases, *known)
    assert tally.statuses.keys() & {200, 201}


def _ask_case(app: Flask, case: Any, token: str, tally: Tally) -> None:
    headers = {str(k): str(v).encode("utf-8").decode("latin-1") for k, v in (case.headers or {}).items()}
    sent = _body(case.body) if case.body.__class__.__name__ != "NotSet" else b""

    def ask() -> tuple[int, bytes]:
        answer = app.test_client().open(
            case.formatted_path, method=case.method, query_string=dict(case.query or {}), data=sent,
            content_type=case.media_type or "application/json", buffered=True,
            headers={k: v for k, v in headers.items() if v.isprintable()} | {"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        return answer.status_code, answer.data

    tally.ask(ask, f"{case.method} {case.formatted_path}")


def _body(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, default=str).encode("utf-8", "surrogatepass")


def test_every_page_takes_every_form(world: tuple[Flask, list[str]]) -> None:
    """Every route of the pages × nasty values in every field its own page shows."""
    app, references = world
    visitors = [Visitor(app) for _ in ACCOUNTS]
    with at_work(app):
        for visitor, name in zip(visitors, ACCOUNTS, strict=True):
            visitor.sign_in(name)
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(("/api/", "/static"))]
    rounds = size("G12") // 3
    fields = st.dictionaries(st.sampled_from(_fields(visitors, references)), TEXT, max_size=8)
    values = st.sampled_from([*references, *WORKFLOWS, "amend", "check", "submit"]) | TEXT
    with _told("pages") as tally, at_work(app):

        def check(n: int, rule: Rule, values: list[str], sent: Mapping[str, str], post: bool) -> None:
            path = _path(app, rule, values)
            posts = post and "POST" in (rule.methods or ())

            def ask() -> tuple[int, bytes]:
                answer = visitors[n].send(path, **sent) if posts else visitors[n].get(path)
                return answer.status_code, answer.data

            tally.ask(ask, f"{rule.rule} {sent}")

        drawn = st.lists(values, min_size=4, max_size=4)
        rules_drawn = st.sampled_from([rule for rule in rules if "logout" not in rule.rule])
        _run(rounds, check, st.integers(0, len(ACCOUNTS) - 1), rules_drawn, drawn, fields, st.booleans())
    assert 200 in tally.statuses


def _fields(visitors: list[Visitor], references: list[str]) -> list[str]:
    """Return the names of every field on the records' pages, and a few that no page has."""
    found = {"state", "county", "__class__", "csrf_token"}
    for visitor in visitors:
        for workflow, reference in zip(WORKFLOWS, references, strict=False):
            found |= set(FIELD.findall(visitor.get(f"/records/{workflow}/{reference}").get_data(as_text=True)))
    return sorted(found - {"path"})


def _path(app: Flask, rule: Rule, values: list[str]) -> str:
    given = dict(zip(sorted(rule.arguments), (value.replace("/", "_") or "_" for value in values), strict=False))
    adapter = app.url_map.bind("127.0.0.1")
    try:
        return adapter.build(rule.endpoint, given, method=sorted(rule.methods or {"GET"})[0])
    except Exception:  # a value no converter takes: the bare rule is as good an address
        return rule.rule.replace("<", "").replace(">", "")


def test_raw_bytes_are_answered(world: tuple[Flask, list[str]]) -> None:
    """Below Werkzeug's client: paths, queries, lengths and bodies no client library would send."""
    app, _ = world
    rounds = size("G12") - size("G12") // 2 - size("G12") // 3
    method = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "get", "X\x7f"])
    start = st.sampled_from(["/", "/v/", "/records/", "/api/v1/", "/api/v1/records/claim/", "/static/", "/status", ""])
    raw = st.binary(max_size=60).map(lambda part: part.decode("latin-1"))
    length = st.sampled_from(["", "0", "-1", "7", "99999999999", "x", "1e3"])
    kind = st.sampled_from(
        ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain; charset=utf-7",
         "application/x-www-form-urlencoded", "application/json; charset=utf-16", "\xff"]
    )  # fmt: skip
    with _told("raw") as tally, at_work(app):

        def check(method: str, path: str, query: str, length: str, kind: str, body: bytes) -> None:
            def ask() -> tuple[int, bytes]:
                environ = _environ(method, path, query, length, kind, body)
                parts, status, _headers = run_wsgi_app(app, environ, buffered=True)
                return int(status.split()[0]), b"".join(parts)

            tally.ask(ask, repr(path))

        paths = st.tuples(start, raw).map("".join)
        _run(rounds, check, method, paths, raw, length, kind, st.binary(max_size=200))


def _environ(method: str, path: str, query: str, length: str, kind: str, body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": length, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1", "HTTP_COOKIE": "session=" + query,
        "HTTP_ACCEPT_LANGUAGE": query, "HTTP_AUTHORIZATION": "Bearer " + path, "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
