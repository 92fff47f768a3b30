/* check_server_rows.h - rows of path, body, status and what the answer must hold; each run against tiny models. */
#ifndef ROSIM_CHECK_SERVER_ROWS_H
#define ROSIM_CHECK_SERVER_ROWS_H

#include "tests/check_server_exchange.h"

typedef struct { const char *path, *body; int status; const char *says; } body_row;

static inline void row_check(const body_row *r)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&c, &f, r->path, r->body);
    ck_assert_msg(c.x.status == r->status, "%s %s: %d, wanted %d: %s", r->path, r->body, c.x.status, r->status,
                  c.x.answer.data);
    ck_assert_msg(call_says(&c, r->says), "%s %s:\n%s\nwanted\n%s", r->path, r->body, c.x.answer.data, r->says);
    call_end(&c);
    fixture_close(&f);
}

static inline TCase *rows_case(const char *name)
{
    TCase *t = tcase_create(name);
    check_patience(t, 60);
    return t;
}

#endif
