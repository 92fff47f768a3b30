"""Triples made from templates: a text, the same in other words, and another meaning in nearly the words of the first.

Rules that spoil a text (negatives.py) have nothing to set against the spoilt copy but a translation; here both sides
are known. Roles: who did it to whom, from where to where; the other meaning has the two names exchanged, and where an
exchange changes nothing it is part of a paraphrase. Values: a colour, a size, a number; it has another one. Stances:
like or dislike, can or cannot. Intents: another question about the same thing, or the same about another. The phrases
are in phrases.py.
"""

from __future__ import annotations

import random

from phrases import (ALTERED, ENDINGS, FRAMES, INTENTS, INVENTED, JOINTS, NAMES, QUESTION_FRAMES, QUESTION_ROLES,
                     QUESTION_VALUES, ROLES, SERVICES, STANCES, SYLLABLES, SYMMETRIC, TITLE, VALUES)

Triple = tuple[str, str, str]
Roles = dict[str, tuple[tuple[str, tuple[str, ...]], ...]]
Values = dict[str, tuple[tuple[list[str], list[str], tuple[str, ...]], ...]]
Intents = dict[str, tuple[tuple[list[str], tuple[tuple[str, ...], ...]], ...]]


def _triple_of(phrases: tuple[str, ...], right: dict[str, str], wrong: dict[str, str], rng: random.Random) -> Triple:
    """Two of the phrases with the right words, and the first of them with the wrong ones."""
    first, second = rng.sample(phrases, 2)
    return first.format(**right), second.format(**right), first.format(**wrong)


def _name(lang: str, kind: str, rng: random.Random) -> str:
    if kind not in ENDINGS[lang] or (kind in NAMES[lang] and rng.random() >= INVENTED):
        return rng.choice(NAMES[lang][kind])
    syllables = TITLE if kind == "title" else SYLLABLES[lang]
    first, second = ("".join(rng.choices(syllables, k=rng.randint(2, 4 if lang == "zh" else 2))) for _ in range(2))
    name = first + rng.choice(ENDINGS[lang][kind]).format(second)
    return name if lang == "zh" else name.title()


def _names(lang: str, kind: str, rng: random.Random) -> tuple[str, str]:
    """Two names of a kind that differ."""
    first = second = _name(lang, kind, rng)
    while second == first:
        second = _name(lang, kind, rng)
    return first, second


def role(lang: str, rng: random.Random) -> Triple:
    return _role_of(ROLES, lang, rng)


def question_role(lang: str, rng: random.Random) -> Triple:
    return _role_of(QUESTION_ROLES, lang, rng)


def _role_of(table: Roles, lang: str, rng: random.Random) -> Triple:
    kind, phrases = rng.choice(table[lang])
    a, b = _names(lang, kind, rng)
    return _triple_of(phrases, {"a": a, "b": b}, {"a": b, "b": a}, rng)


def symmetric(lang: str, rng: random.Random) -> Triple:
    """The names exchanged, to the same meaning; there is no other meaning: the last is the first."""
    kind, phrases = rng.choice(SYMMETRIC[lang])
    a, b = _names(lang, kind, rng)
    phrase = rng.choice(phrases)
    text = phrase.format(a=a, b=b)
    return text, phrase.format(a=b, b=a), text


def value(lang: str, rng: random.Random) -> Triple:
    return _value_of(VALUES, lang, rng)


def question_value(lang: str, rng: random.Random) -> Triple:
    return _value_of(QUESTION_VALUES, lang, rng)


def _value_of(table: Values, lang: str, rng: random.Random) -> Triple:
    values, nouns, phrases = rng.choice(table[lang])
    right, wrong = rng.sample(values, 2)
    noun = rng.choice(nouns)
    return _triple_of(phrases, {"v": right, "n": noun}, {"v": wrong, "n": noun}, rng)


def stance(lang: str, rng: random.Random) -> Triple:
    nouns, *sides = STANCES[lang]
    noun, phrases = rng.choice(nouns), rng.choice(sides)
    first, second = rng.sample(phrases, 2)
    side = rng.randrange(2)
    return first[side].format(n=noun), second[side].format(n=noun), first[1 - side].format(n=noun)


def _noun(nouns: list[str], lang: str, rng: random.Random) -> str:
    noun = rng.choice(nouns)
    return _name(lang, "title", rng) if noun == "{title}" else noun


def intent(lang: str, rng: random.Random) -> Triple:
    return _intent_of(INTENTS, lang, rng)


def service(lang: str, rng: random.Random) -> Triple:
    """What a customer asks, in a frame; the other meaning is another thing to ask."""
    return _framed(_intent_of(SERVICES, lang, rng), QUESTION_FRAMES[lang], rng)


def _intent_of(table: Intents, lang: str, rng: random.Random) -> Triple:
    """The other meaning is half the time that of a neighbouring line, which is the harder to tell."""
    nouns, lines = rng.choice(table[lang])
    noun = _noun(nouns, lang, rng)
    at = rng.randrange(len(lines))
    step = rng.choice((-1, 1)) if rng.random() < 0.5 else rng.randrange(1, len(lines))
    first, second = rng.sample(lines[at], 2)
    other = rng.choice(lines[(at + step) % len(lines)])
    return first.format(n=noun), second.format(n=noun), other.format(n=noun)


def thing(lang: str, rng: random.Random) -> Triple:
    """The same question about another thing, in the very words of the first."""
    nouns, questions = rng.choice(INTENTS[lang])
    right = wrong = _noun(nouns, lang, rng)
    while wrong == right:
        wrong = rng.choice(ALTERED[lang]).format(right) if rng.random() < 0.4 else _noun(nouns, lang, rng)
    return _triple_of(rng.choice(questions), {"n": right}, {"n": wrong}, rng)


def joined(lang: str, rng: random.Random) -> Triple:
    """A role and up to two clauses more as one text, as long as real sentences are; the other meaning has the names of
    the role exchanged, the paraphrase may have its clauses in another order and symmetric names exchanged."""
    more = (role, role, symmetric)
    clauses = [role(lang, rng), *(rng.choice(more)(lang, rng) for _ in range(rng.randint(0, 2)))]
    order = rng.sample(range(len(clauses)), len(clauses))
    text = [clauses[i][0] for i in order]
    same = [clauses[i][1 if i == 0 or rng.random() < 0.6 else 0] for i in order]
    other = [clauses[i][2 if i == 0 else 0] for i in order]
    if rng.random() < 0.5:
        rng.shuffle(same)
    joint, end = rng.choice(JOINTS[lang])
    return joint.join(text) + end, joint.join(same) + end, joint.join(other) + end


STATEMENTS = (role, role, value, stance)
QUESTIONS = (intent, thing, thing, question_role, question_value, question_value)


def triple(lang: str, rng: random.Random) -> Triple:
    """A text, the same in other words, another meaning; in a frame that may differ between the first two."""
    return _framed(rng.choice(STATEMENTS)(lang, rng), FRAMES[lang], rng)


def question(lang: str, rng: random.Random) -> Triple:
    """The same of questions."""
    return _framed(rng.choice(QUESTIONS)(lang, rng), QUESTION_FRAMES[lang], rng)


def _framed(made: Triple, frames: tuple[str, ...], rng: random.Random) -> Triple:
    first, same, other = made
    frame = rng.choice(frames)
    around = frame if rng.random() < 0.5 else rng.choice(frames)
    return frame.format(first), around.format(same), frame.format(other)


# By the name of their settings: batch_NAME_zh and _en triples a step, of the weight NAME.
MADE = {"made": triple, "question": question, "service": service, "joined": joined}
