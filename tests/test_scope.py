"""C3: every look-up asks whose it may show, or stands here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.source import under

# Tables whose rows belong to somebody: a county, a person.
SCOPED = {
    "Application", "AuditEntry", "Certification", "Claim", "ClaimCheck", "Document", "Paper", "Payment", "PaymentItem",
    "Person", "PersonAlias", "PrivateInput", "Receipt", "Score", "Session", "Study",
    "Alert", "BankFile", "Incident", "LookUp", "PrintRun", "ReceiptFile",
}  # fmt: skip
ASKS_FOR_SCOPE = {"visible_to", "require_visible", "scope_of"}
# Whole packages that work on records somebody has found already, or must look beyond the county for a rule.
BEYOND_THE_COUNTY = ("services.facts.", "services.effects.", "sample.")
# Every other look-up without a scope, each with its reason.
UNSCOPED = {
    "services.accounts": {"belongs_to": "an administrator names the study whose student an account is"},
    "services.alerts": {
        "_county": "whose union is told of a receipt claimed twice",
        "_noted": "the receipt is looked for in all counties; each union is told its own part",
    },
    "services.anchors": {"overdue": "the hour of an entry, for `doctor`"},
    "services.audit": {
        "_compared": "every record's state is compared with its entries",
        "_entries": "the chain is walked whole",
    },
    "services.audit_export": {
        "_entries": "the trail as the auditor's copy, whole and without personal values",
        "_records": "where every record stands, for the auditor's copy",
    },
    "services.bank_files": {
        "content": "the lines of a batch that payments.bank_file has found for the releaser",
        "kept": "of a batch that was found already",
    },
    "services.budgets": {
        "<module>": "sums of the city's money, no record",
        "_spent": "sums of the city's money, no record",
        "_waiting": "whose turn the money reaches, for a rule",
    },
    "services.deadlines": {
        "_claims": "the calendar's work, done as the system",
        "_ended": "the calendar's work, done as the system",
        "_of_revoked": "the calendar's work, done as the system",
        "_to_warn": "the calendar's work, done as the system",
        "_unanswered": "the calendar's work, done as the system",
    },
    "services.documents": {
        "frozen": "behind `seen`, the renderer and the public check of a code",
        "of_record": "of a record that was found already",
        "pending": "the renderer's work",
        "unprintable": "numbers for `doctor`",
    },
    "services.engines": {"_advance_sequences": "numbers of rows while a database is loaded"},
    "services.erasure": {
        "_accounts_erased": "of the person who is erased, by who may erase",
        "_claim": "of the person who is erased, by who may erase",
        "_due": "the calendar's work, done as the system",
        "_inputs": "of the person who is erased, by who may erase",
        "_papers": "of the person who is erased, by who may erase",
        "_person_of_draft": "of the person who is erased, by who may erase",
        "_whole_of": "of the person who is erased, by who may erase",
        "bank_files": "of the person who is erased, by who may erase",
        "documents": "of the person who is erased, by who may erase",
        "whole": "of the person who is erased or gets the own copy; those ask who may",
    },
    "services.exam_contexts": {
        "_session_now": "inside a step on a record that was found",
    },
    "services.figures": {
        "_count": "figures of a whole database, for a copy to be compared with",
        "_hash_of": "figures of a whole database, for a copy to be compared with",
        "_head": "figures of a whole database, for a copy to be compared with",
        "_samples": "figures of a whole database, for a copy to be compared with",
        "_sums": "figures of a whole database, for a copy to be compared with",
        "checksum": "figures of a whole database, for a copy to be compared with",
        "revision": "the number of the last migration",
    },
    "services.keys": {
        "_reindexed": "every sealed value is put under the newest key",
        "_resealed": "every sealed value is put under the newest key",
    },
    "services.look_ups": {
        "days": "who looked at what, for the auditor",
        "newest": "who looked at what, for the auditor",
        "of_record": "of a record that was found already",
    },
    "services.national_query": {"_pending_and_listed": "follow-ups, done as the system"},
    "services.notices": {
        "_published": "of a list that was found already",
        "concerned": "of a list that was found already",
    },
    "services.outbox": {"first_waiting": "follow-ups, done as the system"},
    "services.own_data": {"reference_of": "of the person who asks, by their own key"},
    "services.papers": {
        "_handed_in": "a record that was found already, taken again to lock it",
        "of_record": "of a record that was found already",
    },
    "services.perform": {
        "_chunk": "each record is asked for in _decided",
        "_entering": "records born in the same transaction",
        "_moved_on": "of a record that was found already",
        "_singly": "each record is asked for in _decided",
        "perform": "the record is asked for in _decided",
    },
    "services.points": {"_judged": "records that `_there` found for the actor"},
    "services.portraits": {"newest": "of the application that the paper is issued for"},
    "services.presenting": {
        "_checks_given": "checks of claims whose entries were found already",
        "_opened": "of a record that was found already",
        "history": "of a record that was found already",
    },
    "services.query_codes": {
        "_person": "who knows code and tail is asked for nothing else",
        "masked_name_of": "the reader's own name, by the person the session is open for",
    },
    "services.printer": {
        "_require_unerased": "papers that prints.fit has found for who asked",
        "make_next": "the worker's own; each paper is asked for by prints.fit",
    },
    "services.prints": {
        "_at_point": "a condition of `find`, which is scoped",
        "_of_key": "of the account that asks, by the key of its own form",
        "_still_holding": "its conditions begin with the scope, which `_conditions` asks for",
        "find": "its conditions begin with the scope, which `_conditions` asks for",
        "log_of": "of a paper that was found already",
        "newest": "its conditions begin with the scope, which `_mine` asks for",
        "of_number": "its conditions begin with the scope, which `_mine` asks for",
        "times": "of papers that were found already",
    },
    "services.quotas": {
        "_taken": "numbers of places, for the city's registrar",
        "by_major": "numbers of places, for the city's registrar",
    },
    "services.receipt_files": {"hold": "a file is taken once in all counties, told without a record"},
    "services.reconciliation": {
        "_batches": "the city's sums, for the roles that the page and the command name",
        "_noted": "the city's sums, for the roles that the page and the command name",
        "_of_claims": "the city's sums, for the roles that the page and the command name",
        "_kept_files": "the city's sums, for the roles that the page and the command name",
        "_of_lines": "the city's sums, for the roles that the page and the command name",
        "_paid_lines": "the city's sums, for the roles that the page and the command name",
        "_sent_lines": "the city's sums, for the roles that the page and the command name",
        "_sums": "the city's sums, for the roles that the page and the command name",
    },
    "services.reviewing": {
        "_number": "a queue's conditions begin with the scope",
        "page": "a queue's conditions begin with the scope",
        "with_the_arbiter": "a condition of a queue, which is scoped",
    },
    "services.rosters": {"_live_phones": "whether a phone is taken anywhere, told without a record (R2.5)"},
    "services.search": {
        "_by_name": "a condition of `find`, which is scoped",
        "_matches": "a condition of `find`, which is scoped",
        "standings": "of the person who proved code and tail",
    },
    "services.revocations": {
        "_by_day": "marks that tell nothing to whoever has not the paper",
        "complete_marks": "gives marks to papers, shows nobody any",
    },
    "services.sittings": {"papers": "of records that were found already"},
    "services.snapshots": {"_last_payment": "a number of the trail"},
    "services.statistics": {
        "_confirmed": "rows are judged in `persons` by the county they had on the day",
        "_county_of_first": "rows are judged in `persons` by the county they had on the day",
        "_named_last": "rows are judged in `persons` by the county they had on the day",
        "_queries": "rows are judged in `persons` by the county they had on the day",
        "_query": "rows are judged in `persons` by the county they had on the day",
        "_replay_places": "rows are judged in `persons` by the county they had on the day",
    },
    "services.sweep": {"referenced": "names of files, for the house-keeping"},
    "services.unharmed": {"_noted": "sums of every table before and after a migration"},
    "services.trail": {
        "_steps": "its conditions begin with the scope, which `_in_scope` asks for",
        "page": "its conditions begin with the scope, which `_in_scope` asks for",
    },
    "services.veil": {
        "_hidden": "of a record that was found already",
        "shown_state": "a column of lists and counts, which are scoped",
    },
    "services.uploads": {"_acted_on": "of records that the account's own list brought in"},
    "services.verification": {
        "by_file": "anyone may compare a paper with what it says itself",
        "examples": "codes of fictional papers, in a trial installation only",
        "replaced_on": "a day, for whoever holds the paper it replaces",
    },
    "services.visibility": {
        "_own": "a part of the scope itself",
        "resit_is_told": "a part of the scope itself",
    },
}


def bound_tables(module: ast.Module) -> set[str]:
    """Give the names a module binds to scoped tables: `CLAIM = Claim.__table__`, alone, in a tuple, by a loop."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.GeneratorExp) and _names(node.value) & SCOPED:
            found |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Assign):
            pairs = [(t, node.value) for t in node.targets]
            for target, value in pairs:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs += zip(target.elts, value.elts, strict=True)
                elif isinstance(target, ast.Name) and getattr(getattr(value, "value", None), "id", "") in SCOPED:
                    found.add(target.id)
    return found


