/* recipe.h - what a model folder says about its tokenizer, read from tokenizer.json or from vocab.txt.
 *
 * Owns     nothing: texts and arrays live in the arena given and in the folder.
 * Borrows  the folder until the tokenizer has been made from the recipe.
 * Threads  one thread.
 * Limits   tokenizer.json 16 MiB, vocab.txt 64 MiB, VOCABULARY_MAX tokens, SPECIAL_MAX special tokens on a side.
 */
#ifndef ROSIM_RECIPE_H
#define ROSIM_RECIPE_H

#include "model/text/normalizer.h"
#include "model/text/vocabulary.h"
#include "weights/base.h"
#include "weights/folder.h"

enum { SPECIAL_MAX = 4 };

typedef struct {
    const char *label;                /* the file that the vocabulary came from */
    trie_entry *entries;              /* [entry_count] pieces of the model with their ids */
    size_t entry_count;
    added_token *added;               /* [added_count] */
    size_t added_count;
    normalizer_options normalizer;
    bool words;                       /* jieba instead of BertPreTokenizer */
    slice unknown;                    /* "[UNK]" */
    slice continuing_prefix;          /* "##" */
    size_t max_word_characters;
    slice before[SPECIAL_MAX], after[SPECIAL_MAX];    /* special tokens around a text */
    size_t before_count, after_count;
} tokenizer_recipe;

/* Reads tokenizer.json when present, else vocab.txt; in both cases tokenizer_config.json. ST_FORMAT names what is
 * wrong. */
MUST_USE status recipe_read(tokenizer_recipe *out, folder *f, size_t vocab_size, arena *a, errinfo *err);

/* Fill the recipe from one parsed file; what the JSON text holds is copied into the arena. */
MUST_USE status recipe_read_json(tokenizer_recipe *r, slice file, size_t vocab_size, arena *a, errinfo *err);
MUST_USE status recipe_read_vocab(tokenizer_recipe *r, slice file, slice config, size_t vocab_size, arena *a,
                                  errinfo *err);

#endif
