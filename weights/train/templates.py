"""Triples made from templates: a text, the same in other words, and another meaning in nearly the words of the first.

Rules that spoil a text (negatives.py) have nothing to set against the spoilt copy but a translation; here both sides
are known. Roles: who did it to whom, from where to where; the other meaning has the two names exchanged, and where an
exchange changes nothing it is part of a paraphrase. Values: a colour, a size, a number; it has another one. Stances:
like or dislike, can or cannot. Intents: another question about the same thing, or the same about another. The phrases
are in phrases.py.
"""

from __future__ import annotations

import random
from typing import Any, Callable

from phrases import (ALTERED, COINED, COINED_SHARE, FRAMES, INTENTS, JOINTS, NAMES, QUESTION_FRAMES, QUESTION_ROLES,
                     QUESTION_VALUES, ROLES, SERVICES, STANCES, SYLLABLES, SYMMETRIC, VALUES)

POLITE = 0.2                         # of the questions written by hand

Nouns = list[str] | str              # a kind of coined names instead of a list
Triple = tuple[str, str, str]
Roles = tuple[tuple[str, tuple[str, ...]], ...]
Values = tuple[tuple[list[str], list[str], tuple[str, ...]], ...]
Intents = tuple[tuple[Nouns, tuple[tuple[str, ...], ...]], ...]
Kinds = tuple[tuple[Callable[..., Triple], dict[str, Any]], ...]        # a function below and its table in phrases.py


def _triple_of(phrases: tuple[str, ...], right: dict[str, str], wrong: dict[str, str], rng: random.Random) -> Triple:
    """Two of the phrases with the right words, and the first of them with the wrong ones."""
    first, second = rng.sample(phrases, 2)
    return first.format(**right), second.format(**right), first.format(**wrong)


def _name(lang: str, kind: str, rng: random.Random) -> str:
    if kind not in COINED[lang] or (kind in NAMES[lang] and rng.random() >= COINED_SHARE):
        return rng.choice(NAMES[lang][kind])
    syllables, endings = COINED[lang][kind]
    first, second = ("".join(rng.choices(syllables, k=rng.randint(2, SYLLABLES[lang]))) for _ in range(2))
    name = first + rng.choice(endings).format(second)
    return name if lang == "zh" else name.title()


def _names(lang: str, kind: str, rng: random.Random) -> tuple[str, str]:
    """Two names of a kind that differ."""
    first = second = _name(lang, kind, rng)
    while second == first:
        second = _name(lang, kind, rng)
    return first, second


def role(table: Roles, lang: str, rng: random.Random) -> Triple:
    kind, phrases = rng.choice(table)
    a, b = _names(lang, kind, rng)
    return _triple_of(phrases, {"a": a, "b": b}, {"a": b, "b": a}, rng)


def symmetric(table: Roles, lang: str, rng: random.Random) -> Triple:
    """The names exchanged, to the same meaning; there is no other meaning: the last is the first."""
    kind, phrases = rng.choice(table)
    a, b = _names(lang, kind, rng)
    phrase = rng.choice(phrases)
    text = phrase.format(a=a, b=b)
    return text, phrase.format(a=b, b=a), text


def value(table: Values, _lang: str, rng: random.Random) -> Triple:
    values, nouns, phrases = rng.choice(table)
    right, wrong = rng.sample(values, 2)
    noun = rng.choice(nouns)
    return _triple_of(phrases, {"v": right, "n": noun}, {"v": wrong, "n": noun}, rng)


def stance(table: tuple[Any, ...], _lang: str, rng: random.Random) -> Triple:
    nouns, *sides = table
    noun, phrases = rng.choice(nouns), rng.choice(sides)
    first, second = rng.sample(phrases, 2)
    side = rng.randrange(2)
    return first[side].format(n=noun), second[side].format(n=noun), first[1 - side].format(n=noun)


def _noun(nouns: Nouns, lang: str, rng: random.Random) -> str:
    return _name(lang, nouns, rng) if isinstance(nouns, str) else rng.choice(nouns)


