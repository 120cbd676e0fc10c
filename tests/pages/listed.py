"""The pages to look at: one way into each, by somebody to whom it is open, for a record of each workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.trust import matrix
from tests.trust.matrix import Cell, World

# What is no page for people's eyes: files, what programs ask, and what redirects.
NOT_PAGES = ("/static/", "/api/", "/healthz", "/readyz", "/metrics", "/version")
HTML = "text/html"


@dataclass(frozen=True)
class Page:
    """An address and the headers of who opens it."""

    name: str
    rule: str
    workflow: str
    path: str
    headers: Mapping[str, str]

    @property
    def which(self) -> tuple[str, str]:
        """The page whoever reads it: its rule, and the workflow it shows."""
        return self.rule, self.workflow

    @property
    def cookie(self) -> tuple[str, str]:
        """The browser's cookie as name and value."""
        name, _, value = self.headers["Cookie"].partition("=")
        return name, value


def pages(world: World) -> list[Page]:
    """Give every page once for each workflow it shows, and once for each kind of reader it is open to."""
    found: dict[tuple[str, str, frozenset[str]], Page] = {}
    for cell in _open(world):
        workflow = cell.thing.workflow if cell.thing else ""
        page = Page(str(cell), cell.rule, workflow, cell.path, cell.headers)
        found.setdefault((*page.which, _readers(cell)), page)
    return [page for page in found.values() if _is_html(world, page)]


def _readers(cell: Cell) -> frozenset[str]:
    """Tell readers apart where a page has no record: there each role sees its own; a record's page has one form."""
    own = cell.principal.roles & {matrix.STUDENT} if cell.thing else cell.principal.roles
    return frozenset(own)


def _open(world: World) -> Iterator[Cell]:
    for cell in matrix.cells(world, whole=True):
        crossed = "the wrong way" in cell.principal.name
        if cell.method == "GET" and cell.expected == {200} and not crossed and not cell.rule.startswith(NOT_PAGES):
            yield cell


def _is_html(world: World, page: Page) -> bool:
    answer = world.app.test_client(use_cookies=False).get(page.path, headers=dict(page.headers))
    return answer.status_code == 200 and answer.content_type.startswith(HTML)
