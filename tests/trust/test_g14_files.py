"""G14: hostile files through every door: refused with a reason or made harmless, and the house still stands."""

from __future__ import annotations

import io
import random
import re
import socket
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from edu_pilot import clock, sandboxed
from edu_pilot.services import accounts, papers, sandbox, store, tables
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.spreadsheets import Unreadable
from edu_pilot.web.files import download
from edu_pilot.workflow.reasons import Refused
from tests.app import TODAY
from tests.factories import Pilot, receipt, rows
from tests.people import worker
from tests.trust import corpus, probe
from tests.trust.corpus import UNINVITED, Hostile
from tests.trust.figures import figure, seed, size
from tests.web.visitor import TOKEN, Visitor, text

# More work than a reader is given time for.
BURNING = zlib.compress(b"q 0 0 9 9 re f Q " * 2_000_000, 1)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MOST_MEMORY = sandboxed.MEMORY + 31 * sandboxed.MB
# What the calendar and a crowded machine add to the two seconds of processor time a reader has.
PATIENCE = 30.0
BOUNDARY = "a-boundary-of-ours"


def multipart(fields: dict[str, str], name: str, content: bytes, chosen_for: str = "file") -> bytes:
    """Return a form as a hostile program writes it: the name as it is, unescaped but for quotation marks."""
    written = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    shown = name.replace('"', "%22")
    written.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{chosen_for}"; filename="{shown}"\r\n\r\n')
    return "".join(written).encode("utf-8", "surrogatepass") + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def chosen() -> tuple[Hostile, ...]:
    """Return all files in a campaign; in `make test` some of each kind in turn."""
    files, wanted = corpus.every(), size("G14")
    if wanted >= 150:
        return files
    mixed = random.Random(seed("G14")).sample(files, len(files))
    first = {one.kind: one for one in reversed(mixed)}
    return tuple(list(first.values())[:wanted])


@dataclass
class Doors:
    """Every way a file comes in, at pages and for programs, as the one who may."""

    site: Flask
    tokens: dict[str, str]
    csrf: str
    visitor: Visitor
    application: str
    claim: str
    batch: str
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    # Each from an address of its own: how often one may ask is another matter.
    addresses: Iterator[str] = field(default_factory=lambda: (f"10.1.{n >> 8}.{n & 255}" for n in count(1)))

    def all(self) -> Iterator[tuple[str, Callable[[str, bytes], TestResponse]]]:
        """Give each door's name and how a file is sent through it."""
        for address in (f"application/{self.application}", f"claim/{self.claim}"):
            kind = {"kind": "receipt" if address.startswith("claim") else "id_front"}
            yield f"page {address[:5]}", self.page(f"/records/{address}/files", kind)
            yield f"api {address[:5]}", self.api(f"/api/v1/records/{address}/files", kind, "wang.fang")
        papers = f"/records/application/{self.application}/papers"
        yield (
            "page papers",
            lambda name, content: self._sent(papers, {"csrf_token": self.csrf}, name, content, {}, "id_front"),
        )
        yield "page roster", self.page("/desk/roster", {"intake": "2209", "step": "judge"})
        yield "page verify", self.page("/verify", {})
        yield "api rosters", self.api("/api/v1/imports/rosters", {"intake": "2209"}, "wang.fang")
        yield "api cases", self.api("/api/v1/imports/cases", {"intake": "2209"}, "chen.hui")
        yield "api scores", self.api("/api/v1/imports/scores", {}, "chen.hui")
        yield "api diplomas", self.api("/api/v1/imports/diplomas", {}, "chen.hui")
        yield "api results", self.api("/api/v1/imports/results", {"batch": self.batch}, "he.jun")
        yield "api certificates", self.api("/api/v1/imports/certificates", {}, "examiner")

    def page(self, path: str, fields: dict[str, str]) -> Callable[[str, bytes], TestResponse]:
        return lambda name, content: self._sent(path, {"csrf_token": self.csrf} | fields, name, content, {})

    def api(self, path: str, fields: dict[str, str], account: str) -> Callable[[str, bytes], TestResponse]:
        headers = {"Authorization": f"Bearer {self.tokens[account]}"}
        return lambda name, content: self._sent(path, fields, name, content, headers)

    def _sent(
        self, path: str, fields: dict[str, str], name: str, content: bytes, headers: Any, chosen_for: str = "file"
    ) -> TestResponse:
        start = time.perf_counter()
        with self.site.app_context():
            answer = self.visitor.client.post(
                path, data=multipart(fields, name, content, chosen_for), headers={"Accept-Language": "zh", **headers},
                content_type=f"multipart/form-data; boundary={BOUNDARY}", buffered=True,
                environ_overrides={"REMOTE_ADDR": next(self.addresses)},
            )  # fmt: skip
        self.slowest = max(self.slowest, time.perf_counter() - start)
        return answer


