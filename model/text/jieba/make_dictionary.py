"""Writes dictionary.txt from jieba's dict.txt: "word frequency" sorted by bytes, under a line with the total frequency,
the number of words and the number of their distinct beginnings (whole words included).

The word classes are left out, and of a word that stands twice the later line counts, as in jieba; the total still adds
up both, as in jieba. Run: python make_dictionary.py path/to/jieba/dict.txt > dictionary.txt (pip package jieba, see
requirements.txt).
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    words: dict[bytes, int] = {}
    total = 0
    for line in Path(sys.argv[1]).read_bytes().splitlines():
        word, frequency, *_ = line.split(b" ")
        words[word] = int(frequency)
        total += int(frequency)
    texts = [word.decode() for word in words]
    prefixes = {text[:end] for text in texts for end in range(1, len(text) + 1)}
    out = [b"total %d words %d prefixes %d\n" % (total, len(words), len(prefixes))]
    out += [b"%s %d\n" % item for item in sorted(words.items())]
    sys.stdout.buffer.write(b"".join(out))


if __name__ == "__main__":
    main()
