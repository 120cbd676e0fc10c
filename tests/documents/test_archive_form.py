"""PDF/A-3a by structure: what a reader of a later century needs stands in the file."""

import io
import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pikepdf
import pytest

from edu_pilot.services import proof
from edu_pilot.services.specimens import proof_of
from tests.documents.conftest import PUBLIC_KEY, Sheet

PDFA = "{http://www.aiim.org/pdfa/ns/id/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"


@pytest.fixture
def pdf(sheet: Sheet) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(sheet.pdf))


def metadata(pdf: pikepdf.Pdf) -> ElementTree.Element:
    return ElementTree.fromstring(pdf.Root.Metadata.read_bytes())


def kinds_of_structure(element: pikepdf.Object) -> Iterator[str]:
    """Walk the structure tree and name each element's kind."""
    if isinstance(element, pikepdf.Array):
        for child in element:
            yield from kinds_of_structure(child)
    elif isinstance(element, pikepdf.Dictionary):
        if "/S" in element:
            yield str(element.S)
        if "/K" in element:
            yield from kinds_of_structure(element.K)


def test_a_document_names_itself_as_pdf_a_3a(pdf: pikepdf.Pdf) -> None:
    found = {name: value for node in metadata(pdf).iter() for name, value in node.attrib.items()}
    assert (found[f"{PDFA}part"], found[f"{PDFA}conformance"]) == ("3", "A")


def test_its_colours_are_told_by_one_embedded_profile(pdf: pikepdf.Pdf) -> None:
    (intent,) = pdf.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1" and intent.DestOutputProfile.N == 3
    assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"


def test_every_font_is_embedded_and_can_be_read_back(pdf: pikepdf.Pdf) -> None:
    fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
    assert fonts
    for font in fonts:
        (drawn,) = font.DescendantFonts
        assert "/FontFile2" in drawn.FontDescriptor or "/FontFile3" in drawn.FontDescriptor
        assert b"beginbf" in font.ToUnicode.read_bytes()


def test_it_is_tagged_and_says_its_language(pdf: pikepdf.Pdf) -> None:
    assert pdf.Root.MarkInfo.Marked and str(pdf.Root.Lang) == "zh-CN"
    assert all(page.StructParents >= 0 and page.Tabs == "/S" for page in pdf.pages)
    kinds = set(kinds_of_structure(pdf.Root.StructTreeRoot))
    assert {"/Document", "/H1", "/P"} <= kinds


def test_it_carries_its_signed_facts_as_one_file(pdf: pikepdf.Pdf, sheet: Sheet) -> None:
    (related,) = pdf.Root.AF
    assert related.AFRelationship == "/Data" and str(related.UF) == proof.CARRIED
    assert pdf.Root.Names.EmbeddedFiles.Names[1].objgen == related.objgen
    assert related.EF.F.Subtype == "/application/json"
    told = json.loads(related.EF.F.read_bytes())
    assert proof.read_token(told["token"], PUBLIC_KEY) == proof_of(sheet.kind)
    assert told["token"] == proof.token_in_pdf(sheet.pdf) and told["facts"]["number"] == sheet.context["number"]


def test_its_dates_are_the_day_of_issue_everywhere(pdf: pikepdf.Pdf, sheet: Sheet) -> None:
    day = str(sheet.context["issued_on"])
    written = {node.text for node in metadata(pdf).iter() if node.tag in (f"{XMP}CreateDate", f"{XMP}ModifyDate")}
    assert written == {day}
    params = pdf.Root.AF[0].EF.F.Params
    stamps = [pdf.docinfo.CreationDate, pdf.docinfo.ModDate, params.CreationDate, params.ModDate]
    assert {str(stamp)[:10] for stamp in stamps} == {"D:" + day.replace("-", "")}


def test_nothing_in_it_runs_or_leads_away(pdf: pikepdf.Pdf) -> None:
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(pdf.Root.keys())
    assert "/JavaScript" not in pdf.Root.Names and pdf.trailer.get("/Encrypt") is None
    assert not any("/AA" in page for page in pdf.pages)
