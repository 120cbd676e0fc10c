"""Money to and from the bank: the file it pays from, and its answer, which counts once (R5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edu_pilot.extensions import read
from edu_pilot.rules.payment import result_faults
from edu_pilot.services import bank_files, look_ups, outbox, policies, search
from edu_pilot.services.actors import require_role
from edu_pilot.services.cases import Case
from edu_pilot.services.rosters import Report, Told, Unusable
from edu_pilot.services.spreadsheets import Unreadable
from edu_pilot.services.vault import vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

WORKFLOW, STEP = "payment", "settle"
RELEASER = "finance_releaser"
Results = Sequence[tuple[int, dict[str, Any]]]


def bank_file(reference: str, actor: Actor) -> bytes:
    """Return the file of an exported batch, the bytes that were kept then; CSV in GB 18030, amounts in yuan.

    Who takes it is on record first, once for the batch (R2.9).
    Raises Forbidden for all but the releaser, NotFound, or Refused before the export.
    """
    with read() as conn:
        case = search.get(conn, WORKFLOW, reference, actor)
        require_role(actor, [RELEASER])
        content = bank_files.kept(conn, vault(), case.id)
    if content is None:
        text = N_("The bank file of batch %(batch)s is not exported.")
        raise Refused([blocked(text, code="not_exported", who=RELEASER, batch=reference)])
    # Until the bank has answered somebody must take it there; afterwards nobody needs the cards in clear.
    look_ups.note(actor, look_ups.FILE, case, "bank_file", task=case.state == "exported")
    return content


@dataclass(frozen=True)
class Judged:
    """The bank's answer as it was read, and what may be said to it; `known` says that it was taken before."""

    results: Results
    report: Report
    known: bool


def judge_results(data: bytes, filename: str, reference: str, actor: Actor) -> Judged:
    """Read the bank's answer for a batch and write nothing; raises Unusable, Forbidden or NotFound."""
    with read() as conn:
        case = search.get(conn, WORKFLOW, reference, actor)
        version = policies.of(conn, case.policy_version_id)
        require_role(actor, version.compiled.definition(WORKFLOW).actions[STEP].by)
        results = _results(data, filename, version.policy)
        known = case.state == "settled"
        return Judged(results, _report(results, _problems(case, results, version.policy), known), known)


def import_results(data: bytes, filename: str, reference: str, actor: Actor, *, dry_run: bool = False) -> Report:
    """Settle a batch by the bank's answer, whole or not at all; the same answer once more changes nothing.

    Raises Unusable (file_unreadable), Forbidden, NotFound, or Refused for a batch not exported yet.
    """
    found = judge_results(data, filename, reference, actor)
    if found.report.problems or found.known or dry_run:
        return found.report
    try:
        outbox.act(WORKFLOW, reference, STEP, actor, {"results": [result for _row, result in found.results]})
    except Refused as refused:
        return _after_another(data, filename, reference, actor, refused)
    return _report(found.results, [], False)


def _after_another(data: bytes, filename: str, reference: str, actor: Actor, refused: Refused) -> Report:
    """Answer for a batch that somebody settled at the same moment; any other refusal stays one."""
    with read() as conn:
        settled = search.get(conn, WORKFLOW, reference, actor).state == "settled"
    if not settled:
        raise refused
    return import_results(data, filename, reference, actor)


def _results(data: bytes, filename: str, policy: Policy) -> Results:
    try:
        return bank_files.read_results(data, filename, policy)
    except Unreadable as fault:
        raise Unusable(fault.reason) from None


def _problems(case: Case, results: Results, policy: Policy) -> list[Told]:
    """Return what keeps the answer from being taken, each with the line it stands on; 0 for no line."""
    faults = result_faults(policy, [item.number for item in case.items], [result for _row, result in results])
    if not faults and case.state == "settled":
        faults = _contradictions(case, results)
    lines = {result["number"]: row for row, result in results}
    return [Told(lines.get(str(fault.facts["number"]), 0), fault, str(fault.facts["number"])) for fault in faults]


def _contradictions(case: Case, results: Results) -> list[Reason]:
    """R5.8: what the bank has answered stands; another answer for the same payment is not taken."""
    settled = {item.number: item.result for item in case.items}
    text = N_("Payment %(number)s is settled already with another result.")
    return [
        blocked(text, code="result_differs", field="results", who="finance_maker", number=result["number"])
        for _row, result in results
        if settled[result["number"]] != result["result"]
    ]


def _report(results: Results, problems: Sequence[Told], known: bool) -> Report:
    """Return the answer; a result that was taken before is told as such."""
    if problems:
        return Report(len(results), 0, tuple(problems), ())
    text = N_("Payment %(number)s was settled before with this result.")
    notices = [
        Told(row, blocked(text, code="already_settled", field="results", number=r["number"]), r["number"])
        for row, r in results
        if known
    ]
    return Report(len(results), len(results), (), tuple(notices))