def intent(table: Intents, lang: str, rng: random.Random) -> Triple:
    """The other meaning is half the time that of a neighbouring line, which is the harder to tell."""
    nouns, lines = rng.choice(table)
    noun = _noun(nouns, lang, rng)
    at = rng.randrange(len(lines))
    step = rng.choice((-1, 1)) if rng.random() < 0.5 else rng.randrange(1, len(lines))
    first, second = rng.sample(lines[at], 2)
    other = rng.choice(lines[(at + step) % len(lines)])
    return first.format(n=noun), second.format(n=noun), other.format(n=noun)


def thing(table: Intents, lang: str, rng: random.Random) -> Triple:
    """The same question about another thing, in the very words of the first."""
    nouns, lines = rng.choice(table)
    right = wrong = _noun(nouns, lang, rng)
    while wrong == right:
        wrong = rng.choice(ALTERED[lang]).format(right) if rng.random() < 0.4 else _noun(nouns, lang, rng)
    return _triple_of(rng.choice(lines), {"n": right}, {"n": wrong}, rng)


CLAUSES: Kinds = ((role, ROLES), (role, ROLES), (symmetric, SYMMETRIC))
STATEMENTS: Kinds = ((role, ROLES), (role, ROLES), (value, VALUES), (stance, STANCES))
QUESTIONS: Kinds = ((intent, INTENTS), (thing, INTENTS), (thing, INTENTS), (role, QUESTION_ROLES),
                    (value, QUESTION_VALUES), (value, QUESTION_VALUES))
REQUESTS: Kinds = ((intent, SERVICES),)


def _any_of(kinds: Kinds, lang: str, rng: random.Random) -> Triple:
    make, table = rng.choice(kinds)
    return make(table[lang], lang, rng)


def joined(lang: str, rng: random.Random) -> Triple:
    """A role and up to two clauses more as one text, as long as real sentences are; the other meaning has the names of
    the role exchanged, the paraphrase may have its clauses in another order and symmetric names exchanged."""
    clauses = [role(ROLES[lang], lang, rng), *(_any_of(CLAUSES, lang, rng) for _ in range(rng.randint(0, 2)))]
    order = rng.sample(range(len(clauses)), len(clauses))
    text = [clauses[i][0] for i in order]
    same = [clauses[i][1 if i == 0 or rng.random() < 0.6 else 0] for i in order]
    other = [clauses[i][2 if i == 0 else 0] for i in order]
    if rng.random() < 0.5:
        rng.shuffle(same)
    joint, end = rng.choice(JOINTS[lang])
    return joint.join(text) + end, joint.join(same) + end, joint.join(other) + end


def _framed(kinds: Kinds, frames: dict[str, tuple[str, ...]], lang: str, rng: random.Random) -> Triple:
    """A text, the same in other words, another meaning; in a frame that may differ between the first two."""
    first, same, other = _any_of(kinds, lang, rng)
    frame = rng.choice(frames[lang])
    around = frame if rng.random() < 0.5 else rng.choice(frames[lang])
    return frame.format(first), around.format(same), frame.format(other)


def framed(text: str, lang: str, rng: random.Random) -> str:
    """A question with politeness around it, now and then."""
    return rng.choice(QUESTION_FRAMES[lang]).format(text) if rng.random() < POLITE else text


def statement(lang: str, rng: random.Random) -> Triple:
    return _framed(STATEMENTS, FRAMES, lang, rng)


def question(lang: str, rng: random.Random) -> Triple:
    return _framed(QUESTIONS, QUESTION_FRAMES, lang, rng)


def service(lang: str, rng: random.Random) -> Triple:
    """What a customer asks; the other meaning is another thing to ask."""
    return _framed(REQUESTS, QUESTION_FRAMES, lang, rng)


# By the name of their settings: batch_NAME_zh and _en triples a step, of the weight NAME.
MADE = {"made": statement, "question": question, "service": service, "joined": joined}
