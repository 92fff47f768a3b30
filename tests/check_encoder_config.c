/* check_encoder_config.c - what a model folder says is believed only as far as it makes sense, and
 * each error names the file, the key, the value and what is supported; the same for tensors. */
#include "tests/check_encoder_support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZES \
    "\"vocab_size\":99,\"hidden_size\":32,\"num_hidden_layers\":3,\"num_attention_heads\":4," \
    "\"intermediate_size\":37,\"max_position_embeddings\":304"
#define ROFORMER "{\"model_type\":\"roformer\"," SIZES
#define BERT "{\"model_type\":\"bert\"," SIZES
#define MODULES_START "[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"\"},"
#define MODULE(kind, path)                                                                         \
    "{\"type\":\"sentence_transformers.models." kind "\",\"path\":\"" path "\"}"

typedef struct {
    const char *name, *text;
} file;

enum { FILES = 5 };

/* A folder below the system's place for temporary files. */
typedef struct {
    char dir[64];
} place;

static void path_in(const place *p, const char *name, char *out, size_t size)
{
    ck_assert_int_lt(snprintf(out, size, "%s/%s", p->dir, name), (int)size);
}

static void write_file(const place *p, const char *name, const void *bytes, size_t length)
{
    char path[160];
    path_in(p, name, path, sizeof path);
    char *slash = strrchr(path + strlen(p->dir) + 1, '/');
    if (slash) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, length, f), length);
    ck_assert_int_eq(fclose(f), 0);
}

static place place_open(const file *files, size_t count)
{
    place p = { "/tmp/rosim-config-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(p.dir));
    for (size_t i = 0; i < count && files[i].name; i++)
        write_file(&p, files[i].name, files[i].text, strlen(files[i].text));
    return p;
}

static void place_close(const place *p, const file *files, size_t count)
{
    char path[160];
    for (size_t i = 0; i < count && files[i].name; i++) {
        path_in(p, files[i].name, path, sizeof path);
        ck_assert_int_eq(unlink(path), 0);
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);    /* of a sub-folder; the place itself is not empty yet, or goes here */
    }
    (void)rmdir(p->dir);
}

static status load(const file *files, size_t count, encoder_config *c, errinfo *err)
{
    place p = place_open(files, count);
    folder *f = NULL;
    status st = folder_open_text(&f, p.dir, err);
    if (!st)
        st = config_load(c, f, err);
    folder_close(f);
    place_close(&p, files, count);
    return st;
}

static encoder_config load_good(const char *text)
{
    const file files[1] = { { "config.json", text } };
    encoder_config c;
    errinfo err = { 0 };
    ck_assert_msg(load(files, 1, &c, &err) == ST_OK, "%s", err.text);
    return c;
}

/* ---- what is refused ---- */

