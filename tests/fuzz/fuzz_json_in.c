/* fuzz_json_in.c - bytes of strangers through the pre-scan, the parser and the decoder of every route.
 *
 * The first byte chooses who reads the rest. Beyond crashes: what is accepted is valid UTF-8, a fault has a code and a
 * message, and every input that a decoder accepts has a text or ids.
 */
#include "model/text/utf8.h"
#include "server/routes/native.h"
#include "server/routes/openai.h"
#include "server/routes/tei.h"
#include "server/routes/tei_tokens.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_inputs(const input_list *list)
{
    must(list->count > 0 && list->count <= list->capacity);
    for (size_t i = 0; i < list->count; i++) {
        char name[INPUT_NAME_BYTES];
        const input *in = &list->items[i];
        input_name(in, name);
        must(in->text.data ? in->text.length > 0 && utf8_check(in->text, &(size_t){ 0 }) : in->id_count > 0);
    }
}

static bool parse_only(slice body, json_fault *fault)
{
    cJSON *tree = json_parse(body, fault);
    if (tree)
        must(utf8_check(body, &(size_t){ 0 }));
    json_free(tree);
    return tree != NULL;
}

static bool decode(int who, slice body, arena *a, json_fault *fault)
{
    static const request_limits limits = { .texts = 64, .tokens = 4096, .timeout_ms = 30000 };
    union {
        similarity_request similarity;
        embeddings_request embeddings;
        tei_request tei;
        tokens_request tokens;
    } r = { 0 };
    bool good = false;
    const input_list *list = NULL;
    switch (who) {
    case 0: good = similarity_decode(body, &limits, a, &r.similarity, fault); list = &r.similarity.list; break;
    case 1: good = embeddings_decode(body, &limits, a, &r.embeddings, fault); list = &r.embeddings.list; break;
    case 2: good = tei_embed_decode(body, &limits, a, &r.tei, fault); list = &r.tei.list; break;
    case 3: good = tei_similarity_decode(body, &limits, a, &r.tei, fault); list = &r.tei.list; break;
    case 4: good = tei_tokenize_decode(body, &limits, a, &r.tokens, fault); list = &r.tokens.list; break;
    case 5: good = tei_decode_decode(body, &limits, a, &r.tokens, fault); list = &r.tokens.list; break;
    default: return parse_only(body, fault);
    }
    if (good)
        check_inputs(list);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_fault fault = { .code = API_OK };
    if (size == 0)
        return 0;
    arena *a = arena_open(0, 1 << 20);
    if (!a)
        return 0;
    slice body = { (const char *)data + 1, size - 1 };
    bool good = decode(data[0] % 7, body, a, &fault);
    must(good || (fault.code != API_OK && fault.message[0]));
    arena_close(a);
    return 0;
}
