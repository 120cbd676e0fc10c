"""Clients that enter drafts over HTTP, each with a key of its own, and remember what they were answered."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.trust.servers import Site

# What a server that cannot do it now may answer; no answer at all is 0.
UNKNOWN = 0
TIMEOUT_SECONDS = 45

LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass
class Callers:
    """Everybody's requests by key: name, the statuses in order, and the reference once it was told."""

    site: Site
    token: str
    statuses: dict[str, list[int]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def enter(self, key: str | None = None) -> int:
        """Enter a draft, or once more the one of a key; return the status."""
        # Letters only: it also stands in a field that takes nothing like a phone or an ID number.
        key = key or uuid.uuid4().hex.translate(LETTERS)
        status, body = self._ask(key)
        self.statuses.setdefault(key, []).append(status)
        if status == 201:
            self.told[key] = json.loads(body)["reference"]
        return status

    def _ask(self, key: str) -> tuple[int, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        body = json.dumps({"name": "刘伟", "intake": "2209", "county": "371425", "employer": key})
        try:
            line.request("POST", "/api/v1/records/application", body.encode(), headers)
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return UNKNOWN, b""
        finally:
            line.close()

    def retry(self) -> list[str]:
        """Send every request without an answer once more; return the keys that still have none."""
        return [key for key in list(self.statuses) if key not in self.told and self.enter(key) != 201]

    @property
    def seen(self) -> set[int]:
        """Give every status that anybody was answered."""
        return {status for statuses in self.statuses.values() for status in statuses}

    @contextmanager
    def at_work(self, clients: int) -> Iterator[None]:
        """Let several clients enter drafts, one after the other, for the block."""
        stop = threading.Event()

        def go_on() -> None:
            while not stop.is_set():
                if self.enter() != 201:
                    stop.wait(0.2)

        threads = [threading.Thread(target=go_on) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
