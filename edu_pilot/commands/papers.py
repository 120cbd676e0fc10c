"""The commands for documents: issue, render, save, verify."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.commands.console import EXISTING, REFUSED, TARGET, USAGE, Run, Stop, bytes_of, command, group
from edu_pilot.extensions import read
from edu_pilot.services import (
    bundles,
    documents,
    instance,
    notices,
    offline,
    outbox,
    proof,
    rendering,
    revocations,
    search,
    verification,
)
from edu_pilot.services.vault import vault
from edu_pilot.services.verification import Verified
from edu_pilot.workflow.reasons import N_

commands = AppGroup("papers")
KEY_AS_WELL = N_("A list of revoked papers is judged by a key: give --key as well.")
documents_group = group(commands, "documents", "Issue, render and save documents.")


@command(documents_group, "render-pending")
def render_pending(run: Run) -> None:
    """Render every document that has no bytes yet."""
    with read() as conn:
        numbers = documents.pending(conn)
    tell, failed = run.progress("documents"), []
    for done, number in enumerate(numbers, 1):
        try:
            documents.render(number)
        except rendering.RenderingRefused as refused:
            failed.append({"number": number, "problem": run.say(refused.text, **refused.facts)})
        tell(done, len(numbers))
    outbox.drain(len(numbers), task="render")
    text = N_("%(rendered)s documents rendered, %(failed)s not.")
    value = {"rendered": len(numbers) - len(failed), "failed": failed}
    lines = [
        run.say(text, rendered=value["rendered"], failed=len(failed)),
        *(f"{f['number']}: {f['problem']}" for f in failed),
    ]
    run.answer(value, lines)
    if failed:
        sys.exit(REFUSED)


@command(documents_group, "issue")
@click.argument("kind")
@click.argument("workflow")
@click.argument("reference")
def documents_issue(run: Run, kind: str, workflow: str, reference: str) -> None:
    """Issue a document of a record, first or again, where its workflow has a step for that."""
    number = bundles.issue_again(workflow, reference, kind, run.actor)
    run.answer({"number": number, "kind": kind, "reference": reference}, [number])


@command(documents_group, "batch")
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("workflow")
@click.argument("references", nargs=-1)
@click.option("--kind", "kinds", multiple=True, help="Only documents of this kind; may be repeated.")
@click.option("--state", help="Every record in this state, beside those named.")
@click.option("--intake", metavar="YYMM")
def documents_batch(
    run: Run, target: Path, workflow: str, references: tuple[str, ...], kinds: tuple[str, ...],
    state: str | None, intake: str | None,
) -> None:  # fmt: skip
    """Save the documents of records into a folder, or into a ZIP where TARGET ends in .zip; tells each."""
    wanted = _records(run, workflow, references, state, intake)
    try:
        found = bundles.bundle(target, workflow, wanted, kinds, run.actor, run.progress("documents"))
    except OSError as error:
        raise Stop(USAGE, "target_not_writable", f"{target}: {error.strerror}") from None
    _answer_bundle(run, target, found)


def _records(
    run: Run, workflow: str, references: tuple[str, ...], state: str | None, intake: str | None
) -> list[str]:  # fmt: skip
    wanted = list(references)
    if state or intake:
        with read() as conn:
            wanted += search.references(conn, workflow, run.actor, search.Wanted(state=state, intake=intake))
    if not wanted:
        raise Stop(USAGE, "no_records", run.say(N_("Name records, or choose them by --state or --intake.")))
    return list(dict.fromkeys(wanted))


@command(documents_group, "print")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.argument("workflow")
@click.argument("kind")
@click.argument("references", nargs=-1)
@click.option("--state", help="Every record in this state, beside those named.")
@click.option("--intake", metavar="YYMM")
def documents_print(
    run: Run, target: Path, workflow: str, kind: str, references: tuple[str, ...], state: str | None,
    intake: str | None,
) -> None:  # fmt: skip
    """Write the papers of records as files for the printer into a folder; call again to take up a stopped run."""
    wanted = _records(run, workflow, references, state, intake)
    try:
        made, left = bundles.stacks(target, workflow, wanted, kind, run.actor, run.progress("documents"))
    except OSError as error:
        raise Stop(USAGE, "target_not_writable", f"{target}: {error.strerror}") from None
    told = [{**vars(one), "reasons": [run.reason(r) for r in one.reasons]} for one in left]
    value = {"target": str(target), "stacks": [vars(stack) for stack in made], "left": told}
    papers = sum(len(stack.numbers) for stack in made)
    text = run.say(N_("%(papers)s papers in %(stacks)s files for the printer, %(left)s not."), papers=papers,
                   stacks=len(made), left=len(left))  # fmt: skip
    run.answer(value, [text, *(f"{one['reference']}: {r['text']}" for one in told for r in one["reasons"])])
    if left:
        sys.exit(REFUSED)


def _answer_bundle(run: Run, target: Path, found: list[bundles.Saved]) -> None:
    told: list[dict[str, Any]] = [{**vars(one), "reasons": [run.reason(r) for r in one.reasons]} for one in found]
    left = [one for one in told if one["reasons"]]
    value = {"target": str(target), "saved": len(told) - len(left), "left": len(left), "documents": told}
    text = run.say(N_("%(saved)s documents saved, %(left)s not."), saved=value["saved"], left=value["left"])
    run.answer(value, [text, *(f"{o['reference']} {o['kind']}: {r['text']}" for o in left for r in o["reasons"])])
    if left:
        sys.exit(REFUSED)


@command(documents_group, "save")
@click.argument("number")
@click.argument("target", type=TARGET)
def documents_save(run: Run, number: str, target: Path) -> None:
    """Write a document's PDF to a file."""
    content = documents.content(number, run.actor)
    disk.write_private(target, content)
    run.answer({"number": number, "file": str(target), "bytes": len(content)}, [str(target)])


