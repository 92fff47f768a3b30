"""Triples made from templates: a text, the same in other words, and another meaning in nearly the words of the first.

Rules that spoil a text (negatives.py) have nothing to set against the spoilt copy but a translation; here both sides
are known. Roles: who did it to whom, from where to where; the other meaning has the two names exchanged. Values: a
colour, a size, a number; it has another one. Stances: like or dislike, can or cannot. Intents: another question about
the same thing, or the same about another. The published texts of kexue 8541, which are a test, are not among them, nor
can they be made: no weather, no Beijing, no film, no apple, no car.
"""

from __future__ import annotations

import random

Triple = tuple[str, str, str]

NAMES = {
    "zh": {
        "person": "张伟 王芳 李娜 刘洋 陈静 杨明 赵磊 周敏 吴刚 小红 小明 老李 约翰 玛丽 彼得 安娜 汤姆 露西 经理 医生 老师 邻居".split(),
        "place": "上海 广州 深圳 成都 杭州 南京 武汉 西安 天津 重庆 苏州 青岛 巴黎 伦敦 纽约 东京 罗马 柏林 悉尼 莫斯科".split(),
        "club": "阿森纳 切尔西 皇马 国安 申花 曼联 拜仁 利物浦 尤文 米兰 湖人 火箭 公牛 蓝队 红队 一班 二班 甲公司 乙公司".split(),
        "account": "花呗 借呗 余额宝 银行卡 信用卡 零钱 微信 支付宝 余额 微粒贷 储蓄卡 工资卡 新卡 旧卡".split(),
        "thing": "牛奶 茶 咖啡 米饭 面条 自行车 地铁 电脑 手机 报纸 猫 狗 钢琴 吉他 足球 篮球 书 音乐 夏天 冬天".split(),
    },
    "en": {
        "person": "John Mary Peter Anna Tom Lucy James Sarah Robert Linda Alice Henry Carlos Maria".split(),
        "place": "Paris London Rome Berlin Tokyo Madrid Vienna Boston Chicago Dallas Sydney Oslo Cairo Lima".split(),
        "club": "Arsenal Chelsea Liverpool Juventus Milan Bayern Porto Ajax Lazio Celtic Everton Valencia".split(),
        "thing": "tea coffee milk rice bread cats dogs books music football tennis summer winter trains bikes".split(),
    },
}

