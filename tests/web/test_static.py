"""What browsers are sent: nothing from another host, and the vendored style sheet as it was published."""

from __future__ import annotations

import hashlib
import re

from edu_pilot import paths

STATIC = paths.PACKAGE / "static"
ELSEWHERE = re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//|url\(\s*[\"']?(?:https?:)?//|@import")
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style|javascript:", re.I)


def test_the_vendored_files_are_as_published() -> None:
    sums = [*STATIC.glob("vendor/*/*.sha256"), *(paths.PACKAGE / "verifier").glob("vendor/*/*.sha256")]
    assert {file.name for file in sums} == {"bootstrap.min.css.sha256", "nacl.min.js.sha256"}
    for file in sums:
        digest, name = file.read_text().split()
        assert hashlib.sha256((file.parent / name).read_bytes()).hexdigest() == digest


def test_no_page_loads_anything_from_another_host_or_inline() -> None:
    assert ELSEWHERE.search('<img src="//cdn.example/x.js">') and INLINE.search('<p style="x">')
    assert INLINE.search("<script>a()</script>") and not INLINE.search('<script src="/static/a.js" defer></script>')
    pages = [p for p in paths.templates().rglob("*.html") if "documents" not in p.relative_to(paths.templates()).parts]
    assert pages
    for page in pages:
        assert not ELSEWHERE.search(page.read_text("utf-8")) and not INLINE.search(page.read_text("utf-8")), page
    for sheet in STATIC.rglob("*.css"):
        assert not ELSEWHERE.search(sheet.read_text("utf-8")), sheet
