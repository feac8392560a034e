"""Invented words: trade names, roads, persons; and the real names that must never appear."""

from service.world.chance import Draw

TRADE_FIRST = "砚岚澜昀棠汀芷垚翎榆枫楠桉槿蘅荻苇筠笙箫珂琚瑾璟珩琮霁霖霏曦晗暄旸昕煦熠烨焕"
TRADE_SECOND = "鹭鹤鸢雁鲲麓岫峤岑峦屿渚洲浔沅湉溯漪涵淳泓沐汐洵浠渌溪湄澍瀚瀛渊泽润济沛沣"
TRADE_THIRD = "禾粟黍稷穗秋稔茂蓁葳蕤荣芃苒芊菁萱蔚蔓藻荟茗茉莳莘莞荔荞苓芸芮苡苼茵茸荏莛莹"
TRADE_FOURTH = "一二三四五六七八九十甲乙丙丁戊己庚辛壬癸"
TRADE_PLACES = len(TRADE_FIRST) * len(TRADE_SECOND) * len(TRADE_THIRD)

ROADS = (
    "云杉岭路", "白鹭汀街", "砚北路", "澜桥街", "枫台路", "青鸢街", "榆荫北路", "溯溪路",
    "鹤渚街", "霁雪路", "栖霞坞街", "听松岭路", "望岫街", "苇塘东路", "知秋巷", "麓湖路",
    "银穗街", "汀兰路", "星渚大街", "晴岚路",
)  # fmt: skip

SURNAMES = (
    ("王", 72), ("李", 72), ("张", 66), ("刘", 54), ("陈", 45), ("杨", 31), ("赵", 27),
    ("黄", 22), ("周", 20), ("吴", 20), ("徐", 17), ("孙", 18), ("胡", 13), ("朱", 13),
    ("高", 12), ("林", 11), ("何", 11), ("郭", 11), ("马", 13), ("罗", 9), ("梁", 9),
    ("宋", 9), ("郑", 8), ("谢", 7), ("韩", 8), ("唐", 7), ("冯", 7), ("于", 8), ("董", 7),
    ("程", 6), ("曹", 6), ("袁", 5), ("邓", 5), ("许", 5), ("傅", 5), ("沈", 5), ("曾", 5),
    ("彭", 5), ("吕", 5), ("苏", 5), ("卢", 5), ("蒋", 5), ("蔡", 5), ("贾", 5), ("丁", 5),
    ("魏", 5), ("薛", 5), ("叶", 5), ("阎", 4), ("佟", 6), ("关", 6), ("那", 4),
)  # fmt: skip
GIVEN_MALE = "伟强磊军勇杰涛超明刚健峰亮辉鹏飞斌波宇浩博文志建国庆海龙生成东旭新利宁"
GIVEN_FEMALE = "芳娜敏静丽艳娟霞秀燕玲桂红梅琳莹雪慧婷颖洁倩欣悦佳怡蕾璐薇岚春兰英华萍云"
COMMON_NAMES = (
    "王伟", "张伟", "李娜", "王芳", "李伟", "王静", "刘伟", "张敏", "李静", "张静", "王丽",
    "李强", "张丽", "王敏", "李军", "刘洋", "王勇", "张勇", "王艳", "李杰",
)  # fmt: skip

DENIED = (
    "本钢", "本溪钢铁", "东软", "华为", "沈阳机床", "东北制药", "腾讯", "阿里", "百度", "中国石油",
    "中石油", "中石化", "工商银行", "中国银行", "建设银行", "农业银行", "平安", "茅台", "招商",
    "比亚迪", "宁德时代", "国家电网", "清华", "北京大学", "浙江大学", "万科", "鞍钢", "沈飞",
    "沈鼓", "华晨", "宝马", "盛京银行", "辽宁成大", "三生制药", "禾丰", "大商", "兴隆大家庭",
    "新松", "远大", "铁煤", "抚矿", "京东", "美团", "小米", "联想", "海尔", "格力", "美的",
)  # fmt: skip


def denied(name: str) -> bool:
    """Return True if the name contains a real company's trade name."""
    return any(real in name for real in DENIED)


def trade_name(place: int, round_: int = 0) -> str:
    """Return the trade name of a place below TRADE_PLACES; later rounds add a character."""
    rest, third = divmod(place, len(TRADE_THIRD))
    first, second = divmod(rest, len(TRADE_SECOND))
    word = TRADE_FIRST[first] + TRADE_SECOND[second] + TRADE_THIRD[third]
    return word if round_ == 0 else word + TRADE_FOURTH[round_ - 1]


def person_name(draw: Draw, *, male: bool) -> str:
    """Return a name; the twenty commonest names cover two percent of the people."""
    if draw.hits("common", 20):
        return draw.pick("common name", COMMON_NAMES)
    surname = draw.weighted("surname", SURNAMES)
    given = GIVEN_MALE if male else GIVEN_FEMALE
    if draw.hits("single", 180):
        return surname + draw.pick("given", given)
    return surname + draw.pick("given", given) + draw.pick("given two", given)
