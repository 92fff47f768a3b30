/* normalizer.c - see normalizer.h.
 *
 * The idea: all of BertNormalizer's steps but one work on a code point alone, so they are chained per code point,
 * with no text in between. The exception is the canonical order of combining marks in NFD: a run of marks is put out
 * class by class, rescanning it once per class that occurs (at most 254), so that no memory depends on the run's
 * length. Nearly every mark is then dropped by strip_accents, so a run is ordered only when one of its marks
 * survives.
 *
 * Offsets follow tokenizers: when marks change places, the n-th character out takes the place of the n-th character
 * in.
 */
#include "model/text/normalizer.h"

#include "model/text/characters.h"
#include "model/text/utf8.h"

enum { OUT_ROOM = 128, PARTS_ROOM = 8, HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 11172 };

typedef struct {
    const normalizer_options *options;
    slice text;                       /* up to the end that is asked for */
    character_sink sink;
    void *context;
    character out[OUT_ROOM];
    size_t count;
} writer;

/* The canonical parts of one original character. */
typedef struct {
    uint32_t parts[PARTS_ROOM];
    uint8_t classes[PARTS_ROOM];      /* combining classes */
    size_t count;
    uint32_t start, end;
    uint16_t flags;                   /* of the original character */
} decomposed;

static void put(writer *w, uint32_t code_point, uint32_t start, uint32_t end)
{
    if (w->count == OUT_ROOM) {
        w->sink(w->context, w->out, w->count);
        w->count = 0;
    }
    w->out[w->count++] = (character){ code_point, start, end };
}

static void put_lowered(writer *w, uint32_t code_point, uint32_t start, uint32_t end)
{
    const character_record *record = character_of(code_point);
    if (!w->options->lowercase || !(record->flags & CHARACTER_LOWERS)) {
        put(w, code_point, start, end);
        return;
    }
    if (!(record->flags & CHARACTER_LOWER_EXPANDS)) {
        put(w, (uint32_t)((int32_t)code_point + record->lower), start, end);
        return;
    }
    const uint32_t *sequence = &character_sequences[record->lower];
    for (uint32_t i = 1; i <= sequence[0]; i++)
        put(w, sequence[i], start, end);
}

/* A part of a decomposition: dropped when it is a mark. */
static void put_part(writer *w, uint32_t part, uint32_t start, uint32_t end)
{
    if (!(character_of(part)->flags & CHARACTER_MARK))
        put_lowered(w, part, start, end);
}

static void add_part(decomposed *d, uint32_t part)
{
    d->parts[d->count] = part;
    d->classes[d->count++] = character_of(part)->combining_class;
}

static bool decompose_hangul(decomposed *d, uint32_t code_point)
{
    uint32_t index = code_point - HANGUL_FIRST;
    if (index >= HANGUL_COUNT)
        return false;
    add_part(d, 0x1100 + index / 588);
    add_part(d, 0x1161 + index % 588 / 28);
    if (index % 28)
        add_part(d, 0x11A7 + index % 28);
    return true;
}

/* Reads the character at *at; no parts when clean_text deletes it. */
static void read_decomposed(const writer *w, size_t *at, decomposed *d)
{
    size_t start = *at;
    uint32_t code_point = utf8_next(w->text, at);
    const character_record *record = character_of(code_point);
    d->count = 0;
    d->start = (uint32_t)start;
    d->end = (uint32_t)*at;
    d->flags = record->flags;
    if (w->options->clean_text && record->flags & CHARACTER_REMOVED)
        return;
    if (record->flags & CHARACTER_DECOMPOSES) {
        const uint32_t *sequence = &character_sequences[record->decomposition];
        for (uint32_t i = 1; i <= sequence[0]; i++)
            add_part(d, sequence[i]);
    } else if (!decompose_hangul(d, code_point)) {
        bool blank = w->options->clean_text && record->flags & CHARACTER_BLANK;
        add_part(d, blank ? ' ' : code_point);
    }
}

/* A part of a character of the text. */
typedef struct {
    size_t at;                        /* behind the character */
    decomposed now;
    size_t part;                      /* 1 is the character's first */
} place;

/* Moves to the next part; false, and nothing moved, at the end of the text. */
static bool next_part(const writer *w, place *p)
{
    if (p->part < p->now.count) {
        p->part++;
        return true;
    }
    size_t at = p->at;
    decomposed next = { .count = 0 };
    while (next.count == 0) {
        if (at == w->text.length)
            return false;
        read_decomposed(w, &at, &next);
    }
    *p = (place){ .at = at, .now = next, .part = 1 };
    return true;
}

