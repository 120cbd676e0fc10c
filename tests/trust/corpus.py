"""Hostile files, made here and kept nowhere: every kind that has hurt a house like this one."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import xlsxwriter
from PIL import Image, ImageCms, ImageDraw
from pypdf import PdfReader, PdfWriter

# Stands in every part that a reader must drop; no kept file may hold it.
UNINVITED = b"uninvited-guest"
HEADS = ("姓名", "身份证号", "手机号", "所属县区", "教学点", "报考层次", "报考专业", "学历", "工作单位", "岗位")
LIU = (
    "刘伟",
    "371425199003079990",
    "13805340001",
    "齐河县",
    "齐河县教学点",
    "专科",
    "电子商务",
    "高中",
    "齐河建筑",
    "瓦工",
)


@dataclass(frozen=True)
class Hostile:
    """One file: its kind, the name it is sent under and its bytes."""

    kind: str
    name: str
    content: bytes


Files = Iterator[tuple[str, bytes]]
_MAKERS: dict[str, Callable[[], Files]] = {}


def kind(name: str) -> Callable[[Callable[[], Files]], Callable[[], Files]]:
    """Register the maker of a kind: it yields names and bytes."""

    def register(maker: Callable[[], Files]) -> Callable[[], Files]:
        _MAKERS[name] = maker
        return maker

    return register


@cache
def every() -> tuple[Hostile, ...]:
    """Return all files, the same ones each time."""
    return tuple(Hostile(kind, *made) for kind, maker in _MAKERS.items() for made in maker())


# Workbooks


@cache
def workbook(*lines: tuple[object, ...], name: str = "名单") -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(name)
        for number, line in enumerate((HEADS, *lines)):
            sheet.write_row(number, 0, line)
    return target.getvalue()


def archive(*parts: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in parts:
            new.writestr(name, content)
    return target.getvalue()


def parts() -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(workbook(LIU))) as book:
        return [(name, book.read(name)) for name in book.namelist()]


SHEET = "xl/worksheets/sheet1.xml"
SPREADSHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)


def with_part(name: str, content: bytes) -> bytes:
    return archive(*[(n, c) for n, c in parts() if n != name], (name, content))


def with_sheet(inner: str) -> bytes:
    return with_part(SHEET, SPREADSHEET.format(inner).encode())


@kind("xlsx two million rows")
def _rows() -> Files:
    yield "a.xlsx", with_part(SHEET, b"<worksheet><sheetData>" + b"<row><c><v>1</v></c></row>" * 2_000_000)
    yield "b.xlsx", with_sheet("<row><c><v>1</v></c></row>" * 25_000)


@kind("xlsx far cell")
def _far() -> Files:
    for place in ("XFD1048576", "A1048576", "XFD1", "ZZZZZZ9", "A99999999999999999999"):
        row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        yield f"{place}.xlsx", with_sheet(f'<row r="{row}"><c r="{place}"><v>1</v></c></row>')


@kind("xlsx ten thousand sheets")
def _sheets() -> Files:
    yield "a.xlsx", archive(*parts(), *((f"xl/worksheets/sheet{n}.xml", b"<a/>") for n in range(2, 10_000)))


ENTITIES = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))


@kind("xlsx billion laughs")
def _laughs() -> Files:
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{ENTITIES}]><x>&a9;</x>'.encode()
    for name in (SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "[Content_Types].xml"):
        yield f"{len(name)}.xlsx", with_part(name, bomb)


@kind("xlsx external entity")
def _external_entity() -> Files:
    for address in ("file:///etc/passwd", "http://127.0.0.1:9/x", "expect://id"):
        text = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]><x>&e;</x>'
        yield "a.xlsx", with_part("xl/sharedStrings.xml", text.encode())


@kind("xlsx external link")
def _link() -> Files:
    yield "a.xlsx", archive(*parts(), ("xl/externalLinks/externalLink1.xml", b'<a href="http://127.0.0.1:9/"/>'))


@kind("xlsx command by formula")
def _dde() -> Files:
    for formula in (
        "cmd|'/c calc'!A0",
        "WEBSERVICE(&quot;http://127.0.0.1:9&quot;)",
        "HYPERLINK(&quot;file:///etc&quot;)",
    ):
        yield "a.xlsx", with_sheet(f'<row r="1"><c r="A1" t="str"><f>{formula}</f><v>x</v></c></row>')


@kind("xlsx macro")
def _macro() -> Files:
    yield "a.xlsx", archive(*parts(), ("xl/vbaProject.bin", UNINVITED * 100))
    yield "a.xlsm", archive(*parts(), ("xl/vbaProject.bin", UNINVITED * 100))


@kind("xlsx encrypted")
def _encrypted() -> Files:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    yield "a.xlsx", head + "EncryptedPackage".encode("utf-16-le") + bytes(4000)
    yield "b.xls", head + random.Random(1).randbytes(9000)


@kind("xlsx archive in archive")
def _nested() -> Files:
    inner = archive(("0.xml", bytes(1_000_000)))
    for depth in range(5):
        inner = archive(*((f"{n}.zip", inner) for n in range(4 + depth)))
    yield "a.xlsx", inner
    yield "b.xlsx", archive(*parts(), ("inner.xlsx", inner))


@kind("xlsx overlapping entries")
def _overlap() -> Files:
    data = archive((SHEET, b"<a>" + bytes(200_000) + b"</a>"))
    at, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    directory, count = data[at:end], 150
    body = data[:at] + directory * count
    yield "a.xlsx", body + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory) * count, at, 0)


@kind("xlsx path out of the archive")
def _slip() -> Files:
    for name in ("../../../etc/cron.d/x", "/etc/passwd", "..\\..\\x", "xl/../../x"):
        yield "a.xlsx", archive(*parts(), (name, UNINVITED))


@kind("xlsx entry twice")
def _twice() -> Files:
    # The library warns of the second; its name is made alike afterwards.
    other = SHEET.replace("sheet1", "sheet9")
    yield "a.xlsx", archive(*parts(), (other, b"<a/>")).replace(other.encode(), SHEET.encode())


@kind("xlsx size that lies")
def _lying() -> Files:
    honest = archive(*parts(), ("z.xml", b"<a>" + b" " * 45_000_000 + b"</a>"))
    for size in (10, 0, 0xFFFFFFFF):
        data = bytearray(honest)
        at = data.rindex(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<I", size)
        yield f"{size}.xlsx", bytes(data)


@kind("xlsx bomb")
def _bomb() -> Files:
    yield "a.xlsx", archive((SHEET, bytes(60_000_000)))
    yield "b.xlsx", archive(*((f"{n}.xml", bytes(1_000_000)) for n in range(45)))


@kind("xlsx truncated")
def _cut() -> Files:
    whole = workbook(LIU)
    for share in (1, 4, 30, 100, 500, 900, 990):
        yield "a.xlsx", whole[: len(whole) * share // 1000]


@kind("xlsx damaged")
def _damaged() -> Files:
    for seed in range(8):
        chance, data = random.Random(seed), bytearray(workbook(LIU))
        for _ in range(20):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield f"{seed}.xlsx", bytes(data)


@kind("another file named xlsx")
def _named_xlsx() -> Files:
    page = b"<html><body><table><tr><td>" + UNINVITED + b"</td></tr></table></body></html>"
    for content in (page, png(Image.new("RGB", (9, 9))), pdf(), "姓名,身份证号\n刘伟,1".encode(), b"PK\x03\x04", b""):
        yield "a.xlsx", content


@kind("xlsx hidden and merged rows")
def _hidden() -> Files:
    cells = "".join(f'<c r="{chr(65 + n)}1" t="inlineStr"><is><t>{head}</t></is></c>' for n, head in enumerate(HEADS))
    merged = '</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells><sheetData>'
    yield "a.xlsx", with_sheet(f'<row r="1" hidden="1">{cells}</row>{merged}')


@kind("xlsx formula in every field")
def _formulas() -> Files:
    for sign in "=+-@＝＋－＠\t":
        yield "a.xlsx", workbook(tuple(f"{sign}{text}" for text in LIU))


@kind("xlsx dates of two epochs")
def _dates() -> Files:
    for epoch in ("0", "1"):
        book = f'<workbook><workbookPr date1904="{epoch}"/></workbook>'
        yield "a.xlsx", with_part("xl/workbook.xml", book.encode())
    yield "b.xlsx", with_sheet('<row r="1"><c r="A1" s="1"><v>-99999999999</v></c><c r="B1"><v>1e308</v></c></row>')


@kind("xlsx number of 18 digits")
def _lost() -> Files:
    yield "a.xlsx", workbook((LIU[0], 371425199003079990, 13805340001, *LIU[3:]))
    yield "b.xlsx", workbook((LIU[0], "3.71425199003079E+17", "1.3E10", *LIU[3:]))


@kind("xlsx longest cell")
def _longest() -> Files:
    yield "a.xlsx", workbook(("刘" * 32_767, *LIU[1:]))
    yield "b.csv", (",".join(HEADS) + "\n" + "刘" * 131_000 + ",1\n").encode()


NAMES = (
    "刘\u202e伟",
    "刘\u200b伟",
    "刘\u2066伟\u2069",
    "劉偉",
    "Лю Вэй",
    "刘\ufeff伟",
    "\u0301" * 60,
    "𠮷田",
    "\ue000",
    "👩‍👩‍👧",
)


@kind("names that deceive the eye")
def _deceiving() -> Files:
    for name in NAMES:
        yield "a.xlsx", workbook((name, *LIU[1:]))


TEXTS = (
    "<link rel=attachment href=file:///etc/passwd>", "{{7*7}}", "{% include '/etc/passwd' %}",
    "<style>@page{size:1px}</style>", "<td colspan=1000000>", "<div>" * 10_000, "x" * 100_000,
    "<img src=http://127.0.0.1:9/>", "𠮷\ue000👷", "<script>alert(1)</script>",
)  # fmt: skip


@kind("text for the printer")
def _printer() -> Files:
    for text in TEXTS:
        yield "a.csv", ("\n".join((",".join(HEADS), ",".join((*LIU[:8], text, text)))) + "\n").encode()


@kind("csv")
def _csv() -> Files:
    yield "quote.csv", b'a,b\n"c,d\n' * 50
    yield "wide.csv", b"a," * 300_000
    yield "long.csv", b"a\n" * 900_000
    yield "nul.csv", b"a\0,b\n"
    yield "utf16.csv", "姓名,身份证号".encode("utf-16")
    yield "utf7.csv", b"+/v8-,x"
    yield "half.csv", "姓名".encode()[:-1]


OPEN = (
    '<o:c xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><t:table>{}</t:table></o:c>'
)


@kind("ods")
def _ods() -> Files:
    repeated = (
        '<t:table-row t:number-rows-repeated="{}">'
        '<t:table-cell t:number-columns-repeated="{}" o:value="1"/></t:table-row>'
    )
    for rows, columns in ((1_000_000, 16_000), (1, 10**18), (-5, -5)):
        yield "a.ods", archive(("content.xml", OPEN.format(repeated.format(rows, columns)).encode()))
    yield "b.ods", archive(("content.xml", f"<!DOCTYPE x [{ENTITIES}]><x/>".encode()))
    yield "c.ods", archive(("content.xml", b"<a>" * 500_000))


# Pictures


def png(picture: Image.Image, **given: object) -> bytes:
    return saved(picture, "PNG", **given)


def saved(picture: Image.Image, kind: str, **given: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **given)
    return target.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def raw_png(width: int, height: int, *more: bytes, data: bytes | None = None) -> bytes:
    head = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((width + 7) // 8 + 1) * height, 1) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@cache
def scan(text: str = "SAMPLE") -> Image.Image:
    """Return a picture that looks like something."""
    picture = Image.new("RGB", (300, 200), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((20, 20, 280, 60), fill="navy")
    pen.text((30, 100), text, fill="black")
    return picture


@kind("picture of 169 million pixels")
def _bomb_13k() -> Files:
    yield "a.png", raw_png(13_000, 13_000)


@kind("picture of 400 million pixels")
def _bomb_20k() -> Files:
    yield "a.png", raw_png(20_000, 20_000)
    yield "b.png", raw_png(2**31 - 1, 2**31 - 1, data=b"")
    yield "c.png", raw_png(0, 0, data=b"")


@kind("picture just too large")
def _just() -> Files:
    yield "a.png", raw_png(5_001, 5_000)
    yield "b.jpg", saved(Image.new("L", (5_100, 5_000)), "JPEG")


@kind("pictures in motion")
def _frames() -> Files:
    control = struct.pack(">5I2H2B", 0, 8, 8, 0, 0, 1, 1, 0, 0)
    frames = [chunk(b"fcTL", control) + chunk(b"fdAT", bytes(4) + zlib.compress(bytes(16))) for _ in range(10_000)]
    yield "a.png", raw_png(8, 8, chunk(b"acTL", struct.pack(">2I", 10_000, 0)), *frames)
    still = saved(Image.new("P", (4, 4)), "GIF")
    yield "b.gif", still[:-1] + still[13:-1] * 10_000 + b";"


@kind("pictures of rare modes")
def _modes() -> Files:
    yield "cmyk.jpg", saved(scan().convert("CMYK"), "JPEG")
    for mode in ("I;16", "P", "1", "LA", "RGBA", "L"):
        yield f"{mode[0]}.png", png(Image.new(mode, (60, 40)))
    yield "see-through.png", png(Image.new("P", (60, 40)), transparency=b"\x00\x80")


@kind("picture with damaged notes")
def _exif() -> Files:
    for notes in (b"Exif\0\0" + b"\xff" * 50, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 400, b"Exif\0\0"):
        yield "a.jpg", saved(scan(), "JPEG", exif=notes)


@kind("picture with a place")
def _gps() -> Files:
    notes = Image.Exif()
    notes[0x0112], notes[0x010E] = 6, UNINVITED.decode()
    notes.get_ifd(0x8825)[2] = (37.0, 26.0, 0.0)
    yield "a.jpg", saved(scan(), "JPEG", exif=notes)
    yield "b.jpg", saved(scan(), "JPEG", comment=UNINVITED)
    yield "c.png", raw_png(64, 64, chunk(b"tEXt", b"Comment\0" + UNINVITED))


@kind("picture with a colour bomb")
def _icc() -> Files:
    yield "a.png", raw_png(8, 8, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(80_000_000), 9)))
    yield "b.png", raw_png(8, 8, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(80_000_000), 9)))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "c.jpg", saved(scan(), "JPEG", icc_profile=profile[:50] + UNINVITED)


@kind("picture with an archive behind it")
def _tail() -> Files:
    for content, name in ((saved(scan(), "JPEG"), "a.jpg"), (png(scan()), "b.png")):
        yield name, content + archive(("x.html", UNINVITED)) + UNINVITED


@kind("script in a picture")
def _script() -> Files:
    yield "a.gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//" + UNINVITED
    svg = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
    for inner in (
        "<script>alert(1)</script>",
        '<use href="http://127.0.0.1:9/x#a"/>',
        "<image href='file:///etc/passwd'/>",
    ):
        yield "a.svg", svg.format(inner).encode()
    yield "b.svg", f'<!DOCTYPE svg [<!ENTITY a0 "x">{ENTITIES}]><svg>&a9;</svg>'.encode()


@kind("page named picture")
def _page() -> Files:
    yield "a.jpg", b"<!doctype html><script>alert(1)</script>"
    yield "b.png", b"<?php system($_GET['x']); ?>"
    yield "c.jpg", b"\xff\xd8\xff<html><script>alert(1)</script>"


@kind("picture cut short")
def _short() -> Files:
    for content in (saved(scan(), "JPEG"), png(scan())):
        for share in (5, 50, 95):
            yield "a.jpg", content[: len(content) * share // 100]


@kind("nothing, or next to nothing")
def _nothing() -> Files:
    yield "a.jpg", b""
    yield "b.png", b"\x89PNG\r\n\x1a\n"
    yield "c.jpg", b"\xff\xd8\xff"
    yield "d.png", png(Image.new("RGB", (1, 1)))
    yield "e.jpg", saved(Image.new("RGB", (1, 1)), "JPEG")
    yield "f.pdf", b"%PDF-"


@kind("picture of another kind")
def _others() -> Files:
    for name in ("WEBP", "TIFF", "BMP", "EPS", "ICO", "PPM"):
        yield f"a.{name.lower()}", saved(scan(), name)
    yield "a.heic", b"\0\0\0\x18ftypheic" + bytes(200)
    yield "a.psd", b"8BPS\0\1" + bytes(200)
    yield "a.jpg", saved(scan(), "TIFF")


# PDF


def pdf(*more: str, page: str = "", content: bytes = b"", catalog: str = "", media: str = "0 0 99 99") -> bytes:
    """Return a PDF of one page; `more` are objects from number 5 on."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[{media}]/Contents 4 0 R{page}>>",
    ]  # fmt: skip
    stream = f"<</Length {len(content)}/Filter/FlateDecode>>stream\n".encode() + content + b"\nendstream"
    numbered = [text.encode("latin-1") for text in objects] + [stream] + [text.encode("latin-1") for text in more]
    body = b"".join(f"{n} 0 obj ".encode() + text + b" endobj\n" for n, text in enumerate(numbered, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF\n"


@kind("pdf stream bomb")
def _pdf_bomb() -> Files:
    yield "a.pdf", pdf(content=zlib.compress(b" " * 40_000_000, 1))
    yield "b.pdf", pdf(content=zlib.compress(b"q 0 0 9 9 re f Q " * 2_000_000, 1))
    yield "c.pdf", pdf(content=zlib.compress(zlib.compress(bytes(90_000_000), 1), 1))


@kind("pdf of a hundred thousand pages")
def _pages() -> Files:
    kids = "".join(f"{n} 0 R " for n in range(3, 100_003))
    pages = "".join(f"{n} 0 obj<</Type/Page/Parent 2 0 R>>endobj\n" for n in range(3, 100_003))
    head = f"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 100000/Kids[{kids}]>>endobj\n"
    yield "a.pdf", f"%PDF-1.7\n{head}{pages}trailer<</Root 1 0 R>>\n%%EOF".encode()
    yield "b.pdf", pdf().replace(b"/Count 1", b"/Count 9999999")
    yield "c.pdf", pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]")


GUEST = UNINVITED.decode()


@kind("pdf that acts")
def _acts() -> Files:
    for action in (f"/S/JavaScript/JS({GUEST})", f"/S/Launch/F({GUEST})", f"/S/URI/URI(http://127.0.0.1:9/{GUEST})",
                   f"/S/SubmitForm/F({GUEST})", f"/S/GoToR/F({GUEST})"):  # fmt: skip
        yield "a.pdf", pdf(catalog=f"/OpenAction<<{action}>>")
        yield "b.pdf", pdf(page=f"/AA<</O<<{action}>>>>")


@kind("pdf with a file inside")
def _inside() -> Files:
    names = f"/Names<</EmbeddedFiles<</Names[(x)<</F(x)/EF<</F 5 0 R>>>>]>>>>/AF[5 0 R]/X({GUEST})"
    yield "a.pdf", pdf(f"<</Type/EmbeddedFile/Length {len(GUEST)}>>stream\n{GUEST}\nendstream", catalog=names)
    rich = f"/Annots[<</Subtype/RichMedia/Rect[0 0 9 9]/RichMediaContent<</X({GUEST})>>>>]"
    yield "b.pdf", pdf(page=rich)


@kind("pdf form")
def _form() -> Files:
    packet = f"<xdp:xdp><script>{GUEST}</script></xdp:xdp>"
    stream = f"<</Length {len(packet)}>>stream\n{packet}\nendstream"
    yield "a.pdf", pdf(stream, catalog="/AcroForm<</XFA 5 0 R/Fields[]>>")
    yield "b.pdf", pdf(catalog=f"/AcroForm<</Fields[<</FT/Tx/T(x)/V({GUEST})/AA<</K<</S/JavaScript/JS(1)>>>>>>]>>")


@kind("pdf behind a password")
def _locked() -> Files:
    for algorithm in ("RC4-128", "AES-256"):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(saved(scan(), "PDF"))))
        writer.encrypt("geheim", algorithm=algorithm)
        target = io.BytesIO()
        writer.write(target)
        yield "a.pdf", target.getvalue()


