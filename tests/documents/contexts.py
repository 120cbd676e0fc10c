"""One full context a kind, as services freeze it: primitives only, everybody fictional."""

from edu_pilot.services.proof import Proof, qr_png

QR = qr_png("https://pilot.example/v/7K2M9QWD4XTRHB6P#")

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
    "major_code": "530701",
    "major_zh": "电子商务",
    "major_en": "E-commerce",
    "county": "德城区",
}

REGISTRATION_FORM: dict[str, object] = (
    COMMON
    | LIU_WEI
    | {
        "number": "BM2209-000123",
        "issued_on": "2022-07-06",
        "registered_on": "2022-07-05",
        "query_code": "H7KM2QXD9WTR",
        "intake": "2209",
        "point": "社区教育中心教学点",
        "birth_on": "1990-03-07",
        "previous_school": "德州市第二职业中等专业学校",
        "previous_diploma": "中专",
        "employer": "山东鲁北建筑安装工程有限公司",
        "job": "仓库管理员",
        "union_member": True,
        "training_need": "互联网营销师（四级），周末授课",
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
        "point_address": "德州市德城区东方红中路118号二楼",
        "point_phone": "0534-2600118",
        "contact_phone": "0534-2600100",
        "level_en": "Junior college",
        "report_from": "2022-09-01",
        "report_until": "2022-09-15",
        "bring": ["身份证原件", "原学历证书原件", "一寸照片四张", "本通知书"],
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
        "diploma_number": "511615202506000123",
        "diploma_on": "2025-01-25",
        "skill_kind_zh": "职业技能等级证书",
        "skill_kind_en": "Skill level certificate",
        "occupation_zh": "互联网营销师",
        "occupation_en": "Internet marketing specialist",
        "skill_level": "四级/中级工",
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
                "code": "",
                "number": "25372000000012345678",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "学费",
                "paid_on": "2022-09-05",
                "amount_fen": 200_000,
            },
            {
                "kind": "财政电子票据",
                "code": "37060122",
                "number": "0012345678",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "学分费",
                "paid_on": "2023-09-06",
                "amount_fen": 274_000,
            },
            {
                "kind": "财政电子票据",
                "code": "37060122",
                "number": "0012345699",
                "issuer": "德州市广播电视大学",
                "payer": "刘伟",
                "item": "报名费",
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

CONTEXTS: dict[str, dict[str, object]] = {
    "registration_form": REGISTRATION_FORM,
    "admission_notice": ADMISSION_NOTICE,
    "completion_certificate": COMPLETION_CERTIFICATE,
    "claim_form": CLAIM_FORM,
}


def proof_of(kind: str) -> Proof:
    """Give the facts the token of a sample document states."""
    context = CONTEXTS[kind]
    amount = context.get("payable_fen")
    return Proof(
        kind=kind,
        number=str(context["number"]),
        holder=str(context["name"]),
        id_tail=str(context["id_number"])[-4:],
        issued_on=str(context["issued_on"]),
        issuer=str(context["issuer_zh"]),
        key_id="k1",
        major=str(context["major_zh"]),
        diploma_number=str(context.get("diploma_number", "")),
        diploma_on=str(context.get("diploma_on", "")),
        certificate_number=str(context.get("certificate_number", "")),
        amount_fen=amount if isinstance(amount, int) else None,
    )
