"""Hard negatives made by rules: texts that share nearly all words with the original and mean something else.

Negation put in or taken out, numbers and colours and other opposites changed, two words of the sentence swapped. And
harmless changes, which share the words and keep the meaning, as their counterweight: two clauses in the other order, a
particle more or less. Every rule returns None where it does not apply.
"""

from __future__ import annotations

import random
import re
from typing import Callable

Rule = Callable[[str, random.Random], "str | None"]

OPPOSITES_ZH = [("不错", "很差"), ("很好", "不好"), ("喜欢", "讨厌"), ("可以", "不可以"), ("能", "不能"), ("会", "不会"),
                ("有", "没有"), ("是", "不是"), ("打开", "关闭"), ("开通", "关闭"), ("增加", "减少"), ("提高", "降低"),
                ("上升", "下降"), ("上涨", "下跌"), ("买", "卖"), ("男", "女"), ("大", "小"), ("多", "少"), ("快", "慢"),
                ("早", "晚"), ("前", "后"), ("左", "右"), ("东", "西"), ("南", "北"), ("上", "下"), ("里", "外"),
                ("成功", "失败"), ("支持", "反对"), ("同意", "拒绝"), ("借", "还"), ("存", "取"), ("收", "付"),
                ("第一", "第二"), ("今天", "明天"), ("去年", "今年"), ("以前", "以后"), ("之前", "之后"), ("好", "坏"),
                ("高", "低"), ("长", "短"), ("新", "旧"), ("最", "不太"), ("都", "都不"), ("父亲", "母亲"), ("儿子", "女儿"),
                ("哥哥", "弟弟"), ("安卓", "苹果"), ("狗", "猫"), ("马", "牛")]
COLOURS_ZH = "红橙黄绿蓝紫黑白灰粉"
COLOURS_EN = ["red", "orange", "yellow", "green", "blue", "purple", "black", "white", "grey", "brown", "pink"]
OPPOSITES_EN = [("man", "woman"), ("boy", "girl"), ("men", "women"), ("boys", "girls"), ("good", "bad"),
                ("big", "small"), ("large", "little"), ("before", "after"), ("up", "down"), ("rose", "fell"),
                ("increase", "decrease"), ("first", "last"), ("open", "closed"), ("inside", "outside"),
                ("hot", "cold"), ("old", "young"), ("high", "low"), ("left", "right"), ("north", "south"),
                ("east", "west"), ("dog", "cat"), ("never", "always"), ("win", "lose"),
                ("buy", "sell"), ("buys", "sells"), ("accept", "refuse"), ("always", "never")]
DIGITS_ZH = "一二三四五六七八九十"


def _other(items: list[str], own: str, rng: random.Random) -> str:
    return rng.choice([i for i in items if i != own])


def opposite_zh(text: str, rng: random.Random) -> str | None:
    """One word exchanged for its opposite, in either direction."""
    found = [(a, b) for pair in OPPOSITES_ZH for a, b in (pair, pair[::-1]) if a in text]
    if not found:
        return None
    longest = max(len(a) for a, _ in found)
    a, b = rng.choice([f for f in found if len(f[0]) == longest] if rng.random() < .5 else found)
    return text.replace(a, b, 1)


def colour_zh(text: str, rng: random.Random) -> str | None:
    match = re.search(f"[{COLOURS_ZH}](?=色)", text) or re.search(f"[{COLOURS_ZH}]", text)
    if match is None:
        return None
    return text[:match.start()] + _other(list(COLOURS_ZH), match.group(), rng) + text[match.end():]


def negate_zh(text: str, rng: random.Random) -> str | None:
    """Takes one negation out, or puts one before a common verb."""
    match = re.search("(?<![是能要会有好可])不(?![错过仅但只])", text)
    if match is not None:
        return text[:match.start()] + text[match.end():]
    match = re.search("没有?(?=.)", text)
    if match is not None:
        return text[:match.start()] + "有" + text[match.end():]
    verbs = list(re.finditer("很|想|要|可以|能|会|应该|是|喜欢|知道|需要|支持|愿意|打算|允许|在", text))
    if not verbs:
        return None
    at = rng.choice(verbs).start()
    return text[:at] + "不" + text[at:]


def number(text: str, rng: random.Random) -> str | None:
    """Another number in the place of one."""
    found = list(re.finditer(r"\d+", text))
    if found:
        match = rng.choice(found)
        old = match.group()
        new = old
        while new == old:
            new = str(rng.randint(10 ** (len(old) - 1) if len(old) > 1 else 1, 10 ** len(old) - 1))
        return text[:match.start()] + new + text[match.end():]
    found = list(re.finditer(f"[{DIGITS_ZH}](?=[个位名只条件次天年月万千百元人部])", text))
    if not found:
        return None
    match = rng.choice(found)
    return text[:match.start()] + _other(list(DIGITS_ZH), match.group(), rng) + text[match.end():]


