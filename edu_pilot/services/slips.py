"""The slip an applicant takes along: the code to ask for the status, and the point's counterfoil without it."""

from __future__ import annotations

from edu_pilot import clock
from edu_pilot.services import proof, rendering
from edu_pilot.services.cases import Case
from edu_pilot.services.claim_contexts import county_of
from edu_pilot.services.contexts import common
from edu_pilot.services.policies import Version

KIND = "slip"


def pdf(case: Case, version: Version, code: str, address: str, lang: str) -> bytes:
    """Return the slip of an application in a language; nothing of it is kept. Raises RenderingRefused."""
    policy = version.policy
    context = {
        **common(policy, clock.today(), version.number),
        **county_of(policy, case.county),
        "number": "",
        "lang": lang,
        "point": policy.label("points", case.point),
        "point_en": policy.label("points", case.point, "en"),
        "name": case.name,
        "reference": case.reference,
        "intake": case.intake,
        "query_code": code,
        "verify_at": address,
    }
    return rendering.render(KIND, context, proof.qr_png(address))