static const struct {
    const char *config, *says;
} REFUSED[] = {
    { "", "config.json" },
    { "[]", "config.json: must hold a JSON object" },
    { "{\"model_type\":\"bert\"", "config.json" },
    { "{" SIZES "}", "model_type is missing; supported: roformer, bert" },
    { "{\"model_type\":\"xlm-roberta\"," SIZES "}",
      "config.json: model_type \"xlm-roberta\" is not supported; supported: roformer, bert" },
    { "{\"model_type\":7," SIZES "}", "config.json: model_type must be a string" },
    { "{\"model_type\":\"a\\u001b[31m\\n\"," SIZES "}", "\"a?[31m?\"" },
    { BERT ",\"position_embedding_type\":\"relative_key\"}",
      "position_embedding_type \"relative_key\" is not supported; supported: absolute" },
    { BERT ",\"embedding_size\":16}", "embedding_size 16 differs from hidden_size 32" },
    { ROFORMER ",\"norm_type\":\"rms_norm\"}",
      "norm_type rms_norm with use_bias true is not supported" },
    { ROFORMER ",\"use_bias\":false}",
      "norm_type layer_norm with use_bias false is not supported" },
    { ROFORMER ",\"norm_type\":\"batch_norm\"}", "supported: layer_norm, rms_norm" },
    { ROFORMER ",\"use_bias\":1}", "use_bias must be true or false" },
    { ROFORMER ",\"hidden_act\":\"swish\"}", "hidden_act \"swish\" is not supported; supported: "
                                             "gelu, gelu_new, gelu_pytorch_tanh, relu, tanh" },
    { ROFORMER ",\"layer_norm_eps\":0}", "layer_norm_eps is 0, must be above 0 and at most 1" },
    { ROFORMER ",\"layer_norm_eps\":\"small\"}", "layer_norm_eps must be a number" },
    { ROFORMER ",\"type_vocab_size\":0}",
      "type_vocab_size is 0, must be an integer from 1 to 1024" },
    { ROFORMER ",\"type_vocab_size\":1.5}", "type_vocab_size is 1.5, must be an integer" },
    { ROFORMER ",\"type_vocab_size\":1e300}", "type_vocab_size is 1e+300" },
    { ROFORMER ",\"type_vocab_size\":-1}", "type_vocab_size is -1" },
    { ROFORMER ",\"type_vocab_size\":\"2\"}", "type_vocab_size must be an integer" },
    { ROFORMER ",\"rosim\":[]}", "config.json: rosim must be an object" },
    { ROFORMER ",\"rosim\":{\"pooling\":\"max\"}}",
      "config.json: rosim: pooling \"max\" is not supported; supported: cls, mean, pooler_linear, "
      "pooler_tanh, "
      "mean_pooler_linear, first_last_mean" },
    { ROFORMER ",\"rosim\":{\"attn_scale\":\"log\"}}", "supported: inv_sqrt_d, none, log512" },
    { ROFORMER ",\"rosim\":{\"attention\":\"linear\"}}",
      "attention linear is not in attention_trained" },
    { ROFORMER ",\"rosim\":{\"attention_trained\":[]}}", "attention_trained must be a list" },
    { ROFORMER ",\"rosim\":{\"attention_trained\":\"softmax\"}}",
      "attention_trained must be a list" },
    { ROFORMER ",\"rosim\":{\"attention_trained\":[\"favor\"]}}",
      "attention_trained lists \"favor\"" },
    { ROFORMER ",\"rosim\":{\"attention_trained\":[1]}}", "attention_trained lists" },
    { ROFORMER ",\"rosim\":{\"attention_approx\":[]}}", "attention_approx must be a list of favor, taylor2" },
    { ROFORMER ",\"rosim\":{\"attention_approx\":[\"linear\"]}}",
      "attention_approx lists \"linear\"; supported: favor, taylor2, explimit2" },
    { ROFORMER ",\"rosim\":{\"attention_approx\":[\"favor\"],\"attention_trained\":[\"linear\"],"
               "\"linear_feature_map\":\"elu1\"}}", "attention_approx needs softmax in attention_trained" },
    { ROFORMER ",\"rosim\":{\"attention\":\"favor\",\"attention_approx\":[\"favor\"]}}",
      "attention favor is not in attention_trained" },
    { ROFORMER ",\"rosim\":{\"favor\":7}}", "config.json: rosim: favor must be an object" },
    { ROFORMER ",\"rosim\":{\"favor\":{\"features\":0}}}", "features is 0, must be an integer from 1 to 2048" },
    { ROFORMER ",\"rosim\":{\"favor\":{\"seed\":4294967296}}}", "seed is 4294967296, must be an integer from 0 to" },
    { ROFORMER ",\"rosim\":{\"attention_trained\":[\"linear\"]}}", "linear_feature_map is needed" },
    { ROFORMER ",\"rosim\":{\"linear_feature_map\":\"exp\"}}",
      "supported: elu1, relu, efficient, cosformer, hedgehog" },
    { ROFORMER ",\"rosim\":{\"max_length\":65537}}",
      "max_length is 65537, must be an integer from 3 to 65536" },
    { BERT ",\"rosim\":{\"max_length\":305}}",
      "max_length is 305, must be an integer from 3 to 304" },
    { ROFORMER ",\"rosim\":{\"golden\":\"../golden.json\"}}", "golden must be a plain file name" },
    { ROFORMER ",\"rosim\":{\"golden\":\"/etc/passwd\"}}", "golden must be a plain file name" },
    { ROFORMER ",\"rosim\":{\"golden\":7}}", "golden must be a string" },
    { ROFORMER ",\"rosim\":{\"languages\":\"zh\"}}", "languages must be a list" },
    { ROFORMER ",\"rosim\":{\"languages\":[\"z h\"]}}", "languages must be a list" },
    { ROFORMER ",\"rosim\":{\"languages\":["
               "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}",
      "languages take more than 63 bytes" },
    { ROFORMER ",\"rosim\":{\"normalize\":\"no\"}}", "normalize must be true or false" },
    { ROFORMER ",\"vocab_size\":7}", "vocab_size" },
};

