"""The commands for money: files to and from the bank, the sums."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.commands.console import EXISTING, REFUSED, TARGET, Run, command, group
from edu_pilot.commands.lists import answer_list
from edu_pilot.extensions import read
from edu_pilot.services import payments, reconciliation, wording

commands = AppGroup("money")
payment_group = group(commands, "payment", "Files to and from the bank.")


@command(payment_group, "bank-file")
@click.argument("reference")
@click.argument("target", metavar="FILE", type=TARGET)
def payment_bank_file(run: Run, reference: str, target: Path) -> None:
    """Write an exported batch's bank file; only for who releases the money."""
    content = payments.bank_file(reference, run.actor)
    disk.write_private(target, content)
    run.answer({"batch": reference, "file": str(target), "bytes": len(content)}, [str(target)])


@command(payment_group, "results")
@click.argument("file", type=EXISTING)
@click.option("--batch", required=True, metavar="REFERENCE")
@click.option("--dry-run", is_flag=True, help="Judge the file, settle nothing.")
def payment_results(run: Run, file: Path, batch: str, dry_run: bool) -> None:
    """Settle a batch by the bank's answer; the same file once more changes nothing."""
    found = payments.import_results(file.read_bytes(), file.name, batch, run.actor, dry_run=dry_run)
    answer_list(run, found, None)


@command(payment_group, "reconcile")
def payment_reconcile(run: Run) -> None:
    """Count all the money twice, from claims and from payments, and name every difference."""
    with read() as conn:
        found = reconciliation.reconcile(conn)
    lines = [f"{run.say(text)}: ¥{wording.yuan(getattr(found, name))}" for name, text in reconciliation.SUMS.items()]
    for one in found.differences:
        where = " ".join(part for part in (one.claim, one.batch) if part)
        sums = " ≠ ".join(f"¥{wording.yuan(fen)}" for fen in (one.expected_fen, one.found_fen))
        lines.append(f"✗ {where}  {run.say(reconciliation.TEXTS[one.code])}  {sums}")
    run.answer(found.as_dict(), lines)
    if not found.ok:
        sys.exit(REFUSED)
