"""What each kind of document says, frozen as primitives at the moment of the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from edu_pilot import clock, i18n
from edu_pilot.rules.calendar import intake_window, registration_day, season, year_of
from edu_pilot.rules.claim import reckoning
from edu_pilot.rules.money import tariff
from edu_pilot.services import claim_contexts, exam_contexts, portraits, wording
from edu_pilot.services.claim_contexts import county_of
from edu_pilot.services.unit import Change
from edu_pilot.workflow.policy import Policy

Context = dict[str, Any]
SEXES = {"male": "男", "female": "女"}
# A step of this name gives a paper anew to who lost it.
REISSUES, REISSUED = "reissue_", "补发"


def context_of(kind: str, change: Change) -> Context | None:
    """Return the frozen content of a document, or None where this step leads to no such paper."""
    made = _MAKERS[kind](change)
    if made is None:
        return None
    mark = REISSUED if change.attempt.action.startswith(REISSUES) else ""
    return common(change.attempt.policy, change.unit.today, change.version.number) | {"copy_mark": mark} | made


def common(policy: Policy, day: date, version: int) -> Context:
    """Return what every document says: who issues it, in which programme, when, under which policy version."""
    programme = policy.get("programme")
    return {
        "issuer_zh": programme["issuer"]["zh"],
        "issuer_en": programme["issuer"]["en"],
        "programme_zh": programme["name"]["zh"],
        "programme_en": programme["name"]["en"],
        "issued_on": day.isoformat(),
        "policy_version": version,
        "copy_mark": "",
    }


def _level_of(policy: Policy, code: str) -> Context:
    names = {level["code"]: level["name"] for level in policy.get("levels")}.get(code, {"zh": code, "en": code})
    return {"level": names["zh"], "level_en": names["en"]}


def _major(policy: Policy, code: str) -> Context:
    return {
        "major_code": code,
        "major_zh": policy.label("majors", code),
        "major_en": policy.label("majors", code, "en"),
    }


def _place(change: Change) -> Context:
    policy = change.attempt.policy
    return {
        **county_of(policy, change.now_value("county")),
        "point": policy.label("points", change.now_value("point")),
        "point_en": policy.label("points", change.now_value("point"), "en"),
        "intake": change.case.intake,
        **_level_of(policy, change.case.level),
    }


def _registration_form(change: Change) -> Context:
    case, policy = change.case, change.attempt.policy
    return {
        **_place(change),
        **_major(policy, case.major),
        "query_code": wording.grouped(_query_code(change)),
        "registered_on": (change.now_value("registered_on") or change.unit.today).isoformat(),
        "name": case.name,
        "sex": SEXES[change.now_value("sex")],
        "birth_on": change.now_value("birth_on").isoformat(),
        "id_number": case.id_number,
        "phone": case.phone,
        "previous_school": case.previous_school or "",
        "previous_diploma": case.previous_diploma or "",
        "employer": case.employer or "",
        "job": case.job or "",
        "union_member": case.union_member,
        "training_need": policy.label("occupations", case.occupation) if case.occupation else "",
        "training_need_en": policy.label("occupations", case.occupation, "en") if case.occupation else "",
        "portrait": portraits.newest(change.conn, change.record_id),
        "papers": _papers(change),
        "clerk": change.unit.actor.name,
    }


def _query_code(change: Change) -> str:
    """Return the code as it stands after this step."""
    sealed = change.values.get("query_code")
    if sealed is None:
        return str(change.case.query_code)
    return change.unit.vault.open("application.query_code", change.record_id, sealed)


def _papers(change: Change) -> list[Context]:
    required: Mapping[str, Mapping[str, str]] = change.attempt.policy.get("papers")
    handed = change.case.papers
    return [
        {"label_zh": label["zh"], "label_en": label["en"], "required": True, "verified": code in handed}
        for code, label in required.items()
    ]


def _admission_notice(change: Change) -> Context | None:
    if change.to_state != "admitted":
        return None
    case, policy = change.case, change.attempt.policy
    half = season(case.intake)
    return {
        **_place(change),
        **_major(policy, case.major),
        "name": case.name,
        "id_number": case.id_number,
        "term_zh": f"{year_of(case.intake)}年{'春' if half == 'spring' else '秋'}季",
        "term_en": f"{half} {year_of(case.intake)}",
        "point_address": (policy.row("points", change.now_value("point")) or {}).get("address", ""),
        "point_phone": (policy.row("points", change.now_value("point")) or {}).get("phone", ""),
        "contact_phone": "",
        "report_from": registration_day(case.intake).isoformat(),
        "report_until": intake_window(policy, case.intake).closes.isoformat(),
        "bring": ["身份证原件", "原学历证书原件", "本通知书"],
        "bring_en": ["the original ID card", "the original of the previous diploma", "this notice"],
        "fee_fen": tariff(policy),
        "cap_fen": policy.get("claim.cap_fen"),
    }


def _refusal_notice(change: Change) -> Context:
    """R3.3: the reason and the way to object."""
    case, policy = change.case, change.attempt.policy
    reason, issuer = policy.get("decision_codes.reject")[change.input["rejection"]], policy.get("programme.issuer")
    return {
        **_place(change),
        **_major(policy, case.major),
        "name": case.name,
        "id_number": case.id_number,
        "reference": change.reference,
        "reasons": [{"zh": reason["zh"], "en": reason["en"], "by_zh": issuer["zh"], "by_en": issuer["en"]}],
        "note": change.input.get("note") or "",
    }


def _completion_certificate(change: Change) -> Context:
    case, policy = change.case, change.attempt.policy
    person, certificate = case.person, case.certificates[-1]
    names = policy.get(f"certification.level_names.{certificate.kind}")
    level = names.get(certificate.level, {"zh": certificate.level, "en": certificate.level})
    return {
        **_major(policy, case.major),
        **_level_of(policy, case.level),
        "name": person.name,
        "sex": SEXES[person.sex],
        "id_number": person.id_number,
        "portrait": portraits.newest(change.conn, case.application_id),
        "registered_on": case.confirmed_on.isoformat(),
        "student_number": case.student_number,
        "credits": case.credits,
        "diploma_school": policy.get("programme.diploma_school")["zh"],
        "diploma_school_en": policy.get("programme.diploma_school")["en"],
        "diploma_number": case.diploma_number,
        "diploma_on": case.diploma_on.isoformat(),
        "skill_kind_zh": policy.get(f"certification.kinds.{certificate.kind}")["zh"],
        "skill_kind_en": policy.get(f"certification.kinds.{certificate.kind}")["en"],
        "occupation_zh": policy.label("occupations", certificate.occupation),
        "occupation_en": policy.label("occupations", certificate.occupation, "en"),
        "skill_level": level["zh"],
        "skill_level_en": level["en"],
        "certificate_number": certificate.number,
        "certificate_on": certificate.certified_on.isoformat(),
    }


def _claim_form(change: Change) -> Context:
    case, policy = change.case, change.attempt.policy
    person, study, result = case.person, case.study, reckoning(change.attempt)
    return {
        **_major(policy, study.major),
        **_level_of(policy, study.level),
        **county_of(policy, case.county),
        "name": person.name,
        "sex": SEXES[person.sex],
        "id_number": person.id_number,
        "phone": person.phone,
        "union_member": case.union_member,
        "student_number": study.student_number,
        "registered_on": (study.confirmed_on or study.from_on).isoformat(),
        "diploma_number": study.diploma_number,
        "diploma_on": study.diploma_on.isoformat(),
        "submitted_on": change.unit.today.isoformat(),
        "received_at": _moment(change.now_value("first_submitted_at")),
        "receipts": [_receipt(policy, receipt) for receipt in case.receipts],
        "lines": [
            {
                "label_zh": i18n.translate(line.text, "zh"),
                "label_en": line.text,
                "sign": line.sign,
                "amount_fen": line.amount_fen,
            }
            for line in result.lines[:-1]
        ],
        "payable_fen": result.payable_fen,
        "explanation": case.explanation or "",
        "bank": "",
        "account_holder": case.account_holder,
        "account_tail": case.account_tail,
    }


def _moment(instant: datetime) -> str:
    """R5.6: an instant to the second in Asia/Shanghai, as the dead-line counts it."""
    local = instant.astimezone(clock.SHANGHAI)
    return f"{wording.date_zh(local.date().isoformat())} {local:%H:%M:%S}"


def _receipt(policy: Policy, receipt: Any) -> Context:
    columns = ("code", "number", "issuer", "payer", "amount_fen")
    kind = policy.get(f"claim.receipt_kinds.{receipt.kind}")
    item = policy.get(f"claim.receipt_items.{receipt.item}")
    return {
        **{name: getattr(receipt, name) for name in columns},
        # What stands in brackets explains the kind; a narrow column does without.
        "kind": kind["label"]["zh"].partition("（")[0],
        "kind_en": kind["label"]["en"],
        "item": item["zh"],
        "item_en": item["en"],
        "paid_on": receipt.paid_on.isoformat(),
    }


_MAKERS: Mapping[str, Callable[[Change], Context | None]] = {
    "registration_form": _registration_form,
    "admission_notice": _admission_notice,
    "refusal_notice": _refusal_notice,
    "completion_certificate": _completion_certificate,
    "claim_form": _claim_form,
    **exam_contexts.MAKERS,
    **claim_contexts.MAKERS,
}