START_TEST(a_config_that_cannot_be_honoured_is_refused_by_name)
{
    const file files[1] = { { "config.json", REFUSED[_i].config } };
    encoder_config c = { .layers = 4711 };
    errinfo err = { 0 };
    ck_assert_int_eq(load(files, 1, &c, &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, REFUSED[_i].says), "\"%s\" lacks \"%s\"", err.text,
                  REFUSED[_i].says);
    ck_assert_uint_eq(c.layers, 4711);
}
END_TEST

static const struct {
    const char *key, *value, *says;
} SIZE_ROWS[] = {
    { "vocab_size", "1048577", "vocab_size is 1048577, must be an integer from 1 to 1048576" },
    { "vocab_size", "null", "vocab_size is missing" },
    { "hidden_size", "8193", "hidden_size is 8193, must be an integer from 1 to 8192" },
    { "hidden_size", "34", "num_attention_heads 4 does not divide hidden_size 34" },
    { "hidden_size", "4", "head size 1 (hidden_size / num_attention_heads) must be even" },
    { "hidden_size", "2048",
      "head size 512 (hidden_size / num_attention_heads) must be even and at most 256" },
    { "num_hidden_layers", "0", "num_hidden_layers is 0, must be an integer from 1 to 128" },
    { "num_attention_heads", "129",
      "num_attention_heads is 129, must be an integer from 1 to 128" },
    { "num_attention_heads", "7", "num_attention_heads 7 does not divide hidden_size 32" },
    { "intermediate_size", "18446744073709551616", "intermediate_size is 1.84467440737e+19" },
    { "max_position_embeddings", "65537", "max_position_embeddings is 65537" },
    { "max_position_embeddings", "2", "max_position_embeddings 2: at least 3 are needed" },
};

START_TEST(a_size_outside_its_limits_is_refused_by_name)
{
    static const char *const KEYS[] = { "vocab_size", "hidden_size", "num_hidden_layers",
                                        "num_attention_heads", "intermediate_size",
                                        "max_position_embeddings" };
    static const char *const VALUES[] = { "99", "32", "3", "4", "37", "304" };
    char text[512] = "{";
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        bool changed = strcmp(KEYS[i], SIZE_ROWS[_i].key) == 0;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "\"%s\":%s,", KEYS[i],
                 changed ? SIZE_ROWS[_i].value : VALUES[i]);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "\"model_type\":\"bert\"}");
    const file files[1] = { { "config.json", text } };
    encoder_config c;
    errinfo err = { 0 };
    ck_assert_int_eq(load(files, 1, &c, &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, SIZE_ROWS[_i].says), "\"%s\" lacks \"%s\"", err.text,
                  SIZE_ROWS[_i].says);
}
END_TEST

