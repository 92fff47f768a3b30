/* stranger.c - see stranger.h. Nothing here opens such a file: to load a pickle is to run it. */
#include "weights/stranger.h"

#include <stdio.h>
#include <string.h>

#define TORCH "weights/convert/torch_to_folder.py"
#define ONNX "weights/convert/onnx_to_folder.py"
#define TF "weights/convert/tf_to_folder.py"

const char *stranger_of_bytes(const unsigned char *bytes)
{
    static const struct { const char *magic; size_t length; const char *text; } magics[] = {
        { "PK", 2, "a zip archive, probably of PyTorch; convert it with " TORCH },
        { "\x89HDF", 4, "an HDF5 file, probably of Keras; see " TF },
        { "GGUF", 4, "a GGUF file, which is not supported; take the model's safetensors files" },
        { "version ", 8, "a Git LFS pointer, not the file itself; fetch it with git lfs pull" },
    };
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (memcmp(bytes, magics[i].magic, magics[i].length) == 0)
            return magics[i].text;
    if (bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return "a Python pickle, probably of PyTorch; convert it with " TORCH;
    /* ModelProto: field 1 is the varint ir_version, followed by a string field. */
    if (bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x20 && (bytes[2] & 7) == 2)
        return "an ONNX file; convert it with " ONNX;
    return NULL;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/* Other formats of weights, the likeliest first. */
static const struct { const char *suffix, *way_out; } kinds[] = {
    { ".bin", "convert it with " TORCH },
    { ".pt", "convert it with " TORCH },
    { ".pth", "convert it with " TORCH },
    { ".onnx", "convert it with " ONNX },
    { ".ckpt.index", "see " TF },
    { ".h5", "see " TF },
    { ".npz", "convert it with " TF },
    { ".safetensors", "rename it to model.safetensors, or add model.safetensors.index.json" },
    { ".gguf", "it is not supported; take the model's safetensors files" },
    { ".msgpack", "it is not supported; take the model's safetensors files" },
};

const char *stranger_in_folder(DIR *listing, char found[STRANGER_NAME_BYTES])
{
    const struct dirent *item;
    size_t count = sizeof kinds / sizeof *kinds, best = count;
    while ((item = readdir(listing)) != NULL) {
        for (size_t i = 0; i < best; i++) {
            if (!ends_with(item->d_name, kinds[i].suffix))
                continue;
            best = i;
            (void)snprintf(found, STRANGER_NAME_BYTES, "%s", item->d_name);
        }
    }
    return best < count ? kinds[best].way_out : NULL;
}
