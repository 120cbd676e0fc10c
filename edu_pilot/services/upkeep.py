"""What keeps an installation in order: old rows and files go, the money is counted, the trail is signed."""

from __future__ import annotations

from edu_pilot.services import anchors, erasure, idempotency, links, logins, reconciliation, sweep, throttle


def run() -> dict[str, int]:
    """Put everything in order once and return what there was to do; the worker does so every hour."""
    return {
        "keys_dropped": idempotency.purge(),
        "sign_ins_dropped": logins.purge() + links.purge() + throttle.purge(),
        **erasure.run_due(),
        "money_differences": reconciliation.watch(),
        "files_swept": sweep.due(),
        # Last, so that what this run did is signed with it.
        "anchors_made": anchors.make_hourly(),
    }
