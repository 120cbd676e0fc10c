"""Fictional people: sound numbers of sequence 996 to 999, which no office gives out, and made-up lives."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from stdnum import luhn

from edu_pilot.rules.calendar import registration_day
from edu_pilot.rules.identity import id_checksum, sex_of
from edu_pilot.rules.lookups import takes
from edu_pilot.workflow.policy import Policy

SEQUENCES = (996, 997, 998, 999)
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = {
    "male": "伟强磊军洋勇杰涛明超刚平辉鹏华飞波斌宇浩凯健俊帆帅旭宁龙林成建国志文海东春雷",
    "female": "芳娜敏静丽艳娟霞秀燕玲桂英萍红玉兰洁梅琳雪荣慧巧美娥云莲真环凤晓婷倩蕾薇欣颖",
}
# Characters that need the rare fonts or that many systems lose.
RARE = "䶮𫖯堃翀犇玥㛃𬱖龑喆𬭎𤧛𬍛"
MINORITY = {
    "male": ("买买提·艾合买提", "阿不都热合曼·吐尔逊", "扎西·多吉", "巴特尔·苏和", "艾力·玉素甫江"),
    "female": ("阿依古丽·吐尔逊", "古丽娜·艾合买提", "央金·卓玛", "其其格·乌云", "米热古丽·麦麦提"),
}
DIPLOMAS = ("高中", "高中", "中专", "职业高中", "技校")
SCHOOLS = {"高中": "第一中学", "中专": "中等专业学校", "职业高中": "职业教育中心", "技校": "技工学校"}
FIRMS = ("恒通", "鲁源", "华盛", "众鑫", "宏达", "泰和", "新远", "凯瑞", "顺达", "嘉禾")
TRADES = {
    "纺织有限公司": ("挡车工", "质检员", "仓库保管员"),
    "建筑安装有限公司": ("钢筋工", "施工员", "资料员"),
    "食品有限公司": ("包装工", "班组长", "化验员"),
    "机械制造有限公司": ("电焊工", "装配钳工", "数控操作工"),
    "物流有限公司": ("配送员", "调度员", "客服专员"),
    "家政服务有限公司": ("家政服务员", "护理员", "门店主管"),
}


@dataclass(frozen=True)
class Worker:
    """A fictional applicant with everything a registration form asks for."""

    name: str
    id_number: str
    phone: str
    county: str
    point: str
    intake: str
    major: str
    previous_school: str
    previous_diploma: str
    employer: str
    job: str
    union_member: bool
    card: str

    @property
    def born_on(self) -> date:
        """The birth date in the ID number."""
        return date.fromisoformat(self.id_number[6:14])

    @property
    def sex(self) -> str:
        """The sex in the ID number."""
        return sex_of(self.id_number)

    def form(self, policy: Policy) -> dict[str, str]:
        """Return the registration form as a clerk types it."""
        columns = ("name", "id_number", "phone", "intake", "previous_school", "previous_diploma")
        return {
            **{name: getattr(self, name) for name in columns},
            "sex": self.sex,
            "birth_on": self.born_on.isoformat(),
            "county": policy.label("counties", self.county),
            "point": policy.label("points", self.point),
            "level": "专科",
            "major": policy.label("majors", self.major),
            "employer": self.employer,
            "job": self.job,
            "union_member": "yes" if self.union_member else "no",
        }


@dataclass
class Population:
    """Draws people one after the other; the same seed gives the same people in the same order."""

    policy: Policy
    seed: int
    rng: random.Random = field(init=False)
    numbers: set[str] = field(default_factory=set)
    receipts: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(f"edu-pilot sample {self.seed}")

    def worker(self, intake: str, county: str) -> Worker:
        """Draw an applicant of an intake who lives and works in a county."""
        rng, day = self.rng, registration_day(intake)
        id_number = self.id_number(county, day - timedelta(days=rng.randint(19 * 365, 54 * 365)))
        point, major = self._choice_of_study(intake, county)
        diploma = rng.choice(DIPLOMAS)
        place = self.policy.label("counties", county)
        firm, trade = rng.choice(FIRMS), rng.choice(sorted(TRADES))
        return Worker(
            name=self._name(sex_of(id_number)), id_number=id_number, phone=self._phone(), county=county,
            point=point, intake=intake, major=major, previous_school=place + SCHOOLS[diploma],
            previous_diploma=diploma, employer=place + firm + trade, job=rng.choice(TRADES[trade]),
            union_member=rng.random() < 0.85, card=self.card(),
        )  # fmt: skip

    def id_number(self, county: str, born: date) -> str:
        """Draw a sound number of the county, near the birth date and never twice."""
        while True:
            body = f"{county}{born:%Y%m%d}{self.rng.choice(SEQUENCES)}"
            if body not in self.numbers:
                self.numbers.add(body)
                return body + id_checksum(body)
            born -= timedelta(days=1)

    def receipt_number(self, paid_on: date) -> str:
        """Draw the 20 digits of a digital invoice: year, province, channel, serial; never one twice."""
        self.receipts += 1
        serial = self.seed % 10**7 * 10**8 + self.receipts
        return f"{paid_on:%y}372{serial:015d}"

    def card(self) -> str:
        """Draw a sound bank card number."""
        body = f"62{self.rng.randrange(10**16):016d}"
        return body + luhn.calc_check_digit(body)

    def _choice_of_study(self, intake: str, county: str) -> tuple[str, str]:
        points = [row for row in self.policy.table("points") if row["county"] == county and takes(row, intake)]
        point = self.rng.choice(points)
        offered = (point["majors"] or "").split()
        majors = [
            row["code"]
            for row in self.policy.table("majors")
            if takes(row, intake) and (not offered or row["code"] in offered)
        ]
        return point["code"], self.rng.choice(majors)

    def _name(self, sex: str) -> str:
        lot = self.rng.random()
        if lot < 0.05:
            return self.rng.choice(MINORITY[sex])
        surname, given = self.rng.choice(SURNAMES), self.rng.choice(GIVEN[sex])
        if lot < 0.11:
            return surname + self.rng.choice(RARE)
        return surname + given + (self.rng.choice(GIVEN[sex]) if lot < 0.65 else "")

    def _phone(self) -> str:
        return f"1{self.rng.randint(3, 9)}{self.rng.randrange(10**9):09d}"