ROLES = {
    "zh": (
        ("club", ("{a}打败了{b}", "{b}被{a}打败了", "{b}输给了{a}", "{a}赢了{b}")),
        ("club", ("他离开{a}，加入了{b}", "他从{a}去了{b}", "他加入了{b}，此前在{a}")),
        ("club", ("{a}收购了{b}", "{b}被{a}收购了", "{b}卖给了{a}")),
        ("club", ("{a}后来改名为{b}", "{b}以前叫{a}", "{b}的前身是{a}")),
        ("person", ("{a}是{b}的父亲", "{b}的父亲是{a}", "{b}是{a}的孩子")),
        ("person", ("{a}比{b}高", "{b}没有{a}高", "{b}比{a}矮")),
        ("person", ("{a}比{b}早到", "{b}比{a}晚到", "{b}来的时候，{a}已经到了")),
        ("person", ("{a}借给{b}一笔钱", "{b}向{a}借了一笔钱", "{b}的钱是从{a}那里借的")),
        ("person", ("{a}教{b}数学", "{b}跟{a}学数学", "{b}的数学老师是{a}")),
        ("person", ("{a}给{b}写了一封信", "{b}收到了{a}的来信")),
        ("person", ("{a}批评了{b}", "{b}被{a}批评了", "{b}挨了{a}的批评")),
        ("person", ("{a}代替{b}去开会", "{b}没去开会，由{a}代替", "本来是{b}开会，换成{a}去了")),
        ("place", ("从{a}到{b}怎么走", "在{a}，怎么去{b}", "去{b}，从{a}出发要怎么走")),
        ("place", ("{a}飞往{b}的航班", "到{b}的航班，{a}出发", "由{a}起飞、抵达{b}的航班")),
        ("place", ("{a}在{b}的北边", "{b}在{a}的南边", "{b}的北面是{a}")),
        ("place", ("先去{a}再去{b}", "去{b}之前先去{a}", "去完{a}就去{b}")),
        ("place", ("{a}的人口比{b}多", "{b}的人口比{a}少")),
        ("place", ("他生于{a}，死于{b}", "他在{b}去世，出生在{a}", "他的出生地是{a}，在{b}逝世")),
        ("place", ("全家从{a}搬到了{b}", "全家搬到{b}，离开了{a}", "他们以前住{a}，现在住{b}")),
        ("account", ("怎么把{a}的钱转到{b}", "{a}的钱如何转入{b}", "往{b}转钱，用{a}怎么转")),
        ("account", ("用{a}还{b}可以吗", "{b}能不能用{a}还", "{b}可以拿{a}来还吗")),
        ("account", ("我想把{a}换成{b}", "不用{a}了，改成{b}", "怎样换{b}，原来是{a}")),
        ("thing", ("比起{a}，我更喜欢{b}", "我喜欢{b}胜过{a}", "{b}和{a}，我选{b}")),
        ("thing", ("先有{a}，后有{b}", "{b}出现在{a}之后", "{a}比{b}出现得早")),
    ),
    "en": (
        ("club", ("{a} beat {b} in the final", "{b} lost the final to {a}", "{b} was beaten by {a} in the final")),
        ("club", ("He left {a} and joined {b}", "He moved from {a} to {b}", "He joined {b} after leaving {a}")),
        ("club", ("{a} bought {b}", "{b} was bought by {a}", "{b} was sold to {a}")),
        ("person", ("{a} is taller than {b}", "{b} is shorter than {a}", "{b} is not as tall as {a}")),
        ("person", ("{a} is the father of {b}", "The father of {b} is {a}", "{b} is the child of {a}")),
        ("person", ("{a} lent money to {b}", "{b} borrowed money from {a}", "{b} got a loan from {a}")),
        ("person", ("{a} taught {b} to swim", "{b} learnt to swim from {a}", "{b} was taught to swim by {a}")),
        ("person", ("{a} wrote a letter to {b}", "{b} received a letter from {a}")),
        ("place", ("A flight from {a} to {b}", "A flight to {b} leaving from {a}", "A flight that leaves {a} for {b}")),
        ("place", ("{a} lies north of {b}", "{b} lies south of {a}", "North of {b} lies {a}")),
        ("place", ("She was born in {a} and died in {b}", "She died in {b} and was born in {a}")),
        ("place", ("The family moved from {a} to {b}", "The family left {a} and moved to {b}")),
        ("thing", ("I like {a} more than {b}", "I prefer {a} to {b}", "I like {b} less than {a}")),
    ),
}

VALUES = {
    "zh": (
        ("红 黄 蓝 绿 黑 白 灰 紫 粉".split(), "裙子 帽子 杯子 雨伞 衬衫 沙发 书包 手机壳 围巾 鞋".split(),
         ("想买{v}色的{n}", "有没有{v}{n}推荐", "帮我找找{v}色{n}", "我要{v}色的{n}", "来个{v}{n}吧", "请问{v}颜色的{n}有吗")),
        ("大 中 小".split(), "裙子 帽子 衬衫 箱子 碗 披萨".split(), ("{v}号的{n}还有吗", "请拿一个{v}号{n}", "我想要{v}的{n}")),
        ("一 三 五 六 十 二十".split(), "人 天 次 个月 公里".split(), ("一共{v}{n}", "总共有{v}{n}", "合计{v}{n}")),
        ("周一 周三 周五 周日 明天 后天".split(), "开会 比赛 考试 搬家 体检".split(), ("{v}{n}", "{n}定在{v}", "{n}的时间是{v}")),
        ("1 3 6 12 24".split(), "期 个月".split(), ("能不能分{v}{n}还", "可以分成{v}{n}还款吗", "我想{v}{n}还清")),
    ),
    "en": (
        ("red blue green black white yellow brown".split(), "dress hat cup umbrella shirt sofa bag".split(),
         ("I am looking for a {v} {n}", "Do you have a {n} in {v}", "Please bring me the {v} {n}")),
        ("two three five six ten".split(), "people days miles hours".split(),
         ("There are {v} {n} in total", "It comes to {v} {n}", "The total is {v} {n}")),
        ("Monday Wednesday Friday Sunday".split(), "meeting exam match party".split(),
         ("The {n} is on {v}", "On {v} there is the {n}", "They set the {n} for {v}")),
    ),
}