static const struct {
    file files[FILES];
    const char *says;
} MODULE_ROWS[] = {
    { { { "modules.json", "{}" } }, "modules.json: must hold a JSON array" },
    { { { "modules.json", "[7]" } }, "modules.json" },
    { { { "modules.json", MODULES_START MODULE("CNN", "1_CNN") "]" } },
      "type \"sentence_transformers.models.CNN\" is not supported" },
    { { { "modules.json", MODULES_START MODULE("Normalize", "1") "," MODULE("Dense", "2") "]" } },
      "modules must come in the order" },
    { { { "modules.json", MODULES_START MODULE("Dense", "1") "," MODULE("Dense", "2") "]" } },
      "each at most once" },
    { { { "modules.json", MODULES_START MODULE("Pooling", "../x") "]" } },
      "path of the Pooling module must be a plain folder name" },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1_Pooling") "]" } },
      "1_Pooling/config.json: not found, but modules.json names it" },
    { { { "1_Pooling/config.json",
          "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}" } },
      "1_Pooling/config.json: pooling must be exactly one of" },
    { { { "1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}" } },
      "must be exactly one of" },
    { { { "1_Pooling/config.json", "{}" } }, "must be exactly one of" },
    { { { "1_Pooling/config.json", "{\"pooling_mode\":\"weightedmean\"}" } },
      "supported: cls, mean" },
    { { { "modules.json", MODULES_START MODULE("Dense", "2_Dense") "]" },
        { "2_Dense/config.json", "{\"in_features\":32,\"out_features\":8}" } },
      "a Dense module needs a Pooling module before it" },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "," MODULE("Dense", "2_Dense") "]" },
        { "1/config.json", "{\"pooling_mode_mean_tokens\":true}" },
        { "2_Dense/config.json", "{\"in_features\":32,\"out_features\":8}" } },
      "activation Tanh after mean pooling is not supported" },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "," MODULE("Dense", "2_Dense") "]" },
        { "1/config.json", "{\"pooling_mode_mean_tokens\":true}" },
        { "2_Dense/config.json",
          "{\"in_features\":31,\"out_features\":8,"
          "\"activation_function\":\"torch.nn.modules.linear.Identity\"}" } },
      "2_Dense/config.json: in_features 31 differs from hidden_size 32" },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "," MODULE("Dense", "2_Dense") "]" },
        { "1/config.json", "{\"pooling_mode_mean_tokens\":true}" },
        { "2_Dense/config.json",
          "{\"in_features\":32,\"out_features\":8,"
          "\"activation_function\":\"torch.nn.modules.activation.ReLU\"}" } },
      "activation_function \"torch.nn.modules.activation.ReLU\" is not supported" },
};

START_TEST(modules_that_have_no_name_here_are_refused)
{
    file files[FILES + 1] = { { "config.json", BERT "}" } };
    encoder_config c;
    errinfo err = { 0 };
    memcpy(files + 1, MODULE_ROWS[_i].files, sizeof MODULE_ROWS[_i].files);
    ck_assert_int_eq(load(files, FILES + 1, &c, &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, MODULE_ROWS[_i].says), "\"%s\" lacks \"%s\"", err.text,
                  MODULE_ROWS[_i].says);
}
END_TEST

START_TEST(a_folder_without_a_config_is_refused)
{
    const file files[1] = { { "vocab.txt", "x\n" } };
    encoder_config c;
    errinfo err = { 0 };
    ck_assert_int_eq(load(files, 1, &c, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "config.json: not found"));
}
END_TEST

/* ---- what is read ---- */

START_TEST(defaults_are_those_of_the_families)
{
    encoder_config c = load_good(ROFORMER "}");
    ck_assert_str_eq(c.family, "roformer");
    ck_assert_uint_eq(c.head_size, 8);
    ck_assert_uint_eq(c.embedding_size, 32);
    ck_assert_int_eq(c.position, POSITION_ROTARY);
    ck_assert_int_eq(c.act, ACTIVATION_GELU);
    ck_assert(c.norm_eps == 1e-12f && c.bias && !c.rotary_value && c.normalize);
    ck_assert_int_eq(c.scale, SCALE_INV_SQRT_D);
    ck_assert_int_eq(c.attention, ATTENTION_SOFTMAX);
    ck_assert_uint_eq(c.attention_trained, 1u << ATTENTION_SOFTMAX);
    ck_assert(c.map == LINEAR_ELU1 && !c.map_given);
    ck_assert_int_eq(c.pooling, POOLING_CLS);
    ck_assert_ptr_nonnull(strstr(c.warning, "cls"));
    ck_assert_uint_eq(c.max_length, 304);
    ck_assert_str_eq(c.golden, "");

    c = load_good(ROFORMER
                  ",\"norm_type\":\"rms_norm\",\"use_bias\":false,\"hidden_act\":\"relu\"}");
    ck_assert_str_eq(c.family, "roformer_v2");
    ck_assert(c.norm == NORM_RMS && !c.bias && c.act == ACTIVATION_RELU);

    c = load_good(
        BERT ",\"hidden_act\":\"gelu_pytorch_tanh\",\"position_embedding_type\":\"absolute\"}");
    ck_assert_str_eq(c.family, "bert");
    ck_assert(c.position == POSITION_ABSOLUTE && c.act == ACTIVATION_GELU_TANH);
}
END_TEST

