/* option_table.c - see option_table.h.
 *
 * TEI's HOSTNAME is not read: every container sets it to its own id, so that it says nothing about
 * what the user wants. Neither is LOG_LEVEL, whose syntax in TEI is another one.
 */
#include "server/option_table.h"

#include "server/options.h"

#include <string.h>

enum { SERVE = 1, SCORE = 2, EMBED = 4, RANK = 8, TOKENIZE = 16, INFO = 32, CHECK = 64,
       BENCH = 128, CALIBRATE = 256, DIAGNOSE = 512, HEAD = 4096 };
enum { ENCODERS = SCORE | EMBED | RANK | CALIBRATE, RUNNERS = SERVE | ENCODERS | CHECK | BENCH | DIAGNOSE,
       MODELS = RUNNERS | INFO | HEAD, SIZES = SERVE | CHECK, SECONDS_MAX = 24 * 3600 };

#define FIELD(name) .offset = offsetof(options, name)
#define LIST(name, count) FIELD(name), .count_offset = offsetof(options, count), .kind = TAKES_LIST

static const option_row rows[] = {
    { "model", 'm', LIST(model_texts, model_text_count), .max = REGISTRY_MODELS_MAX,
      .commands = MODELS | TOKENIZE, .te_flag = "model-id", .te_env = "MODEL_ID",
      .value = "[NAME=]DIR", .help = "model folder; serve takes several" },
    { "served-model-name", FIELD(served_name), .kind = TAKES_TEXT, .commands = SERVE,
      .te_env = "SERVED_MODEL_NAME", .value = "NAME", .help = "name of the one model" },
    { "attention", FIELD(attention), .kind = TAKES_CHOICE, .preset = "auto", .commands = MODELS,
      .value = "softmax|linear|favor|taylor2|explimit2|auto", .help = "auto: the model's default" },
    { "allow-untrained", FIELD(allow_untrained), .kind = IS_SWITCH, .commands = MODELS,
      .help = "--attention may be a kind that the model was not trained for" },
    { "attention-floor", FIELD(attention_floor), .kind = TAKES_TEXT, .preset = "0.999", .commands = SERVE | INFO,
      .value = "COSINE", .help = "requests' \"auto\" takes an approximating kind only from this fidelity on" },
    { "precision", FIELD(precision), .kind = TAKES_CHOICE, .preset = "auto", .commands = MODELS,
      .te_flag = "dtype", .te_env = "DTYPE", .value = "auto|f32|bf16|int8|float32",
      .help = "arithmetic of dense layers; auto: the fastest close to f32; float32 is f32" },
    { "packed-dir", FIELD(packed_dir), .kind = TAKES_TEXT, .commands = MODELS, .value = "DIR",
      .help = "folder that keeps packed weights, so that the next start only reads them" },
    { "kernel", FIELD(kernel), .kind = TAKES_TEXT, .preset = "auto", .commands = MODELS,
      .value = "NAME", .help = "kernel level, for tests; auto: the best here" },
    { "max-length", FIELD(max_length), .kind = TAKES_SIZE, .max = 65536, .preset = "0",
      .commands = MODELS | TOKENIZE, .value = "N", .help = "tokens of a text; 0: the model's" },
    { "threads", FIELD(threads), .kind = TAKES_SIZE, .max = 256, .preset = "0", .commands = RUNNERS,
      .value = "N", .help = "compute threads; 0: all usable processors" },

    { "host", FIELD(host), .kind = TAKES_TEXT, .preset = "127.0.0.1", .commands = SIZES,
      .te_flag = "hostname", .value = "ADDRESS", .help = "address; 0.0.0.0 for every network" },
    { "port", 'p', FIELD(port), .kind = TAKES_SIZE, .max = 65535, .preset = "8080",
      .commands = SIZES, .te_env = "PORT", .value = "N", .help = "port; 0: any free one" },
    { "api-key", LIST(api_keys, api_key_count), .max = OPTION_LIST_MAX, .commands = SERVE,
      .te_env = "API_KEY", .value = "KEY", .help = "bearer key that opens the routes; repeatable" },
    { "api-key-file", FIELD(api_key_file), .kind = TAKES_TEXT, .commands = SERVE, .value = "FILE",
      .help = "lines name:sha256-hex[:models=a,b][:rate=tokens-per-second]" },
    { "cors-allow-origin", LIST(cors_origins, cors_count), .max = OPTION_LIST_MAX,
      .commands = SERVE, .te_env = "CORS_ALLOW_ORIGIN", .value = "ORIGIN",
      .help = "web origin that may call, or *; repeatable" },
    { "tls-certificate", FIELD(tls_certificate), .kind = TAKES_TEXT, .commands = SIZES,
      .value = "FILE", .help = "PEM; with --tls-key the server speaks https; check: ask it so" },
    { "tls-key", FIELD(tls_key), .kind = TAKES_TEXT, .commands = SERVE, .value = "FILE",
      .help = "PEM" },
    { "metrics-port", FIELD(metrics_port), .kind = TAKES_SIZE, .max = 65535, .preset = "0",
      .commands = SERVE, .value = "N",
      .help = "port that has /metrics, and nothing else, in plain HTTP; 0: /metrics is on --port" },
    { "metrics-host", FIELD(metrics_host), .kind = TAKES_TEXT, .commands = SERVE, .value = "ADDRESS",
      .help = "address of --metrics-port; without it that of --host" },
    { "state-dir", FIELD(state_dir), .kind = TAKES_TEXT, .commands = SERVE | HEAD, .value = "DIR",
      .help = "keeps calibrations, classifiers, adapters, heads and baselines; without it they end with the process" },
    { "auto-truncate", FIELD(auto_truncate), .kind = IS_SWITCH, .preset = "true",
      .commands = SERVE, .te_env = "AUTO_TRUNCATE",
      .help = "TEI routes cut long texts unless the request says truncate: false" },

    { "max-client-batch-size", FIELD(max_texts), .kind = TAKES_SIZE, .min = 1, .max = 65536,
      .preset = "1024", .commands = SIZES, .te_env = "MAX_CLIENT_BATCH_SIZE", .value = "N",
      .help = "texts of a request" },
    { "payload-limit", FIELD(body_bytes), .kind = TAKES_SIZE, .min = 1024, .max = 1 << 30,
      .preset = "2097152", .commands = SIZES, .te_env = "PAYLOAD_LIMIT", .value = "BYTES",
      .help = "body of a request" },
    { "max-queue-tokens", FIELD(max_queue_tokens), .kind = TAKES_SIZE, .min = 1, .max = 1 << 28,
      .preset = "262144", .commands = SIZES, .value = "N", .help = "tokens that may wait" },
    { "max-batch-tokens", FIELD(max_batch_tokens), .kind = TAKES_SIZE, .max = 1 << 20,
      .preset = "0", .commands = SIZES, .te_env = "MAX_BATCH_TOKENS", .value = "N",
      .help = "tokens of a batch; 0: 256 a thread, at least 512 and the longest text" },
    { "max-concurrent-requests", FIELD(max_concurrent), .kind = TAKES_SIZE, .min = 1,
      .max = 1 << 20, .preset = "512", .commands = SERVE, .te_env = "MAX_CONCURRENT_REQUESTS",
      .value = "N", .help = "shown by /info only: admission counts queued tokens" },
    { "connections", FIELD(connections), .kind = TAKES_SIZE, .min = 1, .max = 65536,
      .preset = "1024", .commands = SIZES, .value = "N", .help = "open connections" },
    { "header-timeout", FIELD(header_timeout_s), .kind = TAKES_SIZE, .min = 1, .max = SECONDS_MAX,
      .preset = "10", .commands = SERVE, .value = "S", .help = "seconds to send the headers" },
    { "body-timeout", FIELD(body_timeout_s), .kind = TAKES_SIZE, .min = 1, .max = SECONDS_MAX,
      .preset = "30", .commands = SERVE, .value = "S", .help = "seconds to send the body" },
    { "write-timeout", FIELD(write_timeout_s), .kind = TAKES_SIZE, .min = 1, .max = SECONDS_MAX,
      .preset = "30", .commands = SERVE, .value = "S",
      .help = "seconds a client may take to read an answer, and one more for each 64 KiB" },
    { "timeout", FIELD(timeout_s), .kind = TAKES_SIZE, .min = 1, .max = SECONDS_MAX,
      .preset = "30", .commands = SERVE, .value = "S", .help = "seconds to answer a request" },
    { "idle-timeout", FIELD(idle_s), .kind = TAKES_SIZE, .min = 1, .max = SECONDS_MAX,
      .preset = "75", .commands = SERVE, .value = "S", .help = "seconds a connection may idle" },
    { "drain-delay", FIELD(drain_delay_s), .kind = TAKES_SIZE, .max = SECONDS_MAX, .preset = "0",
      .commands = SERVE, .value = "S",
      .help = "seconds to go on accepting after SIGTERM; 5 or more behind a load balancer" },
    { "drain", FIELD(drain_s), .kind = TAKES_SIZE, .max = SECONDS_MAX, .preset = "30",
      .commands = SERVE, .value = "S", .help = "seconds to finish requests after that" },
    { "log-level", FIELD(log_level), .kind = TAKES_CHOICE, .preset = "info", .commands = SERVE,
      .value = "error|warn|info|debug", .help = "what goes to stderr" },
    { "json-output", FIELD(log_json), .kind = IS_SWITCH, .commands = SERVE,
      .te_env = "JSON_OUTPUT", .help = "log lines as JSON" },

    { "live", FIELD(live), .kind = IS_SWITCH, .commands = CHECK,
      .help = "ask /livez of the server at --host and --port instead: for HEALTHCHECK" },
    { "ready", FIELD(ready), .kind = IS_SWITCH, .commands = CHECK,
      .help = "the same with /readyz" },
    { "ids", FIELD(ids), .kind = TAKES_TEXT, .commands = BENCH, .value = "FILE",
      .help = "lines of token ids: time a forward for each, and nothing else" },
    { "texts", FIELD(texts_file), .kind = TAKES_TEXT, .commands = BENCH, .value = "FILE",
      .help = "lines of text: time tokenizing and encoding all of them, and nothing else" },
    { "cost", FIELD(cost), .kind = IS_SWITCH, .commands = BENCH,
      .help = "predicted against measured time by length, and nothing else; -o draws it" },
    { "measure-ms", FIELD(measure_ms), .kind = TAKES_SIZE, .min = 1, .max = 600000,
      .preset = "200", .commands = BENCH, .value = "N",
      .help = "time for one measurement, in many short windows" },
    { "metric", FIELD(metric), .kind = TAKES_CHOICE, .preset = "cosine", .commands = SCORE | RANK,
      .value = "cosine|dot|euclidean", .help = "larger is nearer, always" },
    { "truncate", FIELD(truncate), .kind = TAKES_CHOICE, .preset = "right",
      .commands = ENCODERS | TOKENIZE, .value = "none|right|left|middle",
      .help = "where a long text is cut; none: it is an error" },
    { "top-k", FIELD(top_k), .kind = TAKES_SIZE, .max = 1 << 30, .preset = "0", .commands = RANK,
      .value = "K", .help = "only the K best; 0: all" },
    { "normalize", FIELD(normalize), .kind = IS_SWITCH, .preset = "true", .commands = EMBED,
      .help = "vectors of length 1; --normalize=false: as the model gives them" },
    { "output", 'o', FIELD(output), .kind = TAKES_TEXT, .commands = EMBED | CALIBRATE | BENCH, .value = "FILE",
      .help = "embed: FILE.npy is float32 [lines][dimensions], else NDJSON; calibrate, bench --cost: a diagram" },
    { "batch", FIELD(batch), .kind = TAKES_SIZE, .min = 1, .max = 65536, .preset = "256",
      .commands = ENCODERS, .value = "N", .help = "lines read and encoded together" },
    { "precision-wanted", FIELD(precision_wanted), .kind = TAKES_TEXT, .preset = "0.9",
      .commands = CALIBRATE, .value = "P", .help = "find the threshold from which on this share are matches" },
    { "prior", FIELD(prior), .kind = TAKES_TEXT, .commands = CALIBRATE, .value = "P",
      .help = "share of matches where it will be used; without it: the share in the file" },
    { "id", FIELD(id), .kind = TAKES_TEXT, .commands = HEAD, .value = "ID",
      .help = "what requests call it; without it one is made up and printed" },
    { "labels", FIELD(labels), .kind = TAKES_TEXT, .commands = HEAD, .value = "A,B,...",
      .help = "names of the outputs, where the file's metadata have none or others" },
    { "groups", FIELD(groups), .kind = TAKES_TEXT, .commands = HEAD, .value = "N,N,...",
      .help = "outputs that share a softmax; without it, or the file's: all" },
    { "unit-vectors", FIELD(unit_vectors), .kind = IS_SWITCH, .commands = HEAD,
      .help = "it was trained on vectors of length 1" },
    { "json", FIELD(json), .kind = IS_SWITCH,
      .commands = CALIBRATE | DIAGNOSE | SCORE | RANK | TOKENIZE | INFO | BENCH,
      .help = "print JSON" },
};

