/* normalizer.h - BertNormalizer of Hugging Face tokenizers: clean, set Chinese characters apart, strip accents,
 * lower-case.
 *
 * Owns     nothing.
 * Borrows  the text during the call.
 * Threads  pure functions.
 * Limits   constant memory, linear time; text 4 GiB - 1 bytes. Never more characters out than bytes in, but for the
 *          blanks around Chinese characters.
 */
#ifndef ROSIM_NORMALIZER_H
#define ROSIM_NORMALIZER_H

#include "weights/base.h"

typedef struct {
    bool clean_text;
    bool chinese_apart;               /* handle_chinese_chars */
    bool strip_accents;
    bool lowercase;
} normalizer_options;

/* One character of the normalised text, and the bytes of the original text that it stands for. */
typedef struct {
    uint32_t code_point, start, end;
} character;

/* Takes the next characters, in order. */
typedef void (*character_sink)(void *context, const character *characters, size_t count);

/* Normalises text[start..end), which must be well-formed UTF-8, into the sink. */
void normalizer_run(const normalizer_options *options, slice text, size_t start, size_t end, character_sink sink,
                    void *context);

#endif
