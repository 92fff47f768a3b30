"""Questions and statements written by hand (written/*.txt), in groups that each say one thing.

A file is groups of lines, an empty line between them; neighbouring groups share words and topic but not the meaning, so
they are each other's hard negatives. `(a|b|)` in a phrase is one of its alternatives, `{name}` a word of the file's
list `@name = word | word`, the same throughout a group; `#` begins a comment.

Run as a program it counts the groups of the files named and says what is wrong with them.
"""

from __future__ import annotations

import random
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "written"
CHOICE = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{(\w+)\}")
LEFT_OVER = re.compile(r"[(){}|@\t]")
STATEMENTS = "sentence"     # the area whose texts ask nothing
OTHER_WORD = 0.4            # of the groups about a thing of a list come again, about another thing of it

Group = tuple[str, ...]
Lists = dict[str, list[str]]
Pair = tuple[str, str]              # two texts of one group


@dataclass(frozen=True)
class Topic:
    """A file: its groups in their order, and its lists of words."""

    name: str
    groups: list[Group]
    lists: Lists

    @cached_property
    def phrases(self) -> int:
        return sum(map(len, self.groups))

    @property
    def area(self) -> str:
        """What the topic is about, the name before its first hyphen."""
        return self.name.split("-")[0]

    @property
    def states(self) -> bool:
        """Its texts are statements, not questions."""
        return self.area == STATEMENTS

    def words(self, rng: random.Random) -> dict[str, str]:
        return {name: rng.choice(words) for name, words in self.lists.items()}

    def cluster(self, count: int, rng: random.Random) -> list[Pair]:
        """Two texts of each of `count` neighbouring groups, or of one of them about two things; about the same things
        otherwise, that only what is asked may tell them apart."""
        first = rng.randrange(max(1, len(self.groups) - count + 1))
        words = self.words(rng)
        out: list[Pair] = []
        for group in self.groups[first:first + count]:
            phrases = rng.sample(group, 2)
            out.append(_texts(phrases, words, rng))
            first_names, second_names = (set(SLOT.findall(phrase)) for phrase in phrases)
            if first_names and first_names == second_names and rng.random() < OTHER_WORD:
                other = self.words(rng)
                if all(other[name] != words[name] for name in first_names):
                    out.append(_texts(phrases, other, rng))
        return out[:count]


def _texts(phrases: list[str], words: dict[str, str], rng: random.Random) -> Pair:
    first, second = (filled(phrase, words, rng) for phrase in phrases)
    return first, second


def filled(phrase: str, words: dict[str, str], rng: random.Random) -> str:
    """The phrase with a word in every slot and one alternative of every choice."""
    slots = SLOT.sub(lambda found: words[found[1]], phrase)
    return CHOICE.sub(lambda found: rng.choice(found[1].split("|")), slots)


def read(path: Path) -> Topic:
    groups: list[Group] = []
    lists: Lists = {}
    for block in re.split(r"\n[ \t]*\n", path.read_text(encoding="utf-8")):
        phrases = []
        for line in (line.strip() for line in block.splitlines()):
            if line.startswith("@"):
                name, _, words = line[1:].partition("=")
                lists[name.strip()] = [word.strip() for word in words.split("|") if word.strip()]
            elif line and not line.startswith("#"):
                phrases.append(line)
        if phrases:
            groups.append(tuple(phrases))
    return Topic(path.stem, groups, lists)


def read_all(folder: Path) -> list[Topic]:
    return [read(path) for path in sorted(folder.glob("*.txt"))]


def has_slots(group: Group) -> bool:
    return any(SLOT.search(phrase) for phrase in group)


def texts(topics: list[Topic], count: int, rng: random.Random) -> list[str]:
    """`count` texts, each of another phrase until all have been used."""
    phrases = [(topic, phrase) for topic in topics for group in topic.groups for phrase in group]
    out: list[str] = []
    while len(out) < count:
        rng.shuffle(phrases)
        out += [filled(phrase, topic.words(rng), rng) for topic, phrase in phrases[:count - len(out)]]
    return out


def faults(topic: Topic) -> list[str]:
    out: list[str] = []
    seen: dict[str, int] = {}
    for number, group in enumerate(topic.groups, 1):
        if len(group) < 3:
            out.append(f"group {number} has {len(group)} phrases: {group[0]}")
        for phrase in group:
            missing = [name for name in SLOT.findall(phrase) if not topic.lists.get(name)]
            if missing:
                out.append(f"group {number}: no list @{missing[0]}: {phrase}")
            elif LEFT_OVER.search(CHOICE.sub("", SLOT.sub("", phrase))):
                out.append(f"group {number}: a bracket or bar too many: {phrase}")
            if phrase in seen:
                out.append(f"group {number} repeats a phrase of group {seen[phrase]}: {phrase}")
            seen[phrase] = number
    out += [f"list @{name} has {len(words)} words" for name, words in topic.lists.items() if len(set(words)) < 2]
    return out


def main() -> int:
    failed = False
    for topic in map(read, map(Path, sys.argv[1:])):
        found = faults(topic)
        failed = failed or bool(found)
        print(f"{topic.name}: {len(topic.groups)} groups, {topic.phrases} phrases")
        print("".join(f"  {fault}\n" for fault in found), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
