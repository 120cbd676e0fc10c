"""How commands talk: one JSON document or plain lines, refusals in the API's shape, exit codes 0, 1, 2."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from rich.console import Console
from rich.progress import Progress

from edu_pilot import config, i18n
from edu_pilot.commands.words import WORDS
from edu_pilot.extensions import read
from edu_pilot.instants import ClocksDisagree
from edu_pilot.services import accounts, instance, logins, presenting, rendering, throttle
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.archive import Unfit
from edu_pilot.services.cases import NotFound
from edu_pilot.services.rosters import Unusable
from edu_pilot.workflow.reading import Invalid
from edu_pilot.workflow.reasons import N_, Reason, Refused
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

REFUSED, USAGE = 1, 2
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
TARGET = click.Path(dir_okay=False, path_type=Path)


class Stop(Exception):
    """End a command with an exit code and what to print."""

    def __init__(self, code: int, error: str, message: str, reasons: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reasons = reasons or []
        self.answer = {"error": error, "message": message, "reasons": self.reasons}


@dataclass
class Run:
    """One running command: who acts, in which language, and how it answers."""

    json: bool
    lang: str
    acting: str | None
    otp: str | None = None

    @cached_property
    def actor(self) -> Actor:
        """The acting account; without --as the operator, who makes no human decision."""
        if self.acting is None:
            return OPERATOR
        actor = accounts.named(self.acting)
        if current_app.config["SETTINGS"].production:
            self._prove(actor)
        return actor

    def _prove(self, actor: Actor) -> None:
        """Ask for the account's token and, where it has a second factor, a code; each is named where it is missing."""
        owner = accounts.by_token(os.environ.get("EDU_PILOT_TOKEN", ""))
        if owner is None or owner.name != actor.name:
            text = N_("Set EDU_PILOT_TOKEN to the token of %(name)s.")
            raise Stop(USAGE, "token_missing", self.say(text, name=actor.name))
        if logins.has_factor(actor) and not (self.otp and logins.proved(actor, self.otp)):
            text = N_("Give a fresh code of the second factor of %(name)s with --otp.")
            raise Stop(USAGE, "otp_missing", self.say(text, name=actor.name))

    def require_init(self) -> None:
        """Stop a command that needs what `init` makes."""
        if not instance.ready():
            text = N_("There is no installation here yet; run: edu-pilot init")
            raise Stop(USAGE, "not_initialised", self.say(text))

    def say(self, message: str, **facts: Any) -> str:
        """Return a message in the command's language."""
        return i18n.translate(message, self.lang, **facts)

    def word(self, code: object) -> str:
        """Return what a code of a command's own is called; one that nobody named stays as it is."""
        return self.say(WORDS[str(code)]) if str(code) in WORDS else str(code)

    @cached_property
    def version(self) -> Compiled:
        """The policy version in force, for labels."""
        with read() as conn:
            return presenting.in_force(conn)

    def roles(self, codes: Iterable[str]) -> str:
        """Return roles as people call them."""
        known = self.version.roles
        return self.listed(known[code].label.say(self.lang) if code in known else code for code in codes)

    def listed(self, words: Iterable[str]) -> str:
        """Return several words as one list."""
        return ("、" if self.lang == "zh" else ", ").join(words)

    def state(self, workflow: str, code: str) -> str:
        """Return a state as people call it."""
        states = self.version.definition(workflow).states
        return states[code].label.say(self.lang) if code in states else self.word(code)

    def action(self, workflow: str, code: str) -> str:
        """Return a step as people call it."""
        actions = self.version.definition(workflow).actions if workflow in self.version.engines else {}
        return actions[code].label.say(self.lang) if code in actions else code

    def reason(self, reason: Reason) -> dict[str, Any]:
        """Return a reason in the API's shape."""
        with read() as conn:
            return presenting.reason_json(reason, presenting.in_force(conn), self.lang)

    def answer(self, value: Any, lines: Iterable[str] = ()) -> None:
        """Print the result: one JSON document, or its lines."""
        if self.json:
            click.echo(json.dumps(value, ensure_ascii=False, indent=1))
            return
        for line in lines:
            click.echo(line)

    def fail(self, stop: Stop) -> None:
        """Print why the command stopped, and end it with its exit code."""
        if self.json:
            click.echo(json.dumps(stop.answer, ensure_ascii=False, indent=1))
        else:
            for line in (str(stop), *(f"  - {r['text']}{self._who(r)}" for r in stop.reasons)):
                click.echo(line, err=True)
        sys.exit(stop.code)

    def progress(self, task: str) -> Callable[[int, int], None]:
        """Return a callback that shows progress: a bar on a terminal, a plain line per tenth elsewhere."""
        told = self.word(task)
        return _bar(told) if sys.stderr.isatty() else _lines(told)

    def _who(self, reason: dict[str, Any]) -> str:
        return f" [{self.roles(reason['who'])}]" if reason.get("who") else ""


