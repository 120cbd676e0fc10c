"""One full context a kind, as services freeze it: primitives only, everybody fictional.

The tests of the documents look at these contexts, and the administration's specimens print them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from edu_pilot import paths
from edu_pilot.services import rendering
from edu_pilot.services.proof import Proof, address, qr_png

QR = qr_png("https://pilot.example/v/7K2M9QWD4XTRHB6P#")
HOLDER = "刘伟"
SPECIMEN = "样张 SPECIMEN"
# No document is ever given this number or this code: the verifier knows neither.
NOBODYS = {"number": "YZ0000-000000", "code": "0000-0000-0000-0000"}

COMMON: dict[str, object] = {
    "code": "7K2M-9QWD-4XTR-HB6P",
    "verify_at": "https://pilot.example/v",
    "issuer_zh": "德州市广播电视大学",
    "issuer_en": "Dezhou City TV University",
    "programme_zh": "千名农民工上大学试点计划",
    "programme_en": "1,000 Migrant Workers to College",
    "policy_version": 1,
    "copy_mark": "",
}

LIU_WEI: dict[str, object] = {
    "name": "刘伟",
    "sex": "男",
    "id_number": "37140219900307001X",
    "phone": "13800001234",
    "level": "专科",
    "level_en": "Junior college",
    "major_code": "530701",
    "major_zh": "电子商务",
    "major_en": "E-commerce",
    "county": "德城区",
    "county_en": "Decheng",
}

REGISTRATION_FORM: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "BM2209-000123",
        "issued_on": "2022-07-06",
        "registered_on": "2022-07-05",
        "query_code": "H7KM-2QXD-9WTR",
        "intake": "2209",
        "point": "社区教育中心教学点",
        "point_en": "Community Education Centre",
        "birth_on": "1990-03-07",
        "previous_school": "德州市第二职业中等专业学校",
        "previous_diploma": "中专",
        "employer": "山东鲁北建筑安装工程有限公司",
        "job": "仓库管理员",
        "union_member": True,
        "training_need": "互联网营销师",
        "training_need_en": "Internet marketing specialist",
        "portrait": "",
        "clerk": "王芳",
        "papers": [
            {"label_zh": "身份证正反面", "label_en": "ID card, both sides", "required": True, "verified": True},
            {"label_zh": "原学历证书", "label_en": "Previous diploma", "required": True, "verified": True},
            {"label_zh": "近期免冠照片", "label_en": "Portrait photo", "required": True, "verified": True},
            {
                "label_zh": "务工证明（劳动合同或村委会证明）",
                "label_en": "Proof of migrant work",
                "required": True,
                "verified": False,
            },
            {"label_zh": "工会会员证", "label_en": "Union card", "required": False, "verified": False},
        ],
    }
)

ADMISSION_NOTICE: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "LQ2209-000088",
        "issued_on": "2022-08-18",
        "intake": "2209",
        "term_zh": "2022年秋季",
        "term_en": "autumn 2022",
        "point": "社区教育中心教学点",
        "point_en": "Community Education Centre",
        "point_address": "德州市德城区东方红中路118号二楼",
        "point_phone": "0534-2600118",
        "contact_phone": "0534-2600100",
        "report_from": "2022-09-01",
        "report_until": "2022-09-15",
        "bring": ["身份证原件", "原学历证书原件", "一寸照片四张", "本通知书"],
        "bring_en": ["the ID card", "the previous diploma", "four portrait photos", "this notice"],
        "fee_fen": 479_000,
        "cap_fen": 479_000,
    }
)

COMPLETION_CERTIFICATE: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "JY2025-000031",
        "issued_on": "2025-01-31",
        "registered_on": "2022-09-01",
        "student_number": "2237006450012",
        "credits": 81,
        "diploma_school": "国家开放大学",
        "diploma_school_en": "The Open University of China",
        "portrait": "",
        "diploma_number": "511615202506000123",
        "diploma_on": "2025-01-25",
        "skill_kind_zh": "职业技能等级证书",
        "skill_kind_en": "Skill level certificate",
        "occupation_zh": "互联网营销师",
        "occupation_en": "Internet marketing specialist",
        "skill_level": "四级/中级工",
        "skill_level_en": "Level 4 (intermediate worker)",
        "certificate_number": "S000037000001244000123",
        "certificate_on": "2024-11-20",
    }
)

CLAIM_FORM: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "BX2503-000045",
        "issued_on": "2025-03-15",
        "submitted_on": "2025-03-15",
        "registered_on": "2022-09-02",
        "student_number": "2237006450012",
        "union_member": True,
        "diploma_number": "511615202506000123",
        "diploma_on": "2025-01-25",
        "receipts": [
            {
                "kind": "数电发票",
                "kind_en": "Fully digital e-invoice",
                "code": "",
                "number": "25372000000012345678",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "学费",
                "item_en": "Tuition",
                "paid_on": "2022-09-05",
                "amount_fen": 200_000,
            },
            {
                "kind": "财政电子票据",
                "kind_en": "Fiscal e-bill",
                "code": "37060122",
                "number": "0012345678",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "学分费",
                "item_en": "Credit fee",
                "paid_on": "2023-09-06",
                "amount_fen": 274_000,
            },
            {
                "kind": "财政电子票据",
                "kind_en": "Fiscal e-bill",
                "code": "37060122",
                "number": "0012345699",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "报名费",
                "item_en": "Registration fee",
                "paid_on": "2022-08-30",
                "amount_fen": 5_000,
            },
        ],
        "lines": [
            {"label_zh": "票据金额合计", "label_en": "Sum of receipts", "sign": "", "amount_fen": 479_000},
            {"label_zh": "政策限额", "label_en": "Cap of the policy", "sign": "", "amount_fen": 561_000},
            {"label_zh": "两者取低", "label_en": "The lower of the two", "sign": "=", "amount_fen": 479_000},
            {
                "label_zh": "减：其他资助",
                "label_en": "Less other public or employer money",
                "sign": "−",
                "amount_fen": 30_050,
            },
        ],
        "payable_fen": 448_950,
        "explanation": "",
        "bank": "中国工商银行德州德城支行",
        "account_holder": "刘伟",
        "account_tail": "0123",
    }
)

EXAM: dict[str, object] = {
    "kind_zh": "职业技能等级证书",
    "kind_en": "Skill level certificate",
    "occupation_zh": "互联网营销师",
    "occupation_en": "Internet marketing specialist",
    "level_zh": "四级（中级工）",
    "level_en": "Level 4 (intermediate worker)",
    "session": "X2405-001",
    "held_on": "2024-05-18",
    "starts": "09:00",
    "site": "德州市职业技能考核中心（德城区三八东路）",
}

EXAM_TICKET: dict[str, object] = (
    COMMON
    | EXAM
    | {
        "number": "ZK2405-000012",
        "issued_on": "2024-05-06",
        "name": "刘伟",
        "sex": "男",
        "id_number": "37140219900307001X",
        "certification": "C2209-000123",
        "ticket": "220900012302",
        "version": 2,
        "room": "第一考场",
        "seat": 17,
        "portrait": "",
    }
)

DOOR_LIST: dict[str, object] = (
    COMMON
    | EXAM
    | {
        "number": "KC2405-000003",
        "issued_on": "2024-05-10",
        "holder": "X2405-001",
        "candidates": 3,
        "rooms": [
            {
                "room": "第一考场",
                "lines": [
                    {"seat": 1, "ticket": "220900012302", "name": "刘伟", "id_tail": "001X"},
                    {"seat": 2, "ticket": "220900012401", "name": "王芳", "id_tail": "0026"},
                    {"seat": 3, "ticket": "220900012501", "name": "阿卜杜热合曼·吐尔逊尼亚孜", "id_tail": "0038"},
                ],
            },
        ],
    }
)

SCORE_NOTICE: dict[str, object] = (
    COMMON
    | EXAM
    | {
        "number": "CJ2405-000008",
        "issued_on": "2024-05-30",
        "name": "刘伟",
        "id_number": "37140219900307001X",
        "certification": "C2209-000123",
        "attempt": 1,
        "parts": [
            {
                "label_zh": "理论知识",
                "label_en": "Theory",
                "mark": 75,
                "sat_on": "2024-05-18",
                "kept": False,
                "passed": True,
                "kept_until": "2025-05-18",
            },
            {
                "label_zh": "技能操作",
                "label_en": "Practical",
                "mark": 52,
                "sat_on": "2024-05-18",
                "kept": False,
                "passed": False,
                "kept_until": "",
            },
        ],
        "full_mark": 100,
        "pass_mark": 60,
        "passed": False,
        "published_on": "2024-05-29",
        "objection_until": "2024-06-05",
        "readded_on": "",
    }
)

UNIONS: dict[str, object] = {"union_zh": "德州市总工会", "union_en": "Dezhou Federation of Trade Unions"}
COUNTY_UNION = {"by_zh": "德城区总工会", "by_en": "Decheng District Federation of Trade Unions"}
UNIVERSITY = {"by_zh": "德州市广播电视大学", "by_en": "Dezhou City TV University"}

DECISION_NOTICE: dict[str, object] = (
    COMMON
    | UNIONS
    | {
        "number": "JD2503-000004",
        "issued_on": "2025-03-20",
        "name": "刘伟",
        "id_number": "37140219900307001X",
        "reference": "R2503-000045",
        "county": "德城区",
        "county_en": "Decheng",
        "major_zh": "电子商务",
        "major_en": "E-commerce",
        "diploma_number": "511615202506000123",
        "diploma_on": "2025-01-25",
        "submitted_on": "2025-03-15",
        "reasons": [
            {"zh": "票据付款人与申请人不符", "en": "The payer on the receipt is not the claimant", **COUNTY_UNION},
            {"zh": "票据已作废或红冲", "en": "The receipt is void or reversed", **UNIVERSITY},
        ],
        "note": "尾号5678的票据已于2024年12月红冲",
        "review_days": 10,
        "review_until": "2025-04-03",
    }
)

RETURN_NOTICE: dict[str, object] = (
    COMMON
    | UNIONS
    | {
        "number": "BZ2503-000011",
        "issued_on": "2025-03-20",
        "name": "刘伟",
        "id_number": "37140219900307001X",
        "reference": "R2503-000045",
        "matter_zh": "学费报销申请",
        "matter_en": "Claim for tuition",
        "county": "德城区",
        "county_en": "Decheng",
        "place": "德城区教学点",
        "place_en": "Teaching point of Decheng",
        "faults": [
            {"zh": "工会会员情况不清", "en": "The union membership is unclear", **COUNTY_UNION},
            {"zh": "票据信息填写有误", "en": "Details of a receipt are wrong", **UNIVERSITY},
            {"zh": "收款账户填写有误", "en": "The account is wrong", **UNIVERSITY},
        ],
        "note": "第三张票据的号码少一位",
        "answer_until": "2025-04-03",
        "after_zh": "补正后须重新提交，最迟不得晚于申报截止日2026年7月25日。",
        "after_en": "After correction the claim is submitted again, by 25 July 2026 at the latest.",
    }
)

REFUSAL_NOTICE: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "BL2209-000007",
        "issued_on": "2022-08-18",
        "intake": "2209",
        "point": "社区教育中心教学点",
        "point_en": "Community Education Centre",
        "reference": "A2209-000123",
        "reasons": [{"zh": "原学历无法核实", "en": "The previous diploma cannot be verified", **UNIVERSITY}],
        "note": "毕业证书编号在学信网查询不到",
    }
)

PUBLIC_NOTICE: dict[str, object] = (
    COMMON
    | UNIONS
    | {
        "number": "GS2503-000001",
        "issued_on": "2025-03-20",
        "holder": "德城区",
        "holder_en": "Decheng",
        "notice_until": "2025-03-27",
        "count": 3,
        "lines": [
            {
                "name": "刘伟",
                "unit": "山东鲁北建筑安装工程有限公司",
                "county": "德城区",
                "county_en": "Decheng",
                "major_zh": "电子商务",
                "major_en": "E-commerce",
                "id_tail": "001X",
                "notice_until": "2025-03-26",
            },
            {
                "name": "阿卜杜热合曼·吐尔逊尼亚孜",
                "unit": "德州市德城区新湖街道环卫服务有限公司第二分公司",
                "county": "德城区",
                "county_en": "Decheng",
                "major_zh": "大数据与会计",
                "major_en": "Big Data and Accounting",
                "id_tail": "9985",
                "notice_until": "2025-03-27",
            },
            {
                "name": "王芳",
                "unit": "",
                "county": "德城区",
                "county_en": "Decheng",
                "major_zh": "行政管理",
                "major_en": "Public Administration",
                "id_tail": "9969",
                "notice_until": "2025-03-27",
            },
        ],
    }
)

PAYMENT_LIST: dict[str, object] = COMMON | {
    "number": "ZF2503-000002",
    "issued_on": "2025-03-26",
    "holder": "B2503-002",
    "reference": "B2503-002",
    "drawn_on": "2025-03-24",
    "drawn_by": "he.jun",
    "released_by": "releaser",
    "count": 3,
    "lines": [
        {
            "payment": f"P2025-{n:06d}",
            "claim": f"R2503-{n + 40:06d}",
            "payee": payee,
            "account_tail": tail,
            "amount_fen": amount,
        }
        for n, payee, tail, amount in (
            (5, "刘伟", "0123", 448_950),
            (6, "阿卜杜热合曼·吐尔逊尼亚孜", "7788", 479_000),
            (7, "王芳", "0016", 479_000),
        )
    ],
    "payable_fen": 1_406_950,
}

CONTEXTS: dict[str, dict[str, object]] = {
    "registration_form": REGISTRATION_FORM,
    "admission_notice": ADMISSION_NOTICE,
    "refusal_notice": REFUSAL_NOTICE,
    "completion_certificate": COMPLETION_CERTIFICATE,
    "claim_form": CLAIM_FORM,
    "exam_ticket": EXAM_TICKET,
    "door_list": DOOR_LIST,
    "score_notice": SCORE_NOTICE,
    "decision_notice": DECISION_NOTICE,
    "return_notice": RETURN_NOTICE,
    "public_notice": PUBLIC_NOTICE,
    "payment_list": PAYMENT_LIST,
}


SLIP: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "",
        "issued_on": "2022-07-06",
        "verify_at": "https://pilot.example/status",
        "reference": "A2209-000123",
        "intake": "2209",
        "point": "社区教育中心教学点",
        "point_en": "Community Education Centre",
        "query_code": "H7KM-2QXD-9WTR",
    }
)
STAGES = [
    ("已报名", "Registered", 1204),
    ("已录取", "Admitted", 998),
    ("学籍已确认", "Status confirmed", 980),
    ("已毕业", "Graduated", 640),
    ("已取得技能证书", "Certified", 512),
    ("已申请报销", "Tuition claimed", 430),
    ("已支付", "Paid", 0),
]
STATISTICS_REPORT: dict[str, object] = COMMON | {
    "number": "",
    "issued_on": "2025-12-31",
    "scope": "全市",
    "scope_en": "The whole city",
    "made_by": "chen.hui",
    "target": 1000,
    "stages": [
        {"label_zh": zh, "label_en": en, "number": number, "share": round(100 * number / 1204)}
        for zh, en, number in STAGES
    ],
    "tables": [
        {
            "title_zh": title_zh,
            "title_en": title_en,
            "lines": [
                {"label_zh": zh, "label_en": en, "numbers": [number // 3 for _zh, _en, number in STAGES]}
                for zh, en in lines
            ],
        }
        for title_zh, title_en, lines in (
            ("分县（市、区）", "By county", [("德城区", "Decheng"), ("乐陵市", "Laoling"), ("禹城市", "Yucheng")]),
            ("分专业", "By major", [("电子商务", "E-commerce"), ("大数据与会计", "Big Data and Accounting")]),
            ("分年度", "By year", [("2022", "2022"), ("2023", "2023"), ("2024", "2024")]),
        )
    ],
    "places": [{"year": "2025", "places": 300, "used": 120, "reserved": 31}],
    "waiting": [
        {
            "matter_zh": "报名申请",
            "matter_en": "Application",
            "state_zh": "已登记",
            "state_en": "Registered",
            "number": 31,
            "oldest_on": "2025-11-03",
            "long": 4,
            "holders_zh": "教学点经办人、学籍管理员",
            "holders_en": "Clerk, Registrar",
        }
    ],
    "long_days": 30,
}
# Papers that are made at once and issued to nobody.
AT_ONCE: dict[str, dict[str, object]] = {"slip": SLIP, "statistics_report": STATISTICS_REPORT}
KINDS: Mapping[str, Mapping[str, object]] = CONTEXTS | AT_ONCE


def proof_of(kind: str) -> Proof:
    """Give the facts the token of a sample document states."""
    context = CONTEXTS[kind]
    amount = context.get("payable_fen")
    return Proof(
        kind=kind,
        number=str(context["number"]),
        holder=str(context["name"] if "name" in context else context["holder"]),
        id_tail=str(context.get("id_number", ""))[-4:],
        issued_on=str(context["issued_on"]),
        issuer=str(context["issuer_zh"]),
        key_id="k1",
        major=str(context.get("major_zh", "")),
        diploma_number=str(context.get("diploma_number", "")),
        diploma_on=str(context.get("diploma_on", "")),
        certificate_number=str(context.get("certificate_number", "")),
        amount_fen=amount if isinstance(amount, int) else None,
    )


@dataclass(frozen=True)
class HardName:
    """A name that many systems lose, and why, in both languages."""

    name: str
    zh: str
    en: str


@cache
def hard_names() -> tuple[HardName, ...]:
    """Return the 50 names that are hardest to print."""
    text = (paths.PACKAGE / "hard_names.csv").read_text("utf-8")
    return tuple(HardName(**row) for row in csv.DictReader(text.splitlines()))


def specimen(kind: str, name: str, base_url: str) -> dict[str, object]:
    """Return the context of a specimen: somebody of that name, marked, under a number nobody has."""
    context: Mapping[str, object] = _renamed(KINDS[kind], name)
    return {**context, **NOBODYS, "copy_mark": SPECIMEN, "specimen": True, "verify_at": f"{base_url}/verify"}


def drawn(kind: str, name: str, base_url: str) -> bytes:
    """Draw a specimen: without a token, so that no signature covers it; RenderingRefused as for any document."""
    context = specimen(kind, name, base_url)
    return rendering.render(kind, context, qr_png(address(base_url, NOBODYS["code"].replace("-", ""), "")))


def _renamed(value: Any, name: str) -> Any:
    """Write a name wherever the holder of the sample contexts stands."""
    if isinstance(value, Mapping):
        return {key: _renamed(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, name) for item in value]
    return name if value == HOLDER else value
