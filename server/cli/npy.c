/* npy.c - see npy.h. */
#include "server/cli/npy.h"

#include <errno.h>
#include <string.h>

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

status npy_write_header(FILE *out, size_t rows, size_t columns, errinfo *err)
{
    char header[HEADER_BYTES + 1];
    static const char PREFIX[] = "\x93NUMPY\x01\x00";
    enum { DICTIONARY_BYTES = HEADER_BYTES - PREFIX_BYTES };
    memcpy(header, PREFIX, sizeof PREFIX - 1);
    header[PREFIX_BYTES - 2] = (char)DICTIONARY_BYTES;    /* its length, little-endian, < 256 */
    header[PREFIX_BYTES - 1] = 0;
    int used = snprintf(header + PREFIX_BYTES, DICTIONARY_BYTES + 1,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows,
                        columns);
    memset(header + PREFIX_BYTES + used, ' ', (size_t)(DICTIONARY_BYTES - used - 1));
    header[HEADER_BYTES - 1] = '\n';
    if (fseek(out, 0, SEEK_SET) != 0 || fwrite(header, 1, HEADER_BYTES, out) != HEADER_BYTES)
        return fail(err, ST_IO, "cannot write the .npy header: %s", strerror(errno));
    return ST_OK;
}

void npy_write_row(FILE *out, const float *row, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        unsigned char bytes[4] = { (unsigned char)bits, (unsigned char)(bits >> 8),
                                   (unsigned char)(bits >> 16), (unsigned char)(bits >> 24) };
        (void)fwrite(bytes, 1, sizeof bytes, out);
    }
}