@pytest.fixture
def hands(site: Flask) -> Iterator[Pilot]:
    with clock.on(TODAY), site.app_context():
        yield Pilot()


@pytest.fixture
def doors(site: Flask, hands: Pilot) -> Doors:
    """Open every door; the clerk of Qihe has signed in at the pages."""
    claim = hands.claim(hands.graduated())
    application = hands.registered(worker(8))
    her = worker(7)
    given = {"receipts": [receipt("9", her.name)], "account_holder": her.name}
    batch = hands.batch(hands.approved(hands.graduated(her), **given))
    hands.export(batch)
    names = ("wang.fang", "chen.hui", "he.jun", "examiner")
    tokens = {name: accounts.token(name, OPERATOR) for name in names}
    visitor = Visitor(site, "zh")
    assert visitor.sign_in("wang.fang").status_code == 303
    found = TOKEN.search(text(visitor.get(f"/records/application/{application}")))
    assert found
    return Doors(site, tokens, found.group(1), visitor, application, claim, batch)


def is_answered(door: str, one: Hostile, answer: TestResponse) -> None:
    """Refused with a reason in Chinese, or taken; never a fault of this house."""
    told = f"{door} {one.kind} {one.name[:40]!r}: {answer.status_code}"
    assert answer.status_code in (200, 201, 303, 400, 404, 409, 413, 422), told
    if answer.status_code in (409, 413, 422):
        reasons = answer.get_json()["reasons"] if door.startswith("api") else [{"text": text(answer)}]
        assert all(CHINESE.search(reason["text"]) for reason in reasons), told
        assert reasons or answer.status_code == 413, told


def is_harmless(kept: bytes, media_type: str) -> bool:
    """A picture or a PDF of pictures, with nothing of what stood beside them."""
    heads = {"image/jpeg": b"\xff\xd8\xff", "application/pdf": b"%PDF-1.4"}
    parts = (
        b"/JS",
        b"/JavaScript",
        b"/OpenAction",
        b"/AA",
        b"/Launch",
        b"/EmbeddedFile",
        b"/XFA",
        b"/RichMedia",
        b"/URI",
    )
    plain = re.sub(rb"stream\n.*?\nendstream", b"", kept, flags=re.DOTALL)
    clean = UNINVITED not in kept and b"Exif" not in kept and b"PK\x05\x06" not in kept[-100:]
    return kept.startswith(heads[media_type]) and clean and not any(part in plain for part in parts)