@kind("pdf that runs in circles")
def _circles() -> Files:
    yield "a.pdf", b"%PDF-1.4\nxref\n0 1\n0000000000 65535 f \ntrailer<</Prev 9/Root 1 0 R>>\nstartxref\n9\n%%EOF"
    itself = "/Resources<</XObject<</X 5 0 R>>>>"
    form = f"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]{itself}/Length 5>>stream\n/X Do\nendstream"
    yield "b.pdf", pdf(form, page=itself, content=zlib.compress(b"/X Do"))
    yield "c.pdf", b"%PDF-1.4\n1 0 obj" + b"[" * 500_000 + b"endobj trailer<</Root 1 0 R>>"


@kind("pdf altered after it was signed")
def _signed() -> Files:
    signed = f"<</Type/Sig/ByteRange[0 10 20 30]/Contents<00>/Reason({GUEST})>>"
    fields = f"/AcroForm<</SigFlags 3/Fields[<</FT/Sig/T(s)/V{signed}>>]>>"
    yield "a.pdf", pdf(catalog=fields) + b"\n% altered"


@kind("pdf with a shadow")
def _shadow() -> Files:
    more = f"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]/X({GUEST})>> endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    yield "a.pdf", pdf() + more.encode()
    hidden = f"/OCProperties<</OCGs[]/D<<>>>>/Metadata({GUEST})"
    yield "b.pdf", pdf(catalog=hidden)


