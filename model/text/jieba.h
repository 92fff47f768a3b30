/* jieba.h - Chinese word segmentation by jieba's dictionary, with its hidden Markov model off.
 *
 * Owns     the parsed dictionary.
 * Borrows  nothing: the dictionary is part of the program.
 * Threads  a const jieba is shared without locks.
 * Limits   linear time; 12 bytes of the arena per character.
 * Source   fxsjy/jieba (MIT) for method and dictionary; rjieba 0.2.2 for the characters that make a block, since
 *          transformers' RoFormer tokenizer segments with it.
 */
#ifndef ROSIM_JIEBA_H
#define ROSIM_JIEBA_H

#include "model/text/normalizer.h"
#include "weights/base.h"

typedef struct jieba jieba;

MUST_USE status jieba_open(jieba **out, errinfo *err);
void jieba_close(jieba *j);           /* NULL is fine */

/* Cuts text[0..count) into words: (*ends)[i] is the end (an index of characters) of the word that begins at i, for
 * every i that begins one. */
MUST_USE status jieba_cut(const jieba *j, const character *text, size_t count, arena *a, uint32_t **ends, errinfo *err);

#endif