def test_every_hostile_file_is_refused_or_made_harmless(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault, no file outside the store, no more memory than was granted, and the readers' process still the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    peaks, run = [0], sandbox.run

    def measured(*given: Any, **facts: str) -> sandbox.Done:
        done = run(*given, **facts)
        peaks.append(done.peak_kb * 1024)
        return done

    monkeypatch.setattr(sandbox, "run", measured)
    sandbox.walls()
    warden, files = sandbox.warden.process, chosen()
    with figure("G14", seed("G14")) as told:
        for one in files:
            for door, send in doors.all():
                answer = send(one.name, one.content)
                is_answered(door, one, answer)
                doors.answers[str(answer.status_code)] += 1
        kept = [(store.store().get(row["store_key"]), row["media_type"]) for row in rows("paper")]
        told(files=len(files), kinds=len({one.kind for one in files}), sent=doors.answers.total(), **doors.answers,
             kept=len(kept), slowest=round(doors.slowest, 1), peak_mb=max(peaks) // sandboxed.MB)  # fmt: skip
    assert all(is_harmless(*one) for one in kept)
    assert max(peaks) < MOST_MEMORY and doors.slowest < PATIENCE
    assert list((tmp_path / "temporary").iterdir()) == []
    outside = {path.parent for path in tmp_path.rglob("*.*") if path.suffix not in (".db", ".db-wal", ".db-shm")}
    assert all("store" in path.parts or "keys" in path.parts or path == tmp_path for path in outside), outside
    assert (doors.visitor.get("/healthz").status_code, sandbox.warden.process) == (200, warden)


# Each guard of a reader by itself


def refusal(content: bytes) -> str | None:
    """Return the code with which a picture or PDF is refused, None if it is taken."""
    try:
        papers.examined(content)
    except Refused as refused:
        return refused.reasons[0].code
    return None


def test_a_picture_of_too_many_pixels_is_refused_by_its_size() -> None:
    assert refusal(corpus.raw_png(5_001, 5_000)) == "picture_too_large"
    assert refusal(corpus.raw_png(5_000, 5_000)) is None


def test_a_pdf_is_drawn_anew() -> None:
    acting = corpus.pdf(catalog=f"/OpenAction<</S/JavaScript/JS({UNINVITED.decode()})>>")
    assert is_harmless(papers.examined(acting).content, "application/pdf")


def test_a_photo_loses_its_place_and_stands_upright() -> None:
    sideways = next(one.content for one in corpus.every() if one.kind == "picture with a place")
    kept = papers.examined(sideways).content
    assert is_harmless(kept, "image/jpeg")
    with corpus.Image.open(io.BytesIO(kept)) as picture:
        assert (picture.size, picture.getexif()) == ((200, 300), {})


def unreadable(kind: str) -> list[str]:
    """Return the sentences with which the tables of a kind are refused."""
    told = []
    for one in corpus.every():
        if one.kind == kind:
            with pytest.raises(Unreadable) as caught:
                tables.read_grid(one.content, one.name)
            told.append(caught.value.reason.text)
    return told


def test_an_archive_is_measured_before_it_is_unpacked() -> None:
    assert {"more than is allowed" in sentence for sentence in unreadable("xlsx bomb")} == {True}


@pytest.mark.parametrize("kind", ["xlsx path out of the archive", "xlsx entry twice", "xlsx billion laughs"])
def test_an_archive_that_no_office_program_builds_is_refused(kind: str) -> None:
    assert {"no office program" in sentence for sentence in unreadable(kind)} == {True}


# The walls


def test_behind_the_wall_is_no_network_no_file_and_no_program(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        walls, stopped = probe.tried(secret, listener.getsockname()[1])
    assert walls == {"network": True, "files": True}
    assert stopped == dict.fromkeys(stopped, True)


def test_a_reader_that_dies_or_hangs_takes_nobody_along() -> None:
    """One named refusal; the next file is read as if nothing had been, even by a new process."""
    assert refusal(corpus.pdf(content=BURNING)) == "file_beyond_limits"
    assert refusal(corpus.png(corpus.scan())) is None
    assert sandbox.warden.process
    sandbox.warden.process.kill()
    assert refusal(corpus.png(corpus.scan())) is None


# Requests


def test_a_request_beyond_measure_is_refused_at_both_doors(doors: Doors) -> None:
    """Too many bytes, too many parts, two files, none, and no boundary: plain words, and nothing is kept."""
    many = {f"x{n}": "1" for n in range(10_000)}
    huge = b"x" * (26 * 1024 * 1024)
    for at in ("page", "api"):
        address = f"/records/application/{doors.application}/files"
        open_door = doors.page if at == "page" else partial(doors.api, account="wang.fang")
        before = len(rows("paper"))
        path = address if at == "page" else f"/api/v1{address}"
        assert open_door(path, {"kind": "id_front"})("a.png", huge).status_code == 413
        assert open_door(path, many)("a.png", b"x").status_code == 413
        assert (
            open_door(path, {"kind": "id_front"})("a.png", b"\xff\xd8\xff" + huge[: 11 * 1024 * 1024]).status_code
            == 413
        )
        assert len(rows("paper")) == before


def test_a_name_is_never_a_path_and_never_a_header() -> None:
    for name in corpus.ODD_NAMES:
        headers = download(b"x", "image/jpeg", name).headers
        shown = headers["Content-Disposition"].replace("UTF-8''", "")
        assert shown.isascii() and not re.search(r"[\r\n\0/\\]", shown), name
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
    named = download(b"", "application/pdf", "德州.pdf").headers["Content-Disposition"]
    assert named.endswith("filename*=UTF-8''%E5%BE%B7%E5%B7%9E.pdf")
