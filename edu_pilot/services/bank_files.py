"""The file a bank pays from, and the file it answers with: tables of payment numbers (R5.8)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import BankFile, Claim, PaymentItem
from edu_pilot.services import exports
from edu_pilot.services.spreadsheets import Cell, Row, Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.services.vault import Vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_

CLAIM = Claim.__table__
ITEM = PaymentItem.__table__
FILE = BankFile.__table__
HEAD = ("付款编号", "收款户名", "收款账号", "金额（元）")
# Banks' programs read GB 18030, and it can write every character there is.
ENCODING = "gb18030"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("付款编号", "支付编号", "编号", "number"),
    "result": ("结果", "处理结果", "交易结果", "result"),
    "reason": ("原因", "退汇原因", "失败原因", "reason"),
}
RESULTS: Mapping[str, tuple[str, ...]] = {
    "paid": ("paid", "成功", "已支付", "支付成功", "交易成功"),
    "bounced": ("bounced", "退汇", "失败", "支付失败", "交易失败"),
}
NO_HEAD = N_("No line of the file names the columns: payment number and result.")


def content(conn: Connection, vault: Vault, payment_id: str) -> bytes:
    """Return the bank file of a batch, in order of payment numbers: the same bytes each time."""
    query = (
        sa.select(ITEM.c.number, ITEM.c.amount_fen, CLAIM.c.id, CLAIM.c.account_holder, CLAIM.c.account_number)
        .join(CLAIM, CLAIM.c.id == ITEM.c.claim_id)
        .where(ITEM.c.payment_id == payment_id)
        .order_by(ITEM.c.number)
    )
    lines: list[Sequence[str]] = [HEAD]
    for row in conn.execute(query):
        account = vault.open("claim.account_number", row.id, row.account_number)
        lines.append((row.number, row.account_holder, account, plain_yuan(row.amount_fen)))
    return exports.csv_text(lines).encode(ENCODING)


def kept(conn: Connection, vault: Vault, payment_id: str) -> bytes | None:
    """Return the very bytes that were exported, or None before the export."""
    row = conn.execute(sa.select(FILE).where(FILE.c.payment_id == payment_id)).one_or_none()
    return opened(vault, row) if row else None


def opened(vault: Vault, row: Any) -> bytes:
    """Return the bytes of a kept file's row; raise Unreadable where the seal does not open."""
    # GB 18030 and Unicode are one to one, so the sealed text gives the same bytes back.
    return vault.open("bank_file.content", row.id, row.content).encode(ENCODING)


def amounts(file: bytes) -> dict[str, int]:
    """Return what a bank file pays by payment number, in fen."""
    _head, *lines = csv.reader(io.StringIO(file.decode(ENCODING), newline=""))
    return {number: int(yuan.replace(".", "")) for number, _holder, _account, yuan in lines}


def plain_yuan(fen: int) -> str:
    """Write fen as yuan for machines: 479000 → 4790.00."""
    return f"{fen // 100}.{fen % 100:02d}"


def read_results(data: bytes, filename: str, policy: Policy) -> list[tuple[int, dict[str, Any]]]:
    """Return (row, {number, result, reason}) of a bank's answer; words are read as codes where they are known.

    Raises Unreadable for what is no table or names no columns.
    """
    rows = list(read_grid(data, filename).rows)
    for at, row in enumerate(rows):
        places = _places(row)
        if {"number", "result"} <= places.keys():
            told = [(r.number, _told(r, places, policy)) for r in rows[at + 1 :] if r.filled()]
            return [(number, result) for number, result in told if result["number"]]
    raise Unreadable(NO_HEAD)


def _places(row: Row) -> dict[str, int]:
    """Return where a head line names which column."""
    texts = [_text(cell) for cell in row.cells]
    found = {name: next((i for i, t in enumerate(texts) if t in heads), None) for name, heads in COLUMNS.items()}
    return {name: place for name, place in found.items() if place is not None}


def _told(row: Row, places: Mapping[str, int], policy: Policy) -> dict[str, Any]:
    text = {name: _text(row.cells[at]) if at < len(row.cells) else "" for name, at in places.items()}
    reasons = policy.get("decision_codes.bounce")
    known = {code: (code, label["zh"], label["en"]) for code, label in reasons.items()}
    result = {"number": text["number"], "result": _code(RESULTS, text["result"])}
    return result | ({"reason": _code(known, text["reason"])} if text.get("reason") else {})


def _code(known: Mapping[str, tuple[str, ...]], text: str) -> str:
    return next((code for code, words in known.items() if text in words), text)


def _text(cell: Cell) -> str:
    return str(cell).strip()
