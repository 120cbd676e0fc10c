"""Chinese first, English second: message ids are English, the catalogue gives the Chinese (R6.5)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, has_request_context, request, session
from flask_babel import Babel, Domain, get_locale

from edu_pilot.paths import PACKAGE
from edu_pilot.services.wording import date_en, date_zh, yuan
from edu_pilot.workflow.reasons import Fact, Reason
from edu_pilot.workflow.versions import Compiled

LANGUAGES = ("zh", "en")
CATALOGUE = PACKAGE / "translations"


@cache
def catalogue(lang: str) -> NullTranslations:
    """Return a language's texts, compiled from its .po file once per process."""
    path = CATALOGUE / lang / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        messages = read_po(file, locale=lang)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(compiled)


class Catalogues(Domain):
    """Flask-Babel's texts from the .po files themselves, so that nothing must be compiled at build."""

    def get_translations(self) -> NullTranslations:
        """Return the texts of the language in use."""
        return catalogue(language())


def init_app(app: Flask) -> None:
    """Attach languages to the application: chosen, else the browser's, else the installation's."""
    babel = Babel(app, locale_selector=_chosen, default_timezone="Asia/Shanghai")
    babel.domain_instance = Catalogues()


def _chosen() -> str:
    if not has_request_context():
        return default()
    if (lang := session.get("lang")) in LANGUAGES:
        return str(lang)
    return request.accept_languages.best_match(LANGUAGES, default()) or default()


_default = "zh"


def set_default(lang: str) -> None:
    """Set the language of command lines and of browsers that ask for neither."""
    global _default
    _default = lang


def default() -> str:
    """Return the language of command lines and of browsers that ask for neither."""
    return _default


def language() -> str:
    """Return the language in use: zh or en."""
    if not has_request_context():
        return default()
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else "zh"


def translate(message: str, lang: str | None = None, **facts: Any) -> str:
    """Return a message in a language with its facts filled in."""
    text: str = catalogue(lang or language()).gettext(message)
    return text % facts if facts else text


def say(reason: Reason, version: Compiled, lang: str | None = None) -> str:
    """Return a reason's sentence; facts that name labels, papers or amounts are spelt out."""
    lang = lang or language()
    spelt = {name: _spelt(value, version, lang) for name, value in reason.facts.items()}
    return translate(reason.text, lang) % spelt if spelt else translate(reason.text, lang)


def _spelt(value: Fact, version: Compiled, lang: str) -> Any:
    if not isinstance(value, str) or ":" not in value:
        return _day(value, lang)
    kind, _, rest = value.partition(":")
    spell = _SPELLERS.get(kind)
    try:
        return spell(rest, version, lang) if spell else value
    except (AttributeError, KeyError, TypeError, ValueError):
        # Something a person typed that only looks like a label's address.
        return value


def _day(value: Fact, lang: str) -> Any:
    if isinstance(value, str) and len(value) == 10 and value[4:5] == "-":
        try:
            return show_date(date.fromisoformat(value), lang)
        except ValueError:
            return value
    return value


def show_date(day: date, lang: str | None = None) -> str:
    """Return a date as people read it: 2022年9月1日 or 1 September 2022 (R6.4)."""
    return date_zh(day) if (lang or language()) == "zh" else date_en(day)


def _joined(texts: list[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(texts)


def _label(path: str, version: Compiled, lang: str) -> str:
    """Spell `application.states.admitted`, an action or state of a workflow."""
    workflow, group, name = path.split(".")
    found: Mapping[str, Any] = getattr(version.definition(workflow), group)
    return found[name].label.say(lang) if name in found else name


def _roles(names: str, version: Compiled, lang: str) -> str:
    return _joined([version.roles[n].label.say(lang) if n in version.roles else n for n in names.split(",")], lang)


def _policy(path: str, version: Compiled, lang: str) -> str:
    where, _, codes = path.partition(":")
    labels = version.policy.get(where)
    found = ((code, labels.get(code)) for code in codes.split(","))
    # Some codes carry more than their label.
    return _joined([label.get("label", label)[lang] if label else code for code, label in found], lang)


def _row(path: str, version: Compiled, lang: str) -> str:
    table, _, codes = path.partition(":")
    return _joined([version.policy.label(table, code, lang) for code in codes.split(",")], lang)


def _need(labels: str, _version: Compiled, lang: str) -> str:
    zh, _, en = labels.partition("|")
    return zh if lang == "zh" else en


def _names(names: str, _version: Compiled, lang: str) -> str:
    return _joined([translate(name, lang) for name in names.split(",")], lang)


def _fen(amount: str, _version: Compiled, lang: str) -> str:
    return f"{yuan(int(amount))} 元" if lang == "zh" else f"{yuan(int(amount))} yuan"


_SPELLERS: Mapping[str, Callable[[str, Compiled, str], str]] = {
    "label": _label,
    "roles": _roles,
    "policy": _policy,
    "table": _row,
    "need": _need,
    "names": _names,
    "fen": _fen,
}
