/* inputs.h - the texts (or token ids) of a request, checked and named, and the options that every dialect shares.
 *
 * Owns     nothing: lists and texts are copied into the arena given, so that the JSON tree can be freed at once.
 * Borrows  the tree during a call; the names of fields for ever (string constants).
 * Threads  pure.
 * Limits   those of request_limits.
 */
#ifndef ROSIM_INPUTS_H
#define ROSIM_INPUTS_H

#include "model/model.h"
#include "server/json_in.h"
#include "server/service.h"
#include "weights/base.h"

enum { INPUT_NAME_BYTES = 64 };
#define INPUT_SINGLE ((size_t)-1)         /* index of an input that is the field itself, not an element of it */

typedef struct {
    slice text;                           /* UTF-8; data NULL: ids are given instead */
    const uint32_t *ids;                  /* [id_count] */
    size_t id_count;
    slice prompt;                         /* put before the text */
    const char *field;                    /* "pairs", index 3, side ".a": its name is pairs[3].a */
    size_t index;
    const char *side;                     /* "" when the input has no sides */
} input;

typedef struct {
    arena *arena;
    input *items;                         /* [capacity] */
    size_t count, capacity;
} input_list;

typedef struct {
    size_t texts;                         /* of one request */
    size_t tokens;                        /* that can be queued at all */
    size_t timeout_ms;                    /* the longest that may be asked for */
} request_limits;

/* What decides how texts become vectors; {0} is the model's own way. */
typedef struct {
    slice model;                          /* "": the first */
    bool attention_given, attention_auto;
    attention_kind attention;
    bool allow_untrained;
    truncation truncate;
    size_t max_length;                    /* 0: the model's */
    bool clamp_length;                    /* a max_length above the model's means the model's */
    size_t timeout_ms;                    /* 0: the service's */
    slice tag;                            /* whose texts these are, for drift; "": nobody's in particular */
} encode_options;

request_limits request_limits_of(const service *s);

/* "pairs[3].a", "source". */
void input_name(const input *in, char out[INPUT_NAME_BYTES]);

/* The body as an object. NULL with the fault filled. */
cJSON *request_parse(slice body, const request_limits *limits, json_fault *fault);

/* model, attention, allow_untrained, truncate (none, right, left, middle), max_length, timeout_ms. */
bool read_encode_options(const cJSON *body, const request_limits *limits, arena *a, encode_options *out,
                         json_fault *fault);

/* Room for count inputs; over the limit is API_TOO_MANY_INPUTS naming param, what they are and how many. */
bool inputs_open(input_list *list, arena *a, size_t count, const request_limits *limits, const char *param,
                 json_fault *fault);
/* Adds the text of a JSON string; the fault names the input. */
bool inputs_add_text(input_list *list, const cJSON *value, input named, json_fault *fault);
/* The array under `key`, which a message calls `name`; false with the fault when it is absent, no array, or empty. */
bool inputs_array(const cJSON *object, const char *key, const char *name, const cJSON **out, json_fault *fault);
/* Every string of that array. */
bool inputs_add_texts(input_list *list, const cJSON *array, const char *name, slice prompt, json_fault *fault);
/* A string, or an array of strings that is not empty: how many, and then each added under `name`. */
bool inputs_count_texts(const cJSON *value, const char *name, size_t *count, json_fault *fault);
bool inputs_add_one_or_many(input_list *list, const cJSON *value, const char *name, slice prompt, json_fault *fault);
/* OpenAI's `input` and TEI's `inputs`: a string, a list of ids, or a list of strings and lists of ids. */
bool inputs_read_any(input_list *list, const cJSON *object, const char *name, const request_limits *limits, arena *a,
                     json_fault *fault);

#endif