# Of two sides that say the contrary, each phrase with its twin.
STANCES = {
    "zh": (
        "游泳 数学 辣椒 跑步 西瓜 这家店 这首歌 这本书 这款手机 新同事 海边 这个软件".split(),
        (("我很喜欢{n}", "我不喜欢{n}"), ("我非常爱{n}", "我很讨厌{n}"), ("{n}我挺喜欢的", "{n}我不太喜欢")),
        (("{n}真不错", "{n}真差"), ("{n}很好", "{n}不好"), ("{n}太棒了", "{n}太糟了"), ("{n}挺好的", "{n}不怎么样")),
        (("我会去试试{n}", "我不会去试{n}"), ("我打算试一试{n}", "我没打算试{n}"), ("{n}我想试试", "{n}我不想试")),
    ),
    "en": (
        "swimming|maths|spicy food|running|this shop|this song|this book|the new phone|the beach".split("|"),
        (("I like {n}", "I do not like {n}"), ("I really enjoy {n}", "I really dislike {n}"),
         ("{n} is my thing", "{n} is not my thing")),
        (("{n} is great", "{n} is terrible"), ("I think {n} is good", "I think {n} is bad"),
         ("{n} is worth it", "{n} is not worth it")),
    ),
}

# What is asked about a thing: the phrases of one line ask the same, those of different lines do not.
INTENTS = {
    "zh": (
        ("人参 生姜 蜂蜜 枸杞 茶叶 豆浆 山药 木瓜 红枣 燕麦 大蒜 柠檬".split(),
         (("{n}有什么功效", "{n}有什么好处", "吃{n}有什么作用", "{n}的好处有哪些"),
          ("{n}怎么吃", "{n}的吃法", "如何食用{n}", "{n}要怎样吃"),
          ("{n}多少钱一斤", "{n}的价格", "{n}一斤卖多少钱", "现在{n}什么价"),
          ("{n}怎么保存", "{n}如何存放", "怎样保存{n}", "{n}的保存方法"),
          ("什么人不能吃{n}", "{n}有什么禁忌", "哪些人不适合吃{n}", "吃{n}的坏处"))),
        ("红烧肉 饺子 蛋糕 豆腐 面包 汤圆 月饼 鱼香肉丝 酸菜鱼 寿司".split(),
         (("{n}怎么做", "{n}的做法", "如何做{n}", "怎样制作{n}"), ("哪里的{n}好吃", "{n}哪家好吃", "好吃的{n}在哪"),
          ("{n}热量高吗", "吃{n}会胖吗", "{n}会不会让人发胖"), ("{n}是哪里的特产", "{n}来自哪个地方", "{n}起源于哪里"))),
        ("手机 电脑 相机 耳机 打印机 路由器 电视 平板 手表 键盘".split(),
         (("什么牌子的{n}好", "{n}哪个品牌好", "买{n}选什么牌子", "{n}什么牌子最好"),
          ("{n}坏了怎么办", "{n}不能用了如何处理", "{n}出故障了怎么修", "怎样修{n}"),
          ("{n}怎么用", "{n}的使用方法", "如何使用{n}"), ("{n}多少钱", "{n}的价格是多少", "买一个{n}要花多少"),
          ("{n}是谁发明的", "谁发明了{n}", "{n}的发明者"))),
        ("上海 广州 成都 西安 青岛 厦门 杭州 昆明 南京 大连".split(),
         (("{n}有什么好玩的", "{n}的景点有哪些", "去{n}玩什么", "{n}哪里好玩"), ("去{n}怎么坐车", "怎么到{n}", "{n}要怎么去"),
          ("{n}有什么好吃的", "{n}的特色小吃", "去{n}吃什么"), ("{n}有哪些大学", "{n}的高校", "{n}都有什么大学"),
          ("{n}在哪个省", "{n}属于什么省", "{n}是哪个省的城市"), ("{n}房价多少", "{n}的房子多少钱一平", "在{n}买房贵吗"))),
        ("感冒 咳嗽 失眠 头痛 胃痛 牙疼 过敏 高血压 便秘 鼻炎".split(),
         (("{n}吃什么药", "{n}用什么药好", "治{n}的药"), ("{n}是什么原因", "为什么会{n}", "{n}的病因", "怎么会{n}"),
          ("{n}不能吃什么", "{n}有哪些忌口", "{n}忌吃什么"), ("{n}怎么办", "{n}如何缓解", "怎样治{n}", "{n}该怎么治疗"),
          ("{n}挂什么科", "{n}去医院看什么科", "{n}看哪个科"))),
        ("会计 护士 律师 教师 司机 程序员 警察 厨师 翻译 设计师".split(),
         (("怎么当{n}", "如何成为{n}", "想做{n}要什么条件", "当{n}需要什么"),
          ("{n}工资多少", "{n}一个月能挣多少钱", "{n}的收入"), ("{n}是做什么的", "{n}的工作内容", "{n}每天干什么"),
          ("{n}有前途吗", "{n}这行怎么样", "当{n}好不好"))),
        ("梦见蛇 梦见牙掉了 打喷嚏 月食 海市蜃楼 打雷 流星".split(),
         (("{n}是什么意思", "{n}代表什么", "{n}有什么含义"), ("{n}怎么办", "遇到{n}该做什么"), ("为什么会{n}", "{n}是怎么回事"))),
        ("玫瑰 兰花 多肉 仓鼠 金鱼 乌龟 绿萝 鹦鹉".split(),
         (("怎么养{n}", "{n}的养殖方法", "如何养好{n}"), ("{n}有哪些品种", "{n}的种类", "{n}分几种"),
          ("{n}能活多久", "{n}的寿命", "{n}可以活多少年"), ("{n}的图片", "{n}长什么样", "看看{n}的照片"))),
    ),
    "en": (
        ("coffee|honey|green tea|yoghurt|garlic|olive oil".split("|"),
         (("What are the benefits of {n}", "Why is {n} good for you", "How does {n} help your health"),
          ("How do I store {n}", "What is the best way to keep {n}"),
          ("How much does {n} cost", "What is the price of {n}"),
          ("Where does {n} come from", "What is the origin of {n}"))),
        ("laptop|camera|printer|bicycle|guitar|washing machine".split("|"),
         (("Which {n} should I buy", "What is the best {n}", "Can you recommend a {n}"),
          ("How do I repair a {n}", "My {n} is broken, what now", "How can I fix my {n}"),
          ("Who invented the {n}", "Who is the inventor of the {n}"),
          ("How do I use a {n}", "How does one use a {n}"))),
        ("Paris|Rome|Vienna|Boston|Lisbon|Oslo".split("|"),
         (("What can I see in {n}", "What are the sights of {n}"), ("How expensive is {n}", "Is life in {n} expensive"),
          ("How do I get to {n}", "What is the best way to reach {n}"),
          ("How many people live in {n}", "What is the population of {n}"))),
    ),
}

