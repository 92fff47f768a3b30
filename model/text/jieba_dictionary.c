/* jieba_dictionary.c - see jieba_dictionary.h. The assembler copies the file in, since a C array of four million
 * bytes would take a compiler minutes. The path is relative to the repository's root, where the Makefile compiles. */
#include "model/text/jieba_dictionary.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        "rosim_jieba_dictionary:\n"
        ".incbin \"model/text/jieba/dictionary.txt\"\n"
        "rosim_jieba_dictionary_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char rosim_jieba_dictionary[], rosim_jieba_dictionary_end[];

slice jieba_dictionary(void)
{
    return (slice){ rosim_jieba_dictionary, (size_t)(rosim_jieba_dictionary_end - rosim_jieba_dictionary) };
}
