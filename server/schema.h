/* schema.h - what a body may hold, as constant tables beside the handlers; written as JSON Schema (2020-12) for the
 * OpenAPI file. A table describes and checks nothing: the readers do, and schemathesis compares the two.
 *
 * Owns     nothing.    Borrows  tables for ever; the limits during a call.
 * Threads  pure.
 * Limits   none.
 */
#ifndef ROSIM_SCHEMA_H
#define ROSIM_SCHEMA_H

#include "server/json_out.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"    /* what a row of a table leaves out has its default */

typedef enum {
    SCHEMA_END,                           /* closes a table: { 0 } */
    SCHEMA_ANY, SCHEMA_TEXT, SCHEMA_FLAG, SCHEMA_WHOLE, SCHEMA_NUMBER, SCHEMA_NULL,
    SCHEMA_CHOICE,                        /* one of the words */
    SCHEMA_OBJECT,                        /* of: the members */
    SCHEMA_MAP,                           /* of: what each member is, whatever its name */
    SCHEMA_LIST,                          /* of: what each element is */
    SCHEMA_TUPLE,                         /* of: the elements, one by one */
    SCHEMA_EITHER,                        /* of: the alternatives */
    SCHEMA_SAME,                          /* as `of`, under this name */
    SCHEMA_ALSO                           /* among members: those of the table `of`, too */
} schema_kind;

/* Limits that depend on options and models; the writer is given their values. */
typedef enum {
    LIMIT_OWN, LIMIT_TEXTS, LIMIT_PAIRS, LIMIT_DOCUMENTS, LIMIT_VOCABULARY, LIMIT_LENGTH, LIMIT_DIMENSIONS,
    LIMIT_TIMEOUT, LIMITS,
    LIMIT_ATTENTIONS                      /* of a CHOICE: those of the words that the models here serve */
} schema_limit;

typedef struct { double most[LIMITS]; const char *attentions; } schema_limits;    /* attentions: "softmax auto" */

typedef struct schema schema;
struct schema {
    const char *name;                     /* of a member; elsewhere NULL */
    schema_kind kind;
    const schema *of;
    bool must;                            /* a required member */
    double least, most;                   /* a number, a text's characters, a list's elements; most 0: no bound */
    schema_limit limit;                   /* in the place of most */
    const char *words;                    /* CHOICE: "cosine dot"; TEXT: a pattern, or NULL: any without NUL */
    const char *usual;                    /* the default, as JSON */
    const char *about;
};

/* What several dialects share. */
extern const schema schema_text;          /* a text to encode: not empty */
extern const schema schema_texts;         /* a list of them */
extern const schema schema_one_or_many;   /* a text, or such a list */
extern const schema schema_inputs;        /* OpenAI's input, TEI's inputs: a text, a list of ids, a list of both */
extern const schema schema_ids;           /* a list of token ids */
extern const schema schema_id;            /* the name of something that users made */
extern const schema schema_score;         /* a number from -1 to 1, give or take rounding */
extern const schema schema_vector;        /* a list of numbers */
extern const schema schema_vectors;       /* a list of vectors */
extern const schema schema_encode_options[];      /* for SCHEMA_ALSO: what read_encode_options reads */

extern const schema schema_clamped_options[];     /* the same where a length above the model's is cut to it */

/* request: members that may be left out may be null as well, as the readers have it. */
void schema_write(json_out *w, const schema *s, const schema_limits *limits, bool request);

#endif
