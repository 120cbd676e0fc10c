"""What the commands call things that have no label in a file: parts of a task, findings, chores."""

from __future__ import annotations

from collections.abc import Mapping

from edu_pilot.workflow.reasons import N_

WORDS: Mapping[str, str] = {
    # The walk over the trail
    "ok": N_("All is well"),
    "entries": N_("Entries read"),
    "records": N_("Records compared"),
    "first_bad": N_("First entry that is wrong"),
    "reason": N_("What is wrong"),
    "True": N_("Yes"),
    "False": N_("No"),
    "None": N_("none"),
    "missing": N_("an entry is missing"),
    "content": N_("the content was changed"),
    "order": N_("the order is broken"),
    "anchor": N_("an anchor is missing or does not fit"),
    "state": N_("a record is not as its entries say"),
    # The check of a paper
    "genuine": N_("This paper is genuine."),
    "altered": N_("This paper was altered."),
    "unknown": N_("This paper is not known here."),
    "revoked": N_("This paper is revoked."),
    "kind": N_("Kind"),
    "number": N_("Number"),
    "holder": N_("Name"),
    "id_tail": N_("End of the ID number"),
    "issued_on": N_("Issued on"),
    "issuer": N_("Issuer"),
    "key_id": N_("Key"),
    "major": N_("Major"),
    "diploma_number": N_("Diploma number"),
    "diploma_on": N_("Date of the diploma"),
    "certificate_number": N_("Certificate number"),
    "amount_fen": N_("Amount in fen"),
    # What is due
    "places_given_back": N_("Places given back"),
    "follow_ups": N_("Follow-ups carried out"),
    "moved_up": N_("Moved up from the waiting list"),
    "expired": N_("Studies expired"),
    "warned": N_("Warned of the end of the study"),
    "recovered": N_("Recoveries begun"),
    "stopped": N_("Payments stopped"),
    "escalated": N_("Handed to the arbiter"),
    "lapsed": N_("Claims lapsed"),
    "certificates_verified": N_("Certificates asked for anew"),
    "keys_dropped": N_("Used-up request keys dropped"),
    "begun_dropped": N_("Drafts dropped"),
    "sign_ins_dropped": N_("Old sign-ins dropped"),
    "people_erased": N_("Persons erased"),
    "accounts_erased": N_("Accounts erased"),
    "lists_erased": N_("Uploaded lists erased"),
    "prints_removed": N_("Files for the printer removed"),
    "money_differences": N_("Differences of money"),
    "files_swept": N_("Files without a row swept"),
    "anchors_made": N_("Anchors made"),
    # Parts of a long task
    "accounts": N_("Accounts"),
    "roster/registration": N_("Rosters and registration"),
    "calendar": N_("Calendar"),
    "study": N_("Studies"),
    "certification": N_("Certification"),
    "claims": N_("Claims"),
    "payment": N_("Payments"),
    "documents": N_("Documents"),
    "files": N_("Files"),
    "database": N_("Database"),
    "tables": N_("Tables"),
    "move": N_("Cases moved"),
    "seal": N_("Sealed values"),
    # Elsewhere
    "same": N_("unchanged"),
}
