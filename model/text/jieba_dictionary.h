/* jieba_dictionary.h - the bytes of jieba/dictionary.txt, carried by the program itself.
 *
 * Owns     constant bytes: "total T words N", then N lines "word frequency", sorted by bytes.
 * Borrows  nothing.
 * Threads  constants.
 * Limits   none; NOTICE in jieba/ tells their licence.
 */
#ifndef ROSIM_JIEBA_DICTIONARY_H
#define ROSIM_JIEBA_DICTIONARY_H

#include "weights/base.h"

slice jieba_dictionary(void);

#endif