static const foreign_row foreign[] = {
    { "revision", true, false, "models are local folders" },
    { "hf-token", true, false, "models are local folders" },
    { "hf-api-token", true, false, "models are local folders" },
    { "huggingface-hub-cache", true, false, "models are local folders" },
    { "tokenization-workers", true, false, "texts are tokenized on the HTTP threads" },
    { "max-batch-requests", true, false, "a batch is bounded by its tokens" },
    { "dense-path", true, false, "a dense module is found by the model's modules.json" },
    { "uds-path", true, false, "there is no second process" },
    { "disable-spans", false, false, "the log has no spans" },
    { "otlp-endpoint", true, false, "a collector may scrape /metrics" },
    { "otlp-service-name", true, false, "a collector may scrape /metrics" },
    { "prometheus-port", true, false, "as in TEI's HTTP build, /metrics is on --port; --metrics-port moves it" },
    { "pooling", true, true, "pooling is the model folder's: \"rosim\": {\"pooling\"} in config.json, or 1_Pooling" },
    { "default-prompt", true, true, "requests bring their prompts: prompt_a and prompt_b of /v1/similarity" },
    { "default-prompt-name", true, true, "requests bring their prompts: prompt_a and prompt_b of /v1/similarity" },
};

static const command_row commands[] = {
    { "serve", SERVE, 0, 0, "", "Serves models over HTTP until SIGTERM or SIGINT.",
      "  rosim serve\n"
      "  rosim serve --model weights/default --host 0.0.0.0 --port 8080 --api-key SECRET\n" },
    { "score", SCORE, 0, 2, "[TEXT TEXT]",
      "Prints how similar two texts are; without texts, a score per line a<TAB>b of stdin.",
      "  rosim score '今天天气不错' '今天天气很好'\n"
      "  rosim score < pairs.tsv > scores.txt\n" },
    { "embed", EMBED, 0, SIZE_MAX, "[TEXT...]",
      "Prints the vector of each text, or of each line of stdin, as NDJSON or .npy.",
      "  rosim embed 'a text'\n"
      "  rosim embed -o vectors.npy < lines.txt\n" },
    { "rank", RANK, 1, 1, "QUERY", "Prints the lines of stdin, best first: score<TAB>text.",
      "  rosim rank 'fast trains' < headlines.txt\n" },
    { "tokenize", TOKENIZE, 0, SIZE_MAX, "[TEXT...]",
      "Prints the token ids of each text, or of each line of stdin.",
      "  rosim tokenize --json 'a text'\n" },
    { "info", INFO, 0, 1, "[MODEL]", "Describes a model folder.",
      "  rosim info weights/default\n" },
    { "check", CHECK, 0, 1, "[MODEL]",
      "Validates a model, runs its golden texts, prints the memory a server would need.",
      "  rosim check weights/default\n"
      "  rosim check --live --port 8080\n" },
    { "diagnose", DIAGNOSE, 0, 1, "[MODEL]",
      "Looks at the parts of a model and names what seems wrong: transposed, swapped, zeroed, badly scaled.",
      "  rosim diagnose weights/default\n" },
    { "calibrate", CALIBRATE, 1, 1, "PAIRS.tsv",
      "Fits probabilities to labelled pairs: lines label<TAB>a<TAB>b, label 0, 1 or ? (unknown).",
      "  rosim calibrate pairs.tsv\n"
      "  rosim calibrate pairs.tsv -o reliability.svg --precision-wanted 0.95\n" },
    { "head", HEAD, 1, 1, "FILE.safetensors",
      "Puts a pair head that was trained elsewhere into a server's state directory, bound to the model.",
      "  rosim head nli.safetensors --state-dir state --id nli --labels contradiction,entailment,neutral\n"
      "  kill -HUP $(pidof rosim)\n" },
    { "bench", BENCH, 0, 0, "",
      "Measures kernels and whole forwards, beside what the machine can do in the same run.",
      "  rosim bench --model weights/default\n"
      "  rosim bench --max-length 8192 --measure-ms 1000 --json > today.json\n" },
};

const option_row *option_rows(size_t *count)
{
    *count = sizeof rows / sizeof *rows;
    return rows;
}

const command_row *command_rows(size_t *count)
{
    *count = sizeof commands / sizeof *commands;
    return commands;
}

const command_row *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const foreign_row *foreign_find(slice flag)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (slice_is(flag, foreign[i].flag))
            return &foreign[i];
    return NULL;
}
