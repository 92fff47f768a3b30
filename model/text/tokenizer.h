/* tokenizer.h - bytes of text to token ids, as Hugging Face tokenizers does it, and back.
 *
 * Owns     the vocabulary, its trie, and for word tokenizers the jieba dictionary.
 * Borrows  the text only during a call. Results live in the arena that the caller gives.
 * Threads  a const tokenizer is shared without locks; all scratch is in the caller's arena.
 * Limits   text 4 GiB - 1 bytes; a word over 100 characters is one [UNK]; work and memory are linear in the text.
 * Source   Devlin et al. 2018 (WordPiece); huggingface/tokenizers BertNormalizer, BertPreTokenizer, WordPiece;
 *          RoFormer: jieba (fxsjy/jieba) with its dictionary, HMM off, as transformers' RoFormer tokenizer uses it.
 */
#ifndef ROSIM_TOKENIZER_H
#define ROSIM_TOKENIZER_H

#include "weights/base.h"
#include "weights/folder.h"

typedef struct tokenizer tokenizer;

typedef enum { TRUNCATE_RIGHT, TRUNCATE_LEFT, TRUNCATE_MIDDLE, TRUNCATE_NONE } truncation;

typedef struct {
    size_t max_tokens;            /* special tokens included; 0: no limit */
    truncation truncate; /* NONE: a longer text is not cut; the caller compares token_list.total with its limit */
    bool without_special;         /* leave [CLS] and [SEP] out */
    bool offsets;                 /* fill starts and ends */
} tokenize_options;

typedef struct {
    uint32_t *ids;                /* [count] */
    uint32_t *starts, *ends;      /* [count] byte range in the text, or NULL; special tokens have start == end == 0 */
    size_t count;                 /* tokens kept, special ones included */
    size_t total;                 /* tokens before truncation, special ones included */
    size_t unknown;               /* [UNK] among the kept */
} token_list;

/* Reads tokenizer.json when present, else vocab.txt with tokenizer_config.json. Chooses the word tokenizer when
 * tokenizer_class is RoFormerTokenizer(Fast). vocab_size: rows of the embedding table, an upper bound of every id.
 * ST_FORMAT names the file and what is wrong (a duplicate line, a missing [CLS], an unsupported model type). */
MUST_USE status tokenizer_open(tokenizer **out, folder *f, size_t vocab_size, errinfo *err);
void tokenizer_close(tokenizer *t);               /* NULL is fine */

/* Text must be valid UTF-8 without NUL (utf8_check). ST_NOMEM when the arena is full, ST_INPUT otherwise. */
MUST_USE status tokenizer_encode(const tokenizer *t, slice text, const tokenize_options *options, arena *a,
                                 token_list *out, errinfo *err);

/* Turns starts and ends from bytes of the text into code points, in one pass. */
void token_list_to_code_points(token_list *list, slice text);

/* ids back to text: pieces joined as the WordPiece decoder of tokenizers does with its clean-up on. */
MUST_USE status tokenizer_decode(const tokenizer *t, const uint32_t *ids, size_t count, bool skip_special, arena *a,
                                 slice *out, errinfo *err);

size_t tokenizer_size(const tokenizer *t);                        /* ids are 0 .. size-1 */
slice tokenizer_piece(const tokenizer *t, uint32_t id);           /* the vocabulary's entry, "##ing" */
bool tokenizer_is_special(const tokenizer *t, uint32_t id);
const char *tokenizer_kind(const tokenizer *t);                   /* "wordpiece" or "roformer-words" */

#endif
