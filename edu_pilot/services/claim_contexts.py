"""What the papers around a claim say: decision, correction, payment list (R5.2, R5.5, R5.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edu_pilot.rules.calendar import working_days_after
from edu_pilot.rules.claim import BODIES
from edu_pilot.rules.claim_dates import claim_deadline, day_of
from edu_pilot.services.unit import Change
from edu_pilot.services.wording import date_zh
from edu_pilot.workflow.policy import Policy

Context = dict[str, Any]
FOUNDED = ("公示期间收到异议，经核查异议成立", "An objection during the public notice was found to be right")


def county_of(policy: Policy, code: str) -> Context:
    """Return a county's name in both languages."""
    return {"county": policy.label("counties", code), "county_en": policy.label("counties", code, "en")}


def _decision_notice(change: Change) -> Context | None:
    """R5.5: a refusal with its codes and the way to object; None for any other outcome."""
    if change.to_state != "refused":
        return None
    case, policy = change.case, change.attempt.policy
    person, study, days = case.person, case.study, policy.get("claim.review_working_days")
    return {
        **_office(policy),
        "name": person.name,
        "id_number": person.id_number,
        "reference": change.reference,
        **county_of(policy, case.county),
        "major_zh": policy.label("majors", study.major),
        "major_en": policy.label("majors", study.major, "en"),
        "diploma_number": study.diploma_number,
        "diploma_on": study.diploma_on.isoformat(),
        "submitted_on": case.submitted_on.isoformat(),
        "reasons": _grounds(change),
        "note": _notes(change) if change.attempt.action in ("check", "recheck") else change.input.get("note", ""),
        "review_days": days,
        "review_until": working_days_after(policy, change.unit.today, days).isoformat(),
    }


def _grounds(change: Change) -> list[Context]:
    """Return what speaks against the claim, each ground with who found it."""
    given = change.input
    if change.attempt.action in ("check", "recheck"):
        return _found_by_bodies(change)
    said = _coded(change.attempt.policy, given.get("reasons", ()), _voice(change, "arbiter"))
    founded = given.get("resolution") == "founded"
    return [_ground(FOUNDED[0], FOUNDED[1], _voice(change, "arbiter")), *said] if founded else said


def _found_by_bodies(change: Change) -> list[Context]:
    """Return both bodies' reasons of this round, the union's first whoever was earlier."""
    checks = sorted(change.case.checks, key=lambda check: BODIES.index(check.body))
    policy = change.attempt.policy
    return [ground for check in checks for ground in _coded(policy, check.reasons, _voice(change, check.body))]


def _notes(change: Change) -> str:
    """Return what the bodies put into words, the union's first; the claimant is told who says it."""
    checks = sorted(change.case.checks, key=lambda check: BODIES.index(check.body))
    vault = change.unit.vault
    return "；".join(
        f"{_voice(change, check.body)[0]}：{vault.open('claim_check.note', check.id, check.note)}"
        for check in checks
        if check.note
    )


def _coded(policy: Policy, codes: Iterable[str], voice: tuple[str, str]) -> list[Context]:
    known = {**policy.get("decision_codes.correct"), **policy.get("decision_codes.refuse")}
    return [_ground(known[code]["zh"], known[code]["en"], voice) for code in codes]


def _ground(zh: str, en: str, voice: tuple[str, str]) -> Context:
    return {"zh": zh, "en": en, "by_zh": voice[0], "by_en": voice[1]}


def _voice(change: Change, body: str) -> tuple[str, str]:
    """Return the office that speaks: the county's union, the university, or the city's union."""
    policy = change.attempt.policy
    if body == "union_reviewer":
        county = change.case.county
        zh, en = policy.label("counties", county), policy.label("counties", county, "en")
        return f"{zh}总工会", f"{en} Federation of Trade Unions"
    office = policy.get("programme.issuer" if body == "university_reviewer" else "programme.union")
    return office["zh"], office["en"]


def _office(policy: Policy) -> Context:
    union = policy.get("programme.union")
    return {"union_zh": union["zh"], "union_en": union["en"]}


def _return_notice(change: Change) -> Context | None:
    """R3.3, R5.2: everything that is to be corrected, at once, and by when; None for any other outcome."""
    if change.to_state != "returned":
        return None
    return _MATTERS[change.workflow](change)


def _returned_application(change: Change) -> Context:
    case, policy = change.case, change.attempt.policy
    voice = _voice(change, "university_reviewer")
    return {
        **_office(policy),
        "name": case.name,
        "id_number": case.id_number,
        "reference": change.reference,
        "matter_zh": "报名申请",
        "matter_en": "Application",
        **county_of(policy, case.county),
        "place": policy.label("points", case.point),
        "place_en": policy.label("points", case.point, "en"),
        "faults": _coded(policy, change.input["faults"], voice),
        "note": change.input.get("note", ""),
        "answer_until": change.values["answer_until"].isoformat(),
        "after_zh": "在上述期限内补正的，保留原排队位置；逾期补正的，自补正之日起重新排队。",
        "after_en": "Corrected in time the place in the queue stays; later it is taken anew.",
    }


def _returned_claim(change: Change) -> Context:
    case, policy = change.case, change.attempt.policy
    last, first = claim_deadline(policy, case.study.diploma_on), day_of(case.first_submitted_at)
    return {
        **_office(policy),
        "name": case.person.name,
        "id_number": case.person.id_number,
        "reference": change.reference,
        "matter_zh": "学费报销申请",
        "matter_en": "Claim for tuition",
        **county_of(policy, case.county),
        "place": f"{policy.label('counties', case.county)}教学点",
        "place_en": f"Teaching point of {policy.label('counties', case.county, 'en')}",
        "faults": _found_by_bodies(change),
        "note": _notes(change),
        "answer_until": change.values["answer_until"].isoformat(),
        "after_zh": f"在上述期限内补正并重新提交的，仍按首次提交日{date_zh(first.isoformat())}计算；"
        f"逾期的按重新提交之日计算，不得晚于申报截止日{date_zh(last.isoformat())}，两个期限均已过的，申请失效。",
        "after_en": f"Submitted again in time the claim counts from {first.isoformat()}, later from that later day, "
        f"by {last.isoformat()} at the latest; after both days it lapses.",
    }


def _payment_list(change: Change) -> Context:
    """R5.8: every payment of a batch and their sum."""
    case = change.case
    return {
        "holder": change.reference,
        "reference": change.reference,
        "drawn_on": case.created_on.isoformat(),
        "drawn_by": case.created_by,
        "released_by": case.released_by,
        "count": len(case.items),
        "lines": [
            {
                "payment": item.number,
                "claim": item.claim,
                "payee": item.account_holder,
                "account_tail": item.account_tail,
                "amount_fen": item.amount_fen,
            }
            for item in case.items
        ],
        "payable_fen": case.total_fen,
    }


_MATTERS: Mapping[str, Callable[[Change], Context]] = {"application": _returned_application, "claim": _returned_claim}
MAKERS: Mapping[str, Callable[[Change], Context | None]] = {
    "decision_notice": _decision_notice,
    "return_notice": _return_notice,
    "payment_list": _payment_list,
}