FRAMES = {"zh": ("{}", "{}", "{}。", "据说{}。", "听说{}", "后来{}。", "2008年，{}。"),
          "en": ("{}", "{}.", "{}.", "They say: {}.", "In 2008: {}.")}

JOINTS = {"zh": (("，", "。"), ("。", "。"), ("；", "。")), "en": ((", ", "."), (". ", "."), ("; ", "."), (" and ", "."))}

# Bare questions of this kind stand in every set of questions, the evaluation's too; in these frames they do not.
QUESTION_FRAMES = {"zh": ("各位，{}", "麻烦问下{}", "{}，谢谢了", "有人知道吗：{}", "我想了解一下{}？", "急问：{}"),
                   "en": ("Hello, {}?", "Please tell me: {}?", "{}, please?", "Question: {}?")}


def _triple_of(phrases: tuple[str, ...], right: dict[str, str], wrong: dict[str, str], rng: random.Random) -> Triple:
    """Two of the phrases with the right words, and the first of them with the wrong ones."""
    first, second = rng.sample(phrases, 2)
    return first.format(**right), second.format(**right), first.format(**wrong)


def role(lang: str, rng: random.Random) -> Triple:
    kind, phrases = rng.choice(ROLES[lang])
    a, b = rng.sample(NAMES[lang][kind], 2)
    return _triple_of(phrases, {"a": a, "b": b}, {"a": b, "b": a}, rng)


