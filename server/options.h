/* options.h - one table of every option: flag, environment twin, TEI's names, default, range, which commands, help.
 *
 * Owns     what parsing allocates, until options_clear.
 * Borrows  argv and the environment for ever.
 * Threads  start-up only.
 * Limits   16 models, 32 keys and origins.
 */
#ifndef ROSIM_OPTIONS_H
#define ROSIM_OPTIONS_H

#include "server/registry.h"
#include "weights/base.h"

enum { OPTION_LIST_MAX = 32 };

typedef struct {
    /* models; the raw items first, then what they mean */
    const char *model_texts[REGISTRY_MODELS_MAX];
    size_t model_text_count;
    const char *served_name, *attention_floor, *attention, *precision, *packed_dir, *kernel;
    bool allow_untrained;                 /* --attention may be a kind that the model was not trained for */
    size_t max_length;
    model_options models[REGISTRY_MODELS_MAX];
    size_t model_count;                   /* at least 1 after parsing: the default model */
    size_t threads;                       /* 0: all usable */
    /* serving */
    const char *host;
    size_t port, connections, body_bytes, max_texts, max_queue_tokens, max_batch_tokens, max_concurrent;
    size_t header_timeout_s, body_timeout_s, write_timeout_s, timeout_s, drain_s, drain_delay_s, idle_s;
    const char *api_keys[OPTION_LIST_MAX];
    size_t api_key_count;
    const char *api_key_file;
    const char *cors_origins[OPTION_LIST_MAX];
    size_t cors_count;
    bool auto_truncate;
    const char *tls_certificate, *tls_key;
    size_t metrics_port;                  /* 0: /metrics is on port */
    const char *metrics_host;             /* NULL: host */
    const char *state_dir;                /* NULL: what users make is lost at the end */
    const char *foreign[OPTION_LIST_MAX]; /* flags of text-embeddings-inference that have no effect here */
    size_t foreign_count;
    const char *log_level;
    bool log_json;
    /* command line */
    bool json;
    const char *output;                   /* -o */
    const char *metric, *truncate;
    size_t batch;                         /* lines encoded together */
    size_t top_k;                         /* rank: 0 is all */
    const char *precision_wanted, *prior; /* calibrate: numbers; prior NULL: the file's */
    bool normalize;                       /* embed */
    const char *id, *labels, *groups;     /* head: NULL: a new one; the file's */
    bool unit_vectors;
    bool live, ready;                     /* check: ask a running server instead */
    const char *ids, *texts_file;         /* bench: files of what to encode, instead of its own lengths */
    bool cost;                            /* bench: prediction against measurement, and nothing else */
    size_t measure_ms;                    /* bench: time for one measurement */
    const char *const *arguments;         /* what is left: texts, a folder */
    size_t argument_count;
    arena *texts;                         /* list items that parsing had to copy */
} options;

/* command: "serve", "score" ... ST_INPUT: wrong usage, the message names flag (or variable), value and range. */
MUST_USE status options_parse(options *out, const char *command, int argc, char **argv, errinfo *err);
void options_clear(options *o);                   /* also after a failed parse */
void options_help(const char *command);           /* on stdout: usage, options, examples */

#endif
