"""The commands for keys and for what is kept of a person."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.commands.console import EXISTING, REFUSED, TARGET, USAGE, Run, Stop, bytes_of, command, group
from edu_pilot.services import erasure, issuer, keys, own_data, vault
from edu_pilot.workflow.reasons import N_

commands = AppGroup("personal")
keys_group = group(commands, "keys", "The keys of this installation.")
people_group = group(commands, "people", "What is kept of a person.")


@command(keys_group, "rotate")
@click.option("--what", type=click.Choice(keys.KINDS), default="seal", show_default=True)
def keys_rotate(run: Run, what: str) -> None:
    """Put what is stored under a new key and put the old one away; a broken off rotation goes on."""
    done = keys.rotate(what, run.actor, run.progress(what))
    value: dict[str, Any] = asdict(done) | {"complete": done.complete}
    lines = [run.say(N_("Key %(key)s is in use; %(values)s rows were rewritten."), key=done.key, values=done.values)]
    if done.unreadable:
        text = N_("%(number)s rows hold a value that no key opens; the old key stays.")
        lines.append(run.say(text, number=done.unreadable))
    if not done.old_pages_gone:
        lines.append(run.say(N_("Somebody read for too long: old pages are still in the file. Run it once more.")))
    run.answer(value, lines)
    if not done.complete:
        sys.exit(REFUSED)


@command(keys_group, "certificate")
def keys_certificate(run: Run) -> None:
    """Print the certificates that readers of PDF must trust to verify our documents, the present one first."""
    found = [_certificate(pem) for pem in vault.pinned_certificates(keys.keeper().folder)]
    lines = [line for one in found for line in (f"# {one['subject']}", f"# SHA-256 {one['fingerprint']}", one["pem"])]
    run.answer({"certificates": found}, lines)


def _certificate(pem: bytes) -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(pem)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "fingerprint": issuer.fingerprint(certificate.public_bytes(Encoding.DER)),
        "from": certificate.not_valid_before_utc.date().isoformat(),
        "until": certificate.not_valid_after_utc.date().isoformat(),
        "pem": pem.decode().rstrip(),
    }


@command(keys_group, "import")
@click.argument("file", type=EXISTING)
@click.option("--password-file", type=EXISTING, help="A file with the password of FILE, if it has one.")
def keys_import(run: Run, file: Path, password_file: Path | None) -> None:
    """Sign documents under the key and certificate of an authority, from a PKCS#12 or PEM file."""
    password = bytes_of(password_file).strip() if password_file else None
    try:
        done = keys.bring_issuer(bytes_of(file), password, run.actor)
    except issuer.UnfitCertificate as problem:
        text = run.say(N_("%(file)s cannot sign documents: %(why)s"), file=file, why=run.say(str(problem)))
        raise Stop(USAGE, "certificate_unfit", text) from None
    run.answer(asdict(done), [run.say(N_("Documents are signed under the certificate %(key)s now."), key=done.key)])


REASON = click.option("--reason", required=True, metavar="CODE", help="A code of the policy's retention.reasons.")


@command(people_group, "erase")
@click.argument("reference")
@REASON
def people_erase(run: Run, reference: str, reason: str) -> None:
    """Erase what is known of the person behind a record; figures, money and trail stay."""
    done = erasure.erase(reference, reason, run.actor)
    gone = erasure.forget_old_pages()
    text = N_("Erased: %(records)s. Stored only, for accounting: %(kept)s.")
    lines = [run.say(text, records=", ".join(done.records), kept=", ".join(done.kept) or "—")]
    if not gone:
        text = N_(
            "Old pages with the erased values are still in the database's files: edu-pilot keys rotate rewrites all."
        )
        lines.append(run.say(text))
    run.answer(asdict(done) | {"old_pages_gone": gone}, lines)


@command(people_group, "restrict")
@click.argument("reference")
@REASON
def people_restrict(run: Run, reference: str, reason: str) -> None:
    """Store a person's data and use them for nothing else: the consent was withdrawn."""
    erasure.restrict(reference, reason, run.actor)
    run.answer({"reference": reference, "restricted": True}, [reference])


@command(people_group, "export")
@click.argument("reference")
@click.argument("target", metavar="OUT.zip", type=TARGET)
def people_export(run: Run, reference: str, target: Path) -> None:
    """Write a person's copy of everything kept of them; readable by its owner alone."""
    content = own_data.export(reference, run.actor)
    disk.write_private(target, content)
    run.answer({"reference": reference, "file": str(target), "bytes": len(content)}, [str(target)])