def value(lang: str, rng: random.Random) -> Triple:
    values, nouns, phrases = rng.choice(VALUES[lang])
    right, wrong = rng.sample(values, 2)
    noun = rng.choice(nouns)
    return _triple_of(phrases, {"v": right, "n": noun}, {"v": wrong, "n": noun}, rng)


def stance(lang: str, rng: random.Random) -> Triple:
    nouns, *sides = STANCES[lang]
    noun, phrases = rng.choice(nouns), rng.choice(sides)
    first, second = rng.sample(phrases, 2)
    side = rng.randrange(2)
    return first[side].format(n=noun), second[side].format(n=noun), first[1 - side].format(n=noun)


def intent(lang: str, rng: random.Random) -> Triple:
    nouns, questions = rng.choice(INTENTS[lang])
    noun = rng.choice(nouns)
    right, wrong = rng.sample(questions, 2)
    first, second = rng.sample(right, 2)
    return tuple(text.format(n=noun) for text in (first, second, rng.choice(wrong)))  # type: ignore[return-value]


def thing(lang: str, rng: random.Random) -> Triple:
    """The same question about another thing, in the very words of the first."""
    nouns, questions = rng.choice(INTENTS[lang])
    right, wrong = rng.sample(nouns, 2)
    return _triple_of(rng.choice(questions), {"n": right}, {"n": wrong}, rng)


def joined(lang: str, rng: random.Random) -> Triple:
    """One to three roles as one text, as long as real sentences are; the other meaning has one pair of names exchanged,
    and the paraphrase its clauses in either order."""
    clauses = [role(lang, rng) for _ in range(rng.randint(1, 3))]
    turned = rng.randrange(len(clauses))
    same = [c[1] if i == turned or rng.random() < 0.6 else c[0] for i, c in enumerate(clauses)]
    other = [c[2] if i == turned else c[0] for i, c in enumerate(clauses)]
    rng.shuffle(same)
    joint, end = rng.choice(JOINTS[lang])
    text = [c[0] for c in clauses]
    return joint.join(text) + end, joint.join(same) + end, joint.join(other) + end


KINDS = ((role, FRAMES), (role, FRAMES), (value, FRAMES), (stance, FRAMES),
         (intent, QUESTION_FRAMES), (intent, QUESTION_FRAMES), (thing, QUESTION_FRAMES))


def triple(lang: str, rng: random.Random) -> Triple:
    """A text, the same in other words, another meaning; in a frame that may differ between the first two."""
    make, frames = rng.choice(KINDS)
    first, same, other = make(lang, rng)
    frame = rng.choice(frames[lang])
    around = frame if rng.random() < 0.7 else rng.choice(frames[lang])
    return frame.format(first), around.format(same), frame.format(other)
