/* matrix.h - what the tests of bad input share: one request of exact bytes, what must come back, and that the server
 * is as well afterwards as before.
 *
 * The rows carry the numbers of the table of malformed requests (README, "Limits"): who reads a failure finds the row.
 */
#ifndef ROSIM_E2E_MATRIX_H
#define ROSIM_E2E_MATRIX_H

#include "tests/e2e/support.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#define TINY_MODEL "tests/golden/encoder/roformer_linear"
#define GOOD_BODY "{\"pairs\":[[\"abc\",\"abc\"]]}"    /* 25 bytes */

typedef enum { STAYS, CLOSES } ending;

typedef struct {
    const char *row;
    const char *bytes;
    size_t length;
    int status;                           /* RAW_CLOSED: the connection ends without an answer */
    const char *code;                     /* of our JSON; NULL: the HTTP library's own answer */
    const char *says;                     /* stands in the body; NULL: anything */
    ending end;
} wire_row;

/* Enough for a machine with much else to do; nothing passes because of it. */
enum { MATRIX_PATIENCE_MS = 30000 * CHECK_PATIENCE };

/* {"error":{"code","message","param","request_id"}}, the id that of the header; param NULL: any. */
static inline void check_error(const char *row, const raw_answer *a, const char *code, const char *param)
{
    char id[80] = "", type[80] = "";
    ck_assert_msg(raw_header(a, "content-type", type, sizeof type) && strcmp(type, "application/json") == 0,
                  "%s: Content-Type %s", row, type);
    ck_assert_msg(raw_header(a, "x-request-id", id, sizeof id), "%s: no x-request-id", row);
    cJSON *tree = cJSON_ParseWithLength(a->body, a->body_length);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(tree, "error");
    const char *got_code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "code"));
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
    const char *got_id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "request_id"));
    const cJSON *got_param = cJSON_GetObjectItemCaseSensitive(error, "param");
    ck_assert_msg(error && cJSON_GetArraySize(tree) == 1 && cJSON_GetArraySize(error) == 4, "%s: %s", row, a->body);
    ck_assert_msg(got_code && strcmp(got_code, code) == 0, "%s: want code %s: %s", row, code, a->body);
    ck_assert_msg(message && message[0], "%s: no message: %s", row, a->body);
    ck_assert_msg(got_id && strcmp(got_id, id) == 0, "%s: request_id is not %s: %s", row, id, a->body);
    ck_assert_msg(cJSON_IsNull(got_param) || cJSON_IsString(got_param), "%s: param: %s", row, a->body);
    if (param)
        ck_assert_msg(cJSON_IsString(got_param) && strcmp(got_param->valuestring, param) == 0, "%s: want param %s: %s",
                      row, param, a->body);
    cJSON_Delete(tree);
}

/* A good request on a connection of its own. */
static inline void check_well(const e2e_server *s, const char *row)
{
    raw_answer a = e2e_ask(s, "POST", "/v1/similarity", "", GOOD_BODY);
    ck_assert_msg(a.status == 200 && strstr(a.body, "\"scores\":[1.0]"), "%s: afterwards %d", row, a.status);
    raw_answer_clear(&a);
}

static inline void check_end(const char *row, raw_client *c, ending end)
{
    if (end == CLOSES) {
        ck_assert_msg(raw_ends(c, MATRIX_PATIENCE_MS), "%s: the connection stays open", row);
        return;
    }
    ck_assert_msg(raw_say(c, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"), "%s: the connection was closed", row);
    raw_answer a = raw_read(c, false, MATRIX_PATIENCE_MS);
    ck_assert_msg(a.status == 200, "%s: %d on the same connection", row, a.status);
    raw_answer_clear(&a);
}

/* Sends the bytes, checks the answer, the connection, and a good request after it. */
static inline void check_wire(const e2e_server *s, const wire_row *r)
{
    raw_client c = e2e_connect(s);
    (void)raw_send(&c, r->bytes, r->length);    /* the server may answer and close before the last byte */
    raw_answer a = raw_read(&c, strncmp(r->bytes, "HEAD", 4) == 0, MATRIX_PATIENCE_MS);
    ck_assert_msg(a.status == r->status, "%s: %d, want %d: %s", r->row, a.status, r->status, a.body ? a.body : "");
    if (r->code)
        check_error(r->row, &a, r->code, NULL);
    if (r->says)
        ck_assert_msg(a.body && strstr(a.body, r->says), "%s: want %s: %s", r->row, r->says, a.body ? a.body : "");
    if (a.status != RAW_CLOSED)
        check_end(r->row, &c, r->end);
    raw_answer_clear(&a);
    raw_close(&c);
    check_well(s, r->row);
}

#endif
