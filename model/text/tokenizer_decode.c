/* tokenizer_decode.c - ids back to text, as the WordPiece decoder of Hugging Face tokenizers with its clean-up on.
 *
 * A piece loses a leading "##", or gets a blank before it unless it is the first; then a list of replacements runs
 * over that piece alone, so a blank goes only where a piece such as "." or "'s" begins with the pattern.
 */
#include "model/text/tokenizer.h"

#include <string.h>


/* In the order of tokenizers' clean-up; each shortens by blanks or an "o ". */
static const struct {
    const char *from, *to;
} replacements[] = {
    { " .", "." },     { " ?", "?" },     { " !", "!" },    { " ,", "," },     { " ' ", "'" },  { " n't", "n't" },
    { " 'm", "'m" },   { " do not", " don't" }, { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" },
};

/* Replaces every `from` in bytes[length], left to right; the result is never longer. */
static size_t replace_all(char *bytes, size_t length, slice from, slice to)
{
    size_t out = 0;
    for (size_t at = 0; at < length;) {
        if (length - at >= from.length && memcmp(bytes + at, from.data, from.length) == 0) {
            memcpy(bytes + out, to.data, to.length);
            out += to.length;
            at += from.length;
        } else {
            bytes[out++] = bytes[at++];
        }
    }
    return out;
}

static size_t clean_up(char *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof replacements / sizeof replacements[0]; i++)
        length = replace_all(bytes, length, slice_of(replacements[i].from), slice_of(replacements[i].to));
    return length;
}

static bool is_kept(const tokenizer *t, uint32_t id, bool skip_special)
{
    return tokenizer_piece(t, id).length > 0 && !(skip_special && tokenizer_is_special(t, id));
}

static size_t decode_piece(slice piece, bool first, char *out)
{
    size_t length = 0;
    if (!first && piece.length >= 2 && memcmp(piece.data, "##", 2) == 0)
        piece = (slice){ piece.data + 2, piece.length - 2 };
    else if (!first)
        out[length++] = ' ';
    memcpy(out + length, piece.data, piece.length);
    return clean_up(out, length + piece.length);
}

status tokenizer_decode(const tokenizer *t, const uint32_t *ids, size_t count, bool skip_special, arena *a, slice *out,
                        errinfo *err)
{
    size_t room = 1, length = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= tokenizer_size(t))
            return fail(err, ST_INPUT, "id %u at %zu is not in the vocabulary of %zu", ids[i], i, tokenizer_size(t));
        room += tokenizer_piece(t, ids[i]).length + 1;
    }
    char *bytes = arena_take(a, room, 1);
    if (!bytes)
        return fail(err, ST_NOMEM, "out of memory for the text of %zu ids", count);
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_kept(t, ids[i], skip_special))
            continue;
        length += decode_piece(tokenizer_piece(t, ids[i]), first, bytes + length);
        first = false;
    }
    bytes[length] = '\0';
    *out = (slice){ bytes, length };
    return ST_OK;
}