static uint32_t part_of(const place *p)
{
    return p->now.parts[p->part - 1];
}

static unsigned class_of(const place *p)
{
    return p->now.classes[p->part - 1];
}

/* Where offsets come from inside a reordered run: its characters in their first order. */
typedef struct {
    place at;
    bool fresh;                       /* `at` itself has not been taken yet */
} offsets_source;

static void take_offsets(const writer *w, offsets_source *source)
{
    bool more = !source->fresh;
    source->fresh = false;
    while (more)
        more = next_part(w, &source->at) && source->at.part != 1;
}

/* Every mark of class `wanted` among the `length` marks from `mark` on. */
static void put_class(writer *w, place mark, size_t length, unsigned wanted, offsets_source *source)
{
    for (size_t i = 0; i < length; i++) {
        if (class_of(&mark) == wanted) {
            if (mark.part == 1)
                take_offsets(w, source);
            put_part(w, part_of(&mark), source->at.now.start, source->at.now.end);
        }
        (void)next_part(w, &mark);
    }
}

/* The run of marks that begins at *p, in canonical order; *p moves to its last mark. */
static void put_run(writer *w, place *p)
{
    place first = *p, next = *p;
    size_t length = 0;
    uint64_t occurs[4] = { 0 };
    bool survives = false;
    do {
        *p = next;
        occurs[class_of(p) / 64] |= UINT64_C(1) << class_of(p) % 64;
        survives |= !(character_of(part_of(p))->flags & CHARACTER_MARK);
        length++;
    } while (next_part(w, &next) && class_of(&next) != 0);
    if (!survives)
        return;
    offsets_source source = { .at = first, .fresh = first.part == 1 };
    for (unsigned class = 1; class < 256; class++)
        if (occurs[class / 64] >> class % 64 & 1)
            put_class(w, first, length, class, &source);
}

/* A character that is not taken apart. */
static void put_alone(writer *w, uint32_t code_point, uint16_t flags, size_t start, size_t end)
{
    uint32_t from = (uint32_t)start, to = (uint32_t)end;
    if (w->options->clean_text && flags & CHARACTER_REMOVED)
        return;
    if (w->options->clean_text && flags & CHARACTER_BLANK)
        code_point = ' ';
    bool apart = w->options->chinese_apart && flags & CHARACTER_CHINESE;
    if (apart)
        put(w, ' ', from, to);
    put_lowered(w, code_point, from, to);
    if (apart)
        put(w, ' ', from, to);
}

/* The parts of the character at `at`, and the run of marks behind it if it ends in one; where that ends. */
static size_t put_apart(writer *w, size_t at)
{
    place p = { .at = at };
    bool more = next_part(w, &p);
    while (more) {
        bool apart = w->options->chinese_apart && p.now.flags & CHARACTER_CHINESE;
        if (apart && p.part == 1)
            put(w, ' ', p.now.start, p.now.end);
        if (class_of(&p) != 0)
            put_run(w, &p);
        else
            put_part(w, part_of(&p), p.now.start, p.now.end);
        if (apart && p.part == p.now.count)
            put(w, ' ', p.now.start, p.now.end);
        more = p.part < p.now.count && next_part(w, &p);
    }
    return p.now.count > 0 ? p.at : w->text.length;
}

/* True for what NFD and strip_accents leave alone, and what no mark changes places with. */
static bool is_plain(uint32_t code_point, const character_record *record)
{
    return !(record->flags & (CHARACTER_DECOMPOSES | CHARACTER_MARK)) && record->combining_class == 0 &&
           code_point - HANGUL_FIRST >= HANGUL_COUNT;
}

void normalizer_run(const normalizer_options *options, slice text, size_t start, size_t end, character_sink sink,
                    void *context)
{
    writer w = { .options = options, .text = { text.data, end }, .sink = sink, .context = context };
    for (size_t at = start; at < end;) {
        size_t behind = at;
        uint32_t code_point = utf8_next(w.text, &behind);
        const character_record *record = character_of(code_point);
        if (!options->strip_accents || is_plain(code_point, record))
            put_alone(&w, code_point, record->flags, at, behind);
        else
            behind = put_apart(&w, at);
        at = behind;
    }
    if (w.count > 0)
        sink(context, w.out, w.count);
}