START_TEST(keys_of_ours_are_read)
{
    encoder_config c = load_good(
        ROFORMER
        ",\"rotary_value\":true,\"embedding_size\":null,\"rosim\":{\"pooling\":\"first_last_mean\","
        "\"attention_trained\":[\"linear\",\"softmax\"],\"linear_feature_map\":\"cosformer\","
        "\"max_length\":4096,\"languages\":[\"zh\",\"en\"],\"golden\":\"golden.json\","
        "\"attn_scale\":\"log512\",\"normalize\":false}}");
    ck_assert(c.rotary_value && !c.normalize);
    ck_assert_uint_eq(c.embedding_size, 32);
    ck_assert_int_eq(c.pooling, POOLING_FIRST_LAST_MEAN);
    ck_assert_str_eq(c.warning, "");
    ck_assert_uint_eq(c.attention_trained, 3);
    ck_assert_int_eq(c.attention, ATTENTION_LINEAR);
    ck_assert(c.map == LINEAR_COSFORMER && c.map_given);
    ck_assert_uint_eq(c.max_length, 4096);
    ck_assert_str_eq(c.languages, "zh,en");
    ck_assert_str_eq(c.golden, "golden.json");
    ck_assert_int_eq(c.scale, SCALE_LOG512);

    c = load_good(ROFORMER ",\"rosim\":{\"attention_trained\":[\"linear\",\"softmax\"],"
                           "\"linear_feature_map\":\"relu\",\"attention\":\"softmax\"}}");
    ck_assert_int_eq(c.attention, ATTENTION_SOFTMAX);
}
END_TEST

static const struct {
    file files[FILES];
    pooling_kind pooling;
    bool normalize;
    size_t outputs, max_length;
} FALLBACKS[] = {
    { { { "1_Pooling/config.json", "{\"pooling_mode_mean_tokens\":true}" } },
      POOLING_MEAN, true, 32, 304 },
    { { { "1_Pooling/config.json", "{\"pooling_mode\":\"cls\"}" } }, POOLING_CLS, true, 32, 304 },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "]" },
        { "1/config.json",
          "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}" } },
      POOLING_CLS, false, 32, 304 },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "," MODULE("Dense", "2") ","
                          MODULE("Normalize", "3") "]" },
        { "1/config.json", "{\"pooling_mode_cls_token\":true}" },
        { "2/config.json", "{\"in_features\":32,\"out_features\":8,"
                           "\"activation_function\":\"torch.nn.modules.activation.Tanh\"}" } },
      POOLING_POOLER_TANH, true, 8, 304 },
    { { { "modules.json", MODULES_START MODULE("Pooling", "1") "," MODULE("Dense", "2") "]" },
        { "1/config.json", "{\"pooling_mode_mean_tokens\":true}" },
        { "2/config.json", "{\"in_features\":32,\"out_features\":8,"
                           "\"activation_function\":\"torch.nn.modules.linear.Identity\"}" } },
      POOLING_MEAN_POOLER_LINEAR, false, 8, 304 },
    { { { "sentence_bert_config.json", "{\"max_seq_length\":128}" },
        { "tokenizer_config.json", "{\"model_max_length\":200}" } },
      POOLING_CLS, true, 32, 128 },
    { { { "sentence_bert_config.json", "{\"max_seq_length\":null}" },
        { "tokenizer_config.json", "{\"model_max_length\":200}" } },
      POOLING_CLS, true, 32, 200 },
    { { { "tokenizer_config.json", "{\"model_max_length\":1e30}" } }, POOLING_CLS, true, 32, 304 },
    { { { "tokenizer_config.json", "{\"model_max_length\":512}" } }, POOLING_CLS, true, 32, 304 },
};

START_TEST(pooling_and_length_fall_back_in_the_documented_order)
{
    file files[FILES + 1] = { { "config.json", BERT "}" } };
    encoder_config c;
    errinfo err = { 0 };
    memcpy(files + 1, FALLBACKS[_i].files, sizeof FALLBACKS[_i].files);
    ck_assert_msg(load(files, FILES + 1, &c, &err) == ST_OK, "%s", err.text);
    ck_assert_str_eq(pooling_name(c.pooling), pooling_name(FALLBACKS[_i].pooling));
    ck_assert_int_eq(c.normalize, FALLBACKS[_i].normalize);
    ck_assert_uint_eq(c.pooler_outputs, FALLBACKS[_i].outputs);
    ck_assert_uint_eq(c.max_length, FALLBACKS[_i].max_length);
}
END_TEST

