"""What forgers do to a signed document: each takes two genuine ones and gives one that nobody may believe."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pikepdf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils.generic import NameObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from edu_pilot import clock
from edu_pilot.services import issuer, pades, proof

STRANGER = Ed25519PrivateKey.from_private_bytes(b"a key that is somebody else's...")
END = b"%%EOF\n"


@dataclass(frozen=True)
class Case:
    """A genuine document, another genuine one, and the chance of this case."""

    pdf: bytes
    other: bytes
    chance: random.Random

    @property
    def unsigned(self) -> bytes:
        """The file before its signature."""
        return self.pdf[: self.pdf.index(END) + len(END)]


def contents(pdf: bytes) -> tuple[int, int]:
    """Return where the digits of the PDF signature begin and end."""
    seal = proof.WHOLE_IN_PDF.search(pdf)
    assert seal is not None
    return pdf.rindex(b"<", 0, seal.start()) + 1, pdf.index(b">", seal.end())


def _saved(pdf: pikepdf.Pdf) -> bytes:
    target = io.BytesIO()
    pdf.save(target)
    return target.getvalue()


def one_byte(case: Case) -> bytes:
    """One bit is another somewhere in what the signature covers."""
    start, end = contents(case.pdf)
    place = case.chance.randrange(len(case.pdf) - (end - start))
    place += (end - start) * (place >= start)
    return case.pdf[:place] + bytes([case.pdf[place] ^ (1 << case.chance.randrange(8))]) + case.pdf[place + 1 :]


def one_field(case: Case) -> bytes:
    """Its title names another number, the file is saved anew."""
    with pikepdf.open(io.BytesIO(case.pdf)) as pdf:
        pdf.docinfo["/Title"] = str(pdf.docinfo["/Title"]) + "1"
        return _saved(pdf)


def code_swapped(case: Case) -> bytes:
    """The QR code of another paper stands in its place."""
    with pikepdf.open(io.BytesIO(case.pdf)) as pdf, pikepdf.open(io.BytesIO(case.other)) as other:
        code, foreign = _code(pdf), _code(other)
        code.write(foreign.read_bytes())
        code.Width, code.Height = foreign.Width, foreign.Height
        return _saved(pdf)


def _code(pdf: pikepdf.Pdf) -> pikepdf.Stream:
    images = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
    return next(one for one in images if one.Width == one.Height)


def attachment_swapped(case: Case) -> bytes:
    """The attached facts are those of another paper."""
    with pikepdf.open(io.BytesIO(case.pdf)) as pdf, pikepdf.open(io.BytesIO(case.other)) as other:
        pdf.Root.AF[0].EF.F.write(other.Root.AF[0].EF.F.read_bytes())
        return _saved(pdf)


def signature_cut_off(case: Case) -> bytes:
    """The file ends before its signature."""
    return case.unsigned


def signature_field_removed(case: Case) -> bytes:
    """The form and its field are taken out, the file is saved anew."""
    with pikepdf.open(io.BytesIO(case.pdf)) as pdf:
        del pdf.Root.AcroForm, pdf.Root.Perms, pdf.pages[0].Annots
        return _saved(pdf)


def signed_by_a_look_alike(case: Case) -> bytes:
    """Somebody with a certificate of the same name signs and seals the same content."""
    return _resigned(case, STRANGER.sign)


def signed_by_a_look_alike_under_our_seal(case: Case) -> bytes:
    """The same, with the digits of our seal carried over."""
    seal = proof.WHOLE_IN_PDF.search(case.pdf)
    assert seal is not None
    forged = _resigned(case, STRANGER.sign)
    return proof.WHOLE_IN_PDF.sub(seal[0], forged)


def _resigned(case: Case, sign: proof.Sign) -> bytes:
    name = "德州广播电视大学"
    return pades.signed(case.unsigned, issuer.read(issuer.made(name)), clock.now(), sign)


def signature_of_another_paper(case: Case) -> bytes:
    """The signature of another genuine paper follows this one's content."""
    return case.unsigned + case.other[case.other.index(END) + len(END) :]


def appended(case: Case) -> bytes:
    """A later revision changes what the file says of itself."""
    writer = IncrementalPdfFileWriter(io.BytesIO(case.pdf))
    writer.root["/PageMode"] = NameObject("/UseAttachments")
    writer.update_root()
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def truncated(case: Case) -> bytes:
    """Its end is missing."""
    return case.pdf[: -case.chance.randrange(8, 3_000)]


def contents_blank(case: Case) -> bytes:
    """The digits of the signature are all nought, the seal with them."""
    start, end = contents(case.pdf)
    return case.pdf[:start] + b"0" * (end - start) + case.pdf[end:]


ALTERATIONS: Mapping[str, Callable[[Case], bytes]] = {
    one.__name__: one
    for one in (
        one_byte,
        one_field,
        code_swapped,
        attachment_swapped,
        signature_cut_off,
        signature_field_removed,
        signed_by_a_look_alike,
        signed_by_a_look_alike_under_our_seal,
        signature_of_another_paper,
        appended,
        truncated,
        contents_blank,
    )
}


# What a PDF signature leaves open, its own place in the file: readers of PDF still call these valid.


def seal_blank(case: Case) -> bytes:
    """Our seal is nought."""
    return proof.WHOLE_IN_PDF.sub(_blank(), case.pdf)


def _blank() -> bytes:
    return proof.WHOLE_MARK.hex().upper().encode() + proof.WHOLE_BLANK


def seal_of_another_paper(case: Case) -> bytes:
    """Our seal of another paper."""
    seal = proof.WHOLE_IN_PDF.search(case.other)
    assert seal is not None
    return proof.WHOLE_IN_PDF.sub(seal[0], case.pdf)


def padding_changed(case: Case) -> bytes:
    """Something is hidden behind the signature, in the room that it did not need."""
    _start, end = contents(case.pdf)
    assert case.pdf[end - 8 : end] == b"0" * 8
    return case.pdf[: end - 8] + b"4D5A9000" + case.pdf[end:]


LEFT_OPEN: Mapping[str, Callable[[Case], bytes]] = {
    one.__name__: one for one in (seal_blank, seal_of_another_paper, padding_changed)
}
