"""Gather every message id from code and templates into the Chinese catalogue; name those without a text.

python scripts/texts.py            update edu_pilot/translations/zh/LC_MESSAGES/messages.po
python scripts/texts.py --check    exit 1 and list what has no Chinese text or is no longer used
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

TARGET = Path("edu_pilot/translations/zh/LC_MESSAGES/messages.po")
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None}
DATED = datetime(2022, 1, 1, tzinfo=UTC)


def found() -> Catalog:
    """Return every message id in use, with no texts."""
    catalogue = Catalog(
        locale="zh",
        project="edu-pilot",
        header_comment="# Chinese texts of edu-pilot, gathered by scripts/texts.py.",
        # A date of its own would change the file at every run.
        creation_date=DATED,
        revision_date=DATED,
        fuzzy=False,
    )
    for folder in ("edu_pilot", "templates"):
        for message, place in _messages(folder):
            # Places by file, without lines: a moved line is no change of the catalogue.
            catalogue.add(message, locations=[(place, 0)])
    return catalogue


def _messages(folder: str) -> Iterator[tuple[str, str]]:
    for file, _line, message, _comments, _context in extract_from_dir(folder, METHODS, keywords=KEYWORDS):
        if isinstance(message, str) and message:
            yield message, f"{folder}/{file}"


def kept() -> Catalog:
    """Return the catalogue as it stands."""
    if not TARGET.exists():
        return Catalog(locale="zh")
    with TARGET.open("rb") as file:
        return read_po(file, locale="zh")


def missing() -> list[str]:
    """Return the ids in use that have no Chinese text."""
    texts = kept()
    return [str(m.id) for m in found() if m.id and not (texts.get(m.id) and texts.get(m.id).string)]


def unused() -> list[str]:
    """Return the ids in the catalogue that nothing uses."""
    used = found()
    return [str(m.id) for m in kept() if m.id and used.get(m.id) is None]


def update() -> None:
    """Write the catalogue with the ids in use and the texts it had."""
    texts, fresh = kept(), found()
    for message in fresh:
        if message.id and (known := texts.get(message.id)):
            message.string = known.string
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TARGET.open("wb") as file:
        write_po(file, fresh, width=110, sort_output=True, omit_header=False, include_lineno=False)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        update()
    faults = missing() + [f"unused: {message}" for message in unused()]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)