START_TEST(approximations_are_listed_and_favor_s_seed_is_read)
{
    encoder_config c = load_good(ROFORMER "}");
    ck_assert(c.attention_approx == 0 && c.favor_features == 256 && c.favor_seed == 20210806);
    c = load_good(ROFORMER ",\"rosim\":{\"attention_approx\":[\"taylor2\",\"favor\"],"
                           "\"favor\":{\"seed\":0,\"features\":2048}}}");
    ck_assert_uint_eq(c.attention_approx, 1u << ATTENTION_TAYLOR2 | 1u << ATTENTION_FAVOR);
    ck_assert_uint_eq(c.attention_trained, 1u << ATTENTION_SOFTMAX);
    ck_assert(c.attention == ATTENTION_SOFTMAX && c.favor_features == 2048 && c.favor_seed == 0);
}
END_TEST

START_TEST(names_of_kinds_and_maps_can_be_read_back)
{
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        attention_kind back = ATTENTION_KINDS;
        ck_assert(attention_parse(slice_of(attention_name(kind)), &back) && back == kind);
    }
    for (linear_map map = 0; map < LINEAR_MAPS; map++) {
        linear_map back = LINEAR_MAPS;
        ck_assert(linear_map_parse(slice_of(linear_map_name(map)), &back) && back == map);
    }
    attention_kind none = ATTENTION_KINDS;
    ck_assert(!attention_parse(slice_of("auto"), &none) && none == ATTENTION_KINDS);
}
END_TEST

/* The sanitizers watch; a config that is still read must keep the limits that the layers rely on. */
START_TEST(a_config_with_bytes_changed_is_read_or_refused)
{
    static const char WHOLE[] =
        ROFORMER ",\"rosim\":{\"pooling\":\"mean\",\"attention_trained\":[\"linear\"],"
                 "\"linear_feature_map\":\"relu\",\"max_length\":512,\"languages\":[\"zh\"],"
                 "\"golden\":\"golden.json\"}}";
    static const char ALPHABET[] = "0123456789-.eE\"{}[],:\\ ntfu\x01\x80\xff";
    uint64_t state = 4242;
    int accepted = 0;
    for (int round = 0; round < 1500; round++) {
        char text[sizeof WHOLE];
        encoder_config c;
        errinfo err = { 0 };
        memcpy(text, WHOLE, sizeof WHOLE);
        for (uint32_t i = 0; i <= round % 3u; i++)
            text[random_u32(&state) % (sizeof WHOLE - 1)] =
                ALPHABET[random_u32(&state) % (sizeof ALPHABET - 1)];
        const file files[1] = { { "config.json", text } };
        status st = load(files, 1, &c, &err);
        ck_assert(st == ST_OK || (st == ST_FORMAT && err.text[0]));
        if (st)
            continue;
        accepted++;
        ck_assert(c.heads * c.head_size == c.hidden_size && c.hidden_size <= 8192);
        ck_assert(c.layers >= 1 && c.layers <= 128 && c.vocab_size <= 1u << 20);
        ck_assert(c.max_length >= 3 && c.max_length <= CONFIG_LENGTH_MAX);
    }
    ck_assert_int_gt(accepted, 100);
}
END_TEST

/* ---- tensors ---- */

static const struct {
    const char *find, *replace;   /* in the config of the tiny roformer */
    const char *says[3];
} TENSOR_ROWS[] = {
    { "\"intermediate_size\":37", "\"intermediate_size\":38",
      { "encoder.layer.0.intermediate.dense.weight", "[37,32]", "[38,32]" } },
    { "\"num_hidden_layers\":3", "\"num_hidden_layers\":4",
      { "encoder.layer.3.attention.self.query.weight", "no tensor", "" } },
    { "\"vocab_size\":99", "\"vocab_size\":1048576",
      { "embeddings.word_embeddings.weight", "[99,32]", "[1048576,32]" } },
    { "304}", "304,\"type_vocab_size\":3}",
      { "token_type_embeddings.weight", "[2,32]", "[3,32]" } },
    { "304}", "304,\"embedding_size\":16}",
      { "embeddings.word_embeddings.weight", "[99,32]", "[99,16]" } },
    { "304}", "304,\"rosim\":{\"pooling\":\"pooler_linear\"}}",
      { "pooler.dense.weight", "no tensor", "" } },
    { "304}",
      "304,\"rosim\":{\"attention_trained\":[\"linear\"],\"linear_feature_map\":\"hedgehog\"}}",
      { "encoder.layer.0.attention.self.linear_query_map", "no tensor", "" } },
    { "\"roformer\"", "\"bert\"", { "embeddings.position_embeddings.weight", "no tensor", "" } },
};

