"""Writes character_tables.c from the behaviour of Hugging Face tokenizers itself.

Every Unicode scalar value is sent through BertNormalizer with one switch on at a time, through NFD, BertPreTokenizer
and the matching of single-word tokens, and what comes out is frozen. Unicode's own tables are deliberately not the
source: tokenizers carries older ones, and its ids are the promise. Run (with requirements.txt):
python make_character_tables.py > ../character_tables.c
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

LAST = 0x10FFFF
BLOCK = 128
HANGUL = range(0xAC00, 0xAC00 + 11172)

REMOVED, BLANK, SPACE, PUNCTUATION, CHINESE, MARK, WORD, DECOMPOSES, LOWERS, LOWER_EXPANDS = (1 << i for i in range(10))

Record = tuple[int, int, int, int]  # flags, combining class, decomposition, lower


def scalars() -> Iterable[int]:
    yield from range(0, 0xD800)
    yield from range(0xE000, LAST + 1)


def switch(**on: bool) -> normalizers.BertNormalizer:
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**(off | on))


def between(text: str) -> str:
    """What stands between the two sentinels (letters that no normalizer touches)."""
    assert text[0] == "a" and text[-1] == "b", text
    return text[1:-1]


def word_characters() -> set[int]:
    """The characters next to which a single-word token is not found: the regex class \\w of tokenizers."""
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "[X]": 1}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken("[X]", single_word=True, normalized=False)])
    codes = [c for c in scalars() if c != 0x5B]
    found: set[int] = set()
    for at in range(0, len(codes), 50000):
        part = codes[at : at + 50000]
        for code, encoding in zip(part, tokenizer.encode_batch([chr(c) + "[X]" for c in part])):
            if 1 not in encoding.ids:
                found.add(code)
    return found


def combining_classes(nfd: normalizers.Normalizer, codes: Sequence[int]) -> dict[int, int]:
    """The canonical combining class of each code, read off the order that NFD gives it beside known marks."""

    def keeps(pair: str) -> bool:
        return nfd.normalize_str(f"a{pair}b") == f"a{pair}b"

    def is_starter(c: str) -> bool:
        return keeps(c + "\u0334") and keeps("\u0300" + c)  # classes 1 and 230

    known: dict[int, str] = {}
    for code in range(0x300, 0x20000):
        c = chr(code)
        rank = unicodedata.combining(c)
        if rank and nfd.normalize_str(c) == c and not is_starter(c):
            known.setdefault(rank, c)
    ranks = sorted(known)
    classes: dict[int, int] = {}
    for code in codes:
        c = chr(code)
        if is_starter(c):
            continue
        kept = [r for r in ranks if keeps(known[r] + c)]
        assert kept and kept == [r for r in ranks if r <= kept[-1]], hex(code)
        classes[code] = kept[-1]
    return classes


class Sequences:
    """Code point sequences, each stored once as its length and its members."""

    def __init__(self) -> None:
        self.words: list[int] = [0]
        self.where: dict[str, int] = {}

    def index(self, text: str) -> int:
        if text not in self.where:
            self.where[text] = len(self.words)
            self.words += [len(text), *map(ord, text)]
        return self.where[text]


def check_hangul(nfd: normalizers.Normalizer) -> None:
    """Hangul syllables decompose by arithmetic, which the C code does; this is the proof that tokenizers agrees."""
    for code in HANGUL:
        index = code - HANGUL.start
        parts = [0x1100 + index // 588, 0x1161 + index % 588 // 28]
        if index % 28:
            parts.append(0x11A7 + index % 28)
        assert nfd.normalize_str(chr(code)) == "".join(map(chr, parts))


def records(sequences: Sequences) -> dict[int, Record]:
    clean, chinese = switch(clean_text=True), switch(handle_chinese_chars=True)
    strip, lower, nfd = switch(strip_accents=True), switch(lowercase=True), normalizers.NFD()
    pre = pre_tokenizers.BertPreTokenizer()
    words = word_characters()
    check_hangul(nfd)
    atoms: list[int] = []
    table: dict[int, list[int]] = {}
    for code in scalars():
        c = chr(code)
        flags = decomposed = lowered = 0
        text = f"a{c}b"
        cleaned = between(clean.normalize_str(text))
        assert cleaned in ("", " ", c)
        if cleaned == "":
            flags |= REMOVED
        elif cleaned != c or c == " ":
            flags |= BLANK
        if between(chinese.normalize_str(text)) == f" {c} ":
            flags |= CHINESE
        pieces = [piece for piece, _ in pre.pre_tokenize_str(text)]
        if pieces == ["a", "b"]:
            flags |= SPACE
        elif pieces == ["a", c, "b"]:
            flags |= PUNCTUATION
        else:
            assert pieces == [text], hex(code)
        if code in words:
            flags |= WORD
        parts = between(nfd.normalize_str(text))
        if parts == c:
            atoms.append(code)
            if between(strip.normalize_str(text)) == "":
                flags |= MARK
        elif code not in HANGUL:
            flags |= DECOMPOSES
            decomposed = sequences.index(parts)
        small = between(lower.normalize_str(text))
        if len(small) > 1:
            flags |= LOWERS | LOWER_EXPANDS
            lowered = sequences.index(small)
        elif small != c:
            flags |= LOWERS
            lowered = ord(small) - code
        # The collector of tokens sizes its memory by this: never more characters out than bytes in.
        assert max(len(lower.normalize_str(strip.normalize_str(parts))), len(small)) <= len(c.encode()), hex(code)
        table[code] = [flags, 0, decomposed, lowered]
    for code, rank in combining_classes(nfd, atoms).items():
        table[code][1] = rank
    return {code: (r[0], r[1], r[2], r[3]) for code, r in table.items()}


def rows(values: Sequence[int], width: int = 100) -> str:
    lines, line = [], "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join([*lines, line])


def main() -> None:
    sequences = Sequences()
    table = records(sequences)
    distinct: dict[Record, int] = {}
    blocks: dict[tuple[int, ...], int] = {}
    index: list[int] = []
    for start in range(0, LAST + 1, BLOCK):
        block = tuple(
            distinct.setdefault(table.get(code, (0, 0, 0, 0)), len(distinct)) for code in range(start, start + BLOCK)
        )
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(distinct) < 65536 and len(blocks) < 65536 and len(sequences.words) < 65536
    out = sys.stdout
    out.write(
        f"/* character_tables.c - generated by model/text/tables/make_character_tables.py from tokenizers "
        f"{tokenizers.__version__}.\n * Do not edit: change the script and run it again. Meaning: characters.h. */\n"
        '#include "model/text/characters.h"\n\n'
    )
    out.write(f"const character_record character_records[{len(distinct)}] = {{\n")
    for flags, rank, decomposed, lowered in distinct:
        out.write(f"    {{ {flags}, {rank}, {decomposed}, {lowered} }},\n")
    words = sequences.words
    out.write(f"}};\n\nconst uint32_t character_sequences[{len(words)}] = {{\n{rows(words)}\n}};\n\n")
    out.write(f"const uint16_t character_index[{len(index)}] = {{\n{rows(index)}\n}};\n\n")
    flat = [record for block in blocks for record in block]
    out.write(f"const uint16_t character_blocks[{len(flat)}] = {{\n{rows(flat)}\n}};\n")
    print(f"{len(distinct)} records, {len(sequences.words)} words, {len(blocks)} blocks", file=sys.stderr)


if __name__ == "__main__":
    main()