def swap_zh(text: str, rng: random.Random) -> str | None:
    """Two content words (nouns, names, places, verbs of the same kind) change places."""
    import jieba.posseg  # pylint: disable=import-outside-toplevel

    words = [(w.word, w.flag[:1]) for w in jieba.posseg.cut(text)]  # type: ignore[no-untyped-call]
    places: dict[str, list[int]] = {}
    for i, (word, flag) in enumerate(words):
        if flag in "nvamst" and (len(word) > 1 or flag in "nm"):
            places.setdefault(flag, []).append(i)
    kinds = [k for k, at in places.items() if len({words[i][0] for i in at}) > 1]
    if not kinds:
        return None
    at = places["n"] if "n" in kinds and rng.random() < .7 else places[rng.choice(kinds)]
    i, j = rng.sample(at, 2)
    if words[i][0] == words[j][0]:
        return None
    words[i], words[j] = words[j], words[i]
    return "".join(w for w, _ in words)


def opposite_en(text: str, rng: random.Random) -> str | None:
    words = text.split()
    pairs = dict(OPPOSITES_EN) | {b: a for a, b in OPPOSITES_EN}
    found = [i for i, w in enumerate(words) if w.lower() in pairs or w.lower() in COLOURS_EN]
    if not found:
        return None
    i = rng.choice(found)
    word = words[i].lower()
    words[i] = pairs.get(word) or _other(COLOURS_EN, word, rng)
    return " ".join(words)


def negate_en(text: str, rng: random.Random) -> str | None:
    for old, new in ((" not ", " "), ("n't ", " "), (" no ", " a ")):
        if old in text:
            return text.replace(old, new, 1)
    found = list(re.finditer(r"\b(is|are|was|were|can|will|should|would|could|has|have|does|do)\b", text))
    if not found:
        return None
    match = rng.choice(found)
    return text[:match.end()] + " not" + text[match.end():]


def swap_en(text: str, rng: random.Random) -> str | None:
    """Two longer words change places."""
    words = text.split()
    found = [i for i, w in enumerate(words) if len(w) > 3 and w.isalpha()]
    if len(found) < 3:
        return None
    i, j = rng.sample(found, 2)
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def harmless_zh(text: str, rng: random.Random) -> str | None:
    """Two clauses in the other order, or a particle more or less: nearly the same meaning."""
    clauses = re.split("，", text.rstrip("。！？.!?"))
    if len(clauses) == 2 and min(map(len, clauses)) > 3:
        return clauses[1] + "，" + clauses[0] + "。"
    changed = [text.replace(a, b, 1) for a, b in (("怎么", "如何"), ("如何", "怎么"), ("为什么", "为何"), ("吗", "么"),
                                                  ("什么时候", "何时"), ("能不能", "可不可以"), ("您", "你"), ("很", "非常"),
                                                  ("非常", "十分"), ("但是", "不过"), ("因为", "由于"), ("所以", "因此"),
                                                  ("和", "与"), ("没有", "没"), ("可以", "能够"), ("的", ""), ("了", ""))
               if a in text]
    return rng.choice(changed) if changed else None


def harmless_en(text: str, rng: random.Random) -> str | None:
    """Two clauses in the other order, or an article less."""
    clauses = text.rstrip(".!?").split(", ")
    if len(clauses) == 2 and min(len(c.split()) for c in clauses) > 2:
        return clauses[1] + ", " + clauses[0]
    changed = [text.replace(a, b, 1) for a, b in ((" the ", " "), (" a ", " "), ("is not", "isn't"),
                                                  ("do not", "don't"), (" very ", " really "),
                                                  (" and ", " as well as "), (" can ", " is able to "))
               if a in text]
    return rng.choice(changed) if changed else None


HARMFUL: dict[str, list[Rule]] = {"zh": [swap_zh, swap_zh, opposite_zh, negate_zh, number, colour_zh],
                                  "en": [swap_en, swap_en, opposite_en, negate_en, number]}
HARMLESS: dict[str, Rule] = {"zh": harmless_zh, "en": harmless_en}


def harmful(text: str, language: str, rng: random.Random) -> str | None:
    """A text with another meaning, by the first of the rules, in random order, that applies."""
    rules = HARMFUL[language][:]
    rng.shuffle(rules)
    for rule in rules:
        out = rule(text, rng)
        if out is not None and out != text:
            return out
    return None


def harmless(text: str, language: str, rng: random.Random) -> str | None:
    out = HARMLESS[language](text, rng)
    return out if out != text else None