static void copy_model(const place *p)
{
    static char bytes[1 << 18];
    FILE *f = fopen("tests/golden/encoder/roformer/model.safetensors", "rb");
    ck_assert_ptr_nonnull(f);
    size_t length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    ck_assert_uint_lt(length, sizeof bytes);
    write_file(p, "model.safetensors", bytes, length);
}

static void replace_in(char *out, size_t size, const char *text, const char *find,
                       const char *replace)
{
    const char *at = strstr(text, find);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_lt(snprintf(out, size, "%.*s%s%s", (int)(at - text), text, replace,
                              at + strlen(find)), (int)size);
}

START_TEST(a_missing_or_misshapen_tensor_is_named_with_both_shapes)
{
    char text[512];
    replace_in(text, sizeof text, ROFORMER "}", TENSOR_ROWS[_i].find, TENSOR_ROWS[_i].replace);
    const file files[2] = { { "config.json", text }, { "model.safetensors", "" } };
    place p = place_open(files, 2);
    folder *f = NULL;
    encoder_config c;
    encoder *e = NULL;
    errinfo err = { 0 };
    copy_model(&p);
    ck_assert_msg(folder_open(&f, p.dir, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(config_load(&c, f, &err) == ST_OK, "%s", err.text);
    ck_assert_int_eq(encoder_open(&e, f, &c, level_named("generic"), PRECISION_F32,
                                  &err), ST_FORMAT);
    for (size_t i = 0; i < 3; i++)
        ck_assert_msg(strstr(err.text, TENSOR_ROWS[_i].says[i]), "\"%s\" lacks \"%s\"", err.text,
                      TENSOR_ROWS[_i].says[i]);
    ck_assert_ptr_null(e);
    folder_close(f);
    place_close(&p, files, 2);
}
END_TEST

START_TEST(a_length_beyond_the_table_of_positions_is_refused)
{
    fixture x = fixture_open("tests/golden/encoder/bert", level_named("generic"), 1);
    folder *f = NULL;
    encoder *e = NULL;
    errinfo err = { 0 };
    encoder_config c = x.config;
    c.max_length = 305;
    ck_assert_int_eq(folder_open(&f, "tests/golden/encoder/bert", &err), ST_OK);
    ck_assert_int_eq(encoder_open(&e, f, &c, level_named("generic"), PRECISION_F32,
                                  &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "max_length 305: must be 1 to 304"));
    folder_close(f);
    fixture_close(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder config");
    TCase *t = tcase_create("config");
    tcase_add_loop_test(t, a_config_that_cannot_be_honoured_is_refused_by_name, 0, COUNT(REFUSED));
    tcase_add_loop_test(t, a_size_outside_its_limits_is_refused_by_name, 0, COUNT(SIZE_ROWS));
    tcase_add_loop_test(t, modules_that_have_no_name_here_are_refused, 0, COUNT(MODULE_ROWS));
    tcase_add_test(t, a_folder_without_a_config_is_refused);
    tcase_add_test(t, defaults_are_those_of_the_families);
    tcase_add_test(t, keys_of_ours_are_read);
    tcase_add_loop_test(t, pooling_and_length_fall_back_in_the_documented_order, 0,
                        COUNT(FALLBACKS));
    tcase_add_test(t, approximations_are_listed_and_favor_s_seed_is_read);
    tcase_add_test(t, names_of_kinds_and_maps_can_be_read_back);
    tcase_add_test(t, a_config_with_bytes_changed_is_read_or_refused);
    tcase_add_loop_test(t, a_missing_or_misshapen_tensor_is_named_with_both_shapes, 0,
                        COUNT(TENSOR_ROWS));
    tcase_add_test(t, a_length_beyond_the_table_of_positions_is_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
