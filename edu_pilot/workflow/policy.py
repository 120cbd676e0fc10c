"""One version of the policy: parameters and catalogue tables, read by dotted name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

Row = Mapping[str, str]


class UnknownParameter(KeyError):
    """A parameter or table that this policy version does not hold."""


@dataclass(frozen=True)
class Policy:
    """Parameters (`policies.yaml`) and tables (`catalogue/*.csv`) of one published version."""

    number: int
    holds_from: date
    parameters: Mapping[str, Any]
    tables: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        """Return the parameter at a dotted path; a missing one is an error that names it."""
        value: Any = self.parameters
        for name in path.split("."):
            if not isinstance(value, Mapping) or name not in value:
                raise UnknownParameter(path)
            value = value[name]
        return value

    def find(self, path: str, default: Any = None) -> Any:
        """Return the parameter at a dotted path, or the default where it is not given."""
        try:
            return self.get(path)
        except UnknownParameter:
            return default

    def table(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a catalogue table, in file order."""
        try:
            return self.tables[name]
        except KeyError:
            raise UnknownParameter(f"catalogue/{name}.csv") from None

    def row(self, table: str, code: str | None, column: str = "code") -> Row | None:
        """Return the row whose column holds the code, or None."""
        return next((row for row in self.table(table) if row[column] == code), None)

    def label(self, table: str, code: str | None, lang: str = "zh") -> str:
        """Return the name a catalogue row has in a language, or the code itself."""
        row = self.row(table, code)
        return row[f"name_{lang}"] if row else (code or "")


def read_tables(files: Mapping[str, str]) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Yield each catalogue table of a folder's files as (name, rows); `plans/530701.csv` is `plans/530701`."""
    for path, text in files.items():
        if path.startswith("catalogue/") and path.endswith(".csv"):
            name = path.removeprefix("catalogue/").removesuffix(".csv")
            yield name, tuple(csv.DictReader(io.StringIO(text)))