def _names(node: ast.AST) -> set[str]:
    """Give every name a piece of source mentions, `a.b` as a and b."""
    ids = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return ids | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def unscoped(module: ast.Module) -> set[str]:
    """Give the functions, and the module itself, that look a scoped table up and do not ask for the scope."""
    tables = bound_tables(module) | SCOPED | {"table", "tables"}
    found = set()
    for part in _parts(module):
        names = _names(part)
        called = {getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(part) if isinstance(n, ast.Call)}
        reads_rows = ("select" in called and names & tables) or called & {"by_reference", "by_ids"}
        if reads_rows and not names & ASKS_FOR_SCOPE:
            found.add(getattr(part, "name", "<module>"))
    return found


def _parts(module: ast.Module) -> Iterator[ast.AST]:
    """Yield every outermost function and method, and each statement outside of them."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield from node.body
        else:
            yield node


def test_c3_every_look_up_asks_for_the_scope() -> None:
    found = {name.removeprefix("edu_pilot."): bad for name, module in under() if (bad := unscoped(module))}
    judged = {name: bad for name, bad in found.items() if not name.startswith(BEYOND_THE_COUNTY)}
    assert judged == {name: set(known) for name, known in UNSCOPED.items()}


def test_the_scope_extractor_finds_a_planted_look_up() -> None:
    planted = ast.parse(
        "A, B = Claim.__table__, Quota.__table__\nC = Paper.__table__\n"
        "def bad(conn): return conn.execute(sa.select(A))\n"
        "def fine(conn, actor): return conn.execute(sa.select(A).where(visible_to(actor, A)))\n"
        "def other(conn): return conn.execute(sa.select(B))\n"
        "def joined(conn): return sa.select(B.c.x).join(C)\n"
        "class D:\n    def hidden(self):\n        return cases.by_reference(conn, v, w, r)\n"
        "KEPT = sa.select(Study.id)\n"
        "E, F = (m.__table__ for m in (Claim, Study))\ndef looped(conn): return sa.select(F)\n"
        "def dynamic(name): return sa.select(cases.table(name))\n"
    )
    assert unscoped(planted) == {"bad", "joined", "hidden", "<module>", "looped", "dynamic"}
