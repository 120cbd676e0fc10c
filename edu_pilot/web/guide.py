"""How to work with the programme, one page for each group, open to everybody: no data stand in them."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, render_template

from edu_pilot import i18n
from edu_pilot.extensions import read
from edu_pilot.services import presenting
from edu_pilot.services.actors import STUDENT
from edu_pilot.web import access
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import N_

pages = Blueprint("guide", __name__, url_prefix="/guide")
# Each group: what its guide is called, and the roles that read it first.
GROUPS: Mapping[str, tuple[str, frozenset[str]]] = {
    "student": (N_("For students"), frozenset({STUDENT})),
    "clerk": (N_("For teaching points"), frozenset({"clerk"})),
    "registrar": (N_("For the registry"), frozenset({"registrar"})),
    "examiner": (N_("For examinations"), frozenset({"examiner"})),
    "reviewer": (N_("For those who check claims"), frozenset({"union_reviewer", "university_reviewer", "arbiter"})),
    "finance": (N_("For finance"), frozenset({"finance_maker", "finance_releaser"})),
    "admin": (N_("For administration and audit"), frozenset({"admin", "auditor"})),
}


def ordered() -> list[tuple[str, str]]:
    """Return the groups with their titles, those of the reader first."""
    actor = access.actor_or_none()
    own = actor.roles if actor else frozenset()
    return [(name, title) for name, (title, _of) in sorted(GROUPS.items(), key=lambda one: not one[1][1] & own)]


@pages.get("")
@access.public
def index() -> str:
    """List the guides, the reader's own first."""
    return render_template("guide/index.html", groups=ordered())


@pages.get("/<group>")
@access.public
def of_group(group: str) -> str:
    """Show a group's guide in the reader's language; the words of buttons are those of the policy in force."""
    if group not in GROUPS:
        abort(404)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    text = f"guide/{group}.{i18n.language()}.html"
    return render_template(
        "guide/page.html", text=text, words=words, title=GROUPS[group][0], groups=ordered(), group=group
    )