@kind("pdf that is a page too")
def _polyglot() -> Files:
    yield "a.pdf", b"%PDF-1.7\n%<html><script>alert('" + UNINVITED + b"')</script>\n" + pdf()[9:]
    yield "b.html", b"<html><!-- " + pdf() + b" --><script>" + UNINVITED + b"</script>"
    yield "c.pdf", pdf() + archive(("x", UNINVITED))


@kind("pdf font bomb")
def _font() -> Files:
    bomb = zlib.compress(bytes(60_000_000), 9).decode("latin-1")
    fonts = "/Resources<</Font<</F<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</FontFile2 5 0 R>>>>>>>>"
    yield "a.pdf", pdf(f"<</Length {len(bomb)}/Filter/FlateDecode>>stream\n{bomb}\nendstream", page=fonts,
                       content=zlib.compress(b"BT /F 12 Tf 5 5 Td (abc) Tj ET"))  # fmt: skip


@kind("pdf of monstrous measure")
def _measure() -> Files:
    for media in ("0 0 1e30 1e30", "0 0 0 0", "0 0 14400 14400", "9 9 -9 -9", "0 0 0.01 9999999", "a b c d"):
        yield "a.pdf", pdf(media=media)


# Names

ODD_NAMES = (
    "../../../../etc/passwd", "..\\..\\x", "/etc/x", "a\0b", "a\r\nX-Evil: 1", "德" * 85, "CON",
    ".htaccess", "\u202egpj.exe", "a;b", 'a"b', "a%00b", "", " ", "~root", "a" * 300, "${jndi:ldap://x}", "-rf",
)  # fmt: skip


@kind("odd names")
def _odd() -> Files:
    for name in ODD_NAMES:
        yield f"{name}.png", png(scan())
        yield f"{name}.xlsx", workbook(LIU)