@command(documents_group, "redraw")
@click.argument("number")
def documents_redraw(run: Run, number: str) -> None:
    """Draw a kept document once more and say whether it is the same to the byte, before its signature."""
    found = documents.drawn_again(number)
    text = N_("The same to the byte.") if found.same else N_("Not the same: the template or the renderer is another.")
    versions = zip(("", "now"), (found.drawn_by, found.draws_now), strict=True)
    lines = [" ".join(("#", *by, when)).rstrip() for when, by in versions]
    run.answer(vars(found), [run.say(text), f"SHA-256 {found.unsigned_sha256}", *lines])
    if not found.same:
        sys.exit(REFUSED)


@command(documents_group, "notice")
@click.option("--county", metavar="CODE", help="One county's list; else the whole city's.")
def documents_notice(run: Run, county: str | None) -> None:
    """Issue the masked list of the claims whose public notice runs today."""
    number = notices.publish(county, run.actor)
    run.answer({"number": number}, [number])


@command(documents_group, "take-down")
@click.argument("number")
@click.option("--reason", required=True, metavar="CODE", help="Why, by the codes of the policy.")
@click.option("--claim", "claims", multiple=True, metavar="REFERENCE", help="Whom it concerns; else the whole list.")
def documents_take_down(run: Run, number: str, reason: str, claims: tuple[str, ...]) -> None:
    """Take a published list down at once and record the incident; name whom it concerns."""
    concerned = notices.take_down(number, reason, run.actor, claims)
    run.answer({"number": number, "claims": concerned}, concerned)


@command(commands, "verify", before_init=True)
@click.argument("what", metavar="FILE.pdf|CODE")
@click.option("--key", type=EXISTING, help="A public key; then no database is needed.")
@click.option("--revocations", "listed", type=EXISTING, help="With --key: a list of revoked papers.")
def verify(run: Run, what: str, key: Path | None, listed: Path | None) -> None:
    """Say whether a paper is genuine, altered, revoked or unknown, and show what it says."""
    file = Path(what)
    if listed and not key:
        raise Stop(USAGE, "key_missing", run.say(KEY_AS_WELL))
    if key:
        found = _by_key(run, file, key, listed)
    elif not instance.ready():
        raise Stop(
            USAGE,
            "not_initialised",
            run.say(N_("There is no installation here yet; give --key, or run: edu-pilot init")),
        )
    else:
        found = verification.by_file(bytes_of(file)) if file.suffix.lower() == ".pdf" else verification.by_code(what)
    facts = [f"  {run.word(name)}: {value}" for name, value in (found.content or {}).items()]
    run.answer(vars(found), [run.word(found.result), *facts, *_remarks(run, found)])
    if found.result != "genuine":
        sys.exit(REFUSED)


def _by_key(run: Run, file: Path, key: Path, listed: Path | None) -> Verified:
    try:
        known = bytes_of(listed) if listed else None
        return verification.by_key(bytes_of(file), public_key_in(run, key), known)
    except proof.Altered:
        text = N_("%(file)s is no list of revoked papers that this key signed.")
        raise Stop(USAGE, "list_malformed", run.say(text, file=listed)) from None


def _remarks(run: Run, found: Verified) -> Iterator[str]:
    if found.revoked_at:
        yield run.say(N_("revoked: %(moment)s"), moment=found.revoked_at)
    if found.as_of:
        yield run.say(N_("by the list of revoked papers of %(moment)s"), moment=found.as_of)
    if found.earlier_key:
        yield run.say(N_("signed under an earlier key of ours"))


@command(commands, "revocations")
@click.argument("file", type=TARGET)
def write_revocations(run: Run, file: Path) -> None:
    """Write the signed list of papers that hold no longer, as of now."""
    revocations.complete_marks()
    with read() as conn:
        text = revocations.signed(conn)
    _write(run, file, text)
    run.answer({"file": str(file), "bytes": len(text.encode())}, [str(file)])


@command(commands, "verifier")
@click.argument("file", type=TARGET)
def write_verifier(run: Run, file: Path) -> None:
    """Write the page that verifies papers without a network, with the keys and the list of now in it."""
    revocations.complete_marks()
    text = offline.page()
    _write(run, file, text)
    run.answer({"file": str(file), "bytes": len(text.encode())}, [str(file)])


def _write(run: Run, file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise Stop(USAGE, "file_not_writable", f"{file}: {error.strerror}") from None


@command(commands, "public-key")
def public_key(run: Run) -> None:
    """Print the public key with which anyone can verify this installation's papers."""
    text = verification.public_pem(vault().public_key)
    run.answer({"key_id": proof.key_id(vault().public_key), "pem": text}, [text.rstrip()])


def public_key_in(run: Run, file: Path) -> bytes:
    """Return the public key that stands in a file; anything else is refused with the way to get one."""
    content = bytes_of(file)
    try:
        proof.key_of(content)
    except ValueError:
        text = N_("%(file)s is no public key of an installation; `edu-pilot public-key` prints one.")
        raise Stop(USAGE, "key_malformed", run.say(text, file=file)) from None
    return content
