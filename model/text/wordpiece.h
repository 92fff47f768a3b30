/* wordpiece.h - one word at a time to tokens: the longest piece first, then the longest "##" piece, and so on.
 *
 * Owns     room for one word.
 * Borrows  the vocabulary and the collector until the last call.
 * Threads  one thread per wordpiece.
 * Limits   WORD_MAX_CHARACTERS; a longer word, or one with a part that no piece matches, is one unknown token.
 * Source   Devlin et al. 2018; WordPiece of Hugging Face tokenizers.
 */
#ifndef ROSIM_WORDPIECE_H
#define ROSIM_WORDPIECE_H

#include "model/text/collector.h"
#include "model/text/normalizer.h"
#include "model/text/vocabulary.h"

enum { WORD_MAX_CHARACTERS = 256 };

typedef struct {
    const vocabulary *words;
    collector *out;
    uint32_t unknown;                 /* id */
    size_t max_characters;            /* at most WORD_MAX_CHARACTERS */
    size_t characters, length;        /* of the word at hand; length in bytes, only while it fits */
    uint32_t start, end;              /* bytes of the original text */
    char bytes[4 * WORD_MAX_CHARACTERS];
    uint32_t starts[4 * WORD_MAX_CHARACTERS];         /* at a character's first byte: its start in the text */
    uint32_t ends[4 * WORD_MAX_CHARACTERS + 1];       /* behind its last byte: its end */
} wordpiece;

void wordpiece_init(wordpiece *w, const vocabulary *words, collector *out, uint32_t unknown, size_t max_characters);
void wordpiece_add(wordpiece *w, const character *c);
void wordpiece_end_word(wordpiece *w);                /* nothing happens without a word */

/* BertPreTokenizer over normalised characters (a character_sink; context is the wordpiece): white space ends words,
 * punctuation stands alone. The caller ends the last word. */
void wordpiece_take(void *context, const character *characters, size_t count);

#endif
