"""How documents write money, dates and personal numbers; pure functions, no record known."""

from datetime import date

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")
LARGEST_YUAN = 10 ** (4 * len(GROUPS)) - 1
# 〇 is U+3007, the numeral; the look-alike circle U+25CB is not a Chinese character.
CALENDAR_DIGITS = "〇一二三四五六七八九"
MONTHS_EN = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def capitals(fen: int) -> str:
    """Write an amount of fen in capitals as banks ask, without the word 人民币 before it (R5.4).

    整 follows 元, nothing follows 角 or 分. Raises ValueError below 0 and from 10^16 yuan.
    """
    yuan_part, rest = divmod(fen, 100)
    if fen < 0 or yuan_part > LARGEST_YUAN:
        raise ValueError(f"cannot write {fen} fen in capitals")
    if not rest:
        return _whole(yuan_part) + "元整"
    if not yuan_part:
        return _small_change(rest)
    gap = "零" if yuan_part % 10 == 0 or rest < 10 else ""
    return _whole(yuan_part) + "元" + gap + _small_change(rest)


def _small_change(rest: int) -> str:
    jiao, fen = divmod(rest, 10)
    return (DIGITS[jiao] + "角" if jiao else "") + (DIGITS[fen] + "分" if fen else "")


def _whole(yuan_part: int) -> str:
    """Write whole yuan: groups of four digits, one 零 for each run of zeros inside."""
    if not yuan_part:
        return "零"
    text, gap = "", False
    for place in range(len(GROUPS) - 1, -1, -1):
        group = yuan_part // 10 ** (4 * place) % 10_000
        if not group:
            gap = bool(text)
            continue
        text += "零" if text and (gap or group < 1_000) else ""
        text += _four_digits(group) + _group_name(place, yuan_part)
        gap = False
    return text


def _group_name(place: int, yuan_part: int) -> str:
    """Name a group; 亿 is said once for the two highest groups (壹万亿, 壹万零贰亿)."""
    if place == 3 and yuan_part // 10**8 % 10_000:
        return "万"
    return GROUPS[place]


def _four_digits(group: int) -> str:
    text, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + PLACES[place]
        gap = not digit
    return text


def yuan(fen: int) -> str:
    """Write fen as yuan with thousands separators: 479000 → 4,790.00."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"


def _as_date(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


def date_zh(day: date | str) -> str:
    """Write a date (or ISO text) as 2022年9月1日 (R6.4)."""
    day = _as_date(day)
    return f"{day.year}年{day.month}月{day.day}日"


def date_en(day: date | str) -> str:
    """Write a date (or ISO text) as 1 September 2022 (R6.4)."""
    day = _as_date(day)
    return f"{day.day} {MONTHS_EN[day.month - 1]} {day.year}"


def date_capitals(day: date | str) -> str:
    """Write a date (or ISO text) as certificates do: 二〇二五年一月三十一日."""
    day = _as_date(day)
    year = "".join(CALENDAR_DIGITS[int(digit)] for digit in f"{day.year:04d}")
    return f"{year}年{_below_hundred(day.month)}月{_below_hundred(day.day)}日"


def _below_hundred(number: int) -> str:
    tens, units = divmod(number, 10)
    head = ("" if tens == 1 else CALENDAR_DIGITS[tens]) + "十" if tens else ""
    return head + (CALENDAR_DIGITS[units] if units else "")


def grouped_id(id_number: str) -> str:
    """Write an ID number in groups 6-8-4: 131026 19870305 002X."""
    return f"{id_number[:6]} {id_number[6:14]} {id_number[14:]}"


def grouped_phone(phone: str) -> str:
    """Write a mobile number in groups 3-4-4: 138 0000 1234."""
    return f"{phone[:3]} {phone[3:7]} {phone[7:]}"


def masked_id(id_number: str) -> str:
    """Hide the birth date of an ID number: 371402********0016; of a shorter text everything (R2.9)."""
    return id_number[:6] + "*" * (len(id_number) - 10) + id_number[-4:] if len(id_number) > 10 else "*" * len(id_number)


def masked_phone(phone: str) -> str:
    """Hide the middle of a mobile number: 138****1234; of a shorter text everything (R2.9)."""
    return phone[:3] + "*" * (len(phone) - 7) + phone[-4:] if len(phone) > 7 else "*" * len(phone)


def masked_name(name: str) -> str:
    """Give the first character of a name and at most two stars for the others: 王*, 李**."""
    return name[:1] + "*" * min(len(name) - 1, 2)


def account_tail(account_number: str) -> str:
    """Give the last four digits of a bank card or account number (R2.9)."""
    return "".join(account_number.split())[-4:]


def grouped(code: str) -> str:
    """Return a code in groups of four, as it is printed and read out."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))