def _bar(task: str) -> Callable[[int, int], None]:
    progress = Progress(console=Console(stderr=True), transient=True)
    shown = progress.add_task(task)
    progress.start()

    def tell(done: int, total: int) -> None:
        progress.update(shown, completed=done, total=total)
        if done >= total:
            progress.stop()

    return tell


def _lines(task: str) -> Callable[[int, int], None]:
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        tenth = done * 10 // max(1, total)
        if tenth != told:
            told = tenth
            click.echo(f"{task}: {done}/{total}", err=True)

    return tell


def group(parent: click.Group, name: str, text: str) -> AppGroup:
    """Add a group of commands to another."""
    made = AppGroup(name, help=text)
    parent.add_command(made)
    return made


def bytes_of(file: Path) -> bytes:
    """Return what stands in a file; one that cannot be read is refused by name."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(REFUSED, "file_unreadable", f"{file}: {error.strerror}") from None


def command(
    group: click.Group, name: str, *, before_init: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a command: the options every command has, its errors told in one way."""

    def declare(function: Callable[..., None]) -> click.Command:
        @click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
        @click.option("--lang", type=click.Choice(i18n.LANGUAGES), help="Language of the answer.")
        @click.option("--as", "acting", metavar="USER", help="The acting account; else the operator.")
        @click.option("--otp", metavar="CODE", help="A code of its second factor; needed in production.")
        @with_appcontext
        @functools.wraps(function)
        def run_it(as_json: bool, lang: str | None, acting: str | None, otp: str | None, **given: Any) -> None:
            run = Run(as_json, lang or i18n.default(), acting, otp)
            i18n.set_default(run.lang)
            try:
                if not before_init:
                    run.require_init()
                function(run, **given)
            except Exception as error:
                run.fail(_stop(run, error))

        return group.command(name)(run_it)

    return declare


def _stop(run: Run, error: Exception) -> Stop:
    """Return how an error ends the command; what is no refusal is a fault and keeps its trace."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, Refused):
        code = USAGE if isinstance(error, Unusable) else REFUSED
        return Stop(code, error.code, _headline(run, error), [run.reason(r) for r in error.reasons])
    if isinstance(error, Invalid):
        told = (f"{p.file}:{p.line}: {run.say(p.text) % p.facts}" for p in error.problems)
        return Stop(REFUSED, "invalid", "\n".join(told))
    if isinstance(error, NotFound):
        return Stop(REFUSED, "not_found", run.say(N_("Not found: %(what)s"), what=str(error)))
    if isinstance(error, rendering.RenderingRefused):
        return Stop(REFUSED, "not_rendered", run.say(error.text, **error.facts))
    if isinstance(error, ClocksDisagree):
        return Stop(
            REFUSED, "unavailable", run.say(N_("Nothing is written: %(fault)s; set the clocks."), fault=str(error))
        )
    if isinstance(error, Unfit):
        return Stop(REFUSED, error.code, run.say(error.text, **error.facts))
    if isinstance(error, throttle.TooMany):
        text = N_("Too many wrong codes; try again in %(seconds)s seconds.")
        return Stop(REFUSED, "too_many_requests", run.say(text, seconds=error.seconds))
    if isinstance(error, config.Misconfigured):
        return Stop(USAGE, "misconfigured", str(error))
    raise error


_HEADLINES = {
    "forbidden": N_("This step is not open to you."),
    "stale": N_("The case has changed in the meantime."),
    "malformed": N_("Some entries are not right."),
}


def _headline(run: Run, error: Refused) -> str:
    return run.say(_HEADLINES.get(error.code, N_("The step was not taken.")))
