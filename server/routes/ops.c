/* ops.c - see ops.h. */
#include "server/routes/ops.h"

#include "server/api_error.h"
#include "server/routes/drift_report.h"
#include "server/routes/page.h"

#include <string.h>

/* A batch may take long on a slow machine, and the compute thread shows itself between batches only; restarting a
 * server because it is busy would make it busier. A minute without a sign of life is a hang. */
static const int64_t HEARTBEAT_LIMIT_NS = INT64_C(60) * 1000000000;

static bool is_leaving(service *s)
{
    return atomic_load(&s->leaving) || atomic_load(&s->draining);
}

static bool is_ready(service *s)
{
    return atomic_load(&s->ready) && !is_leaving(s);
}

static void answer_status(exchange *x, const char *body)
{
    exchange_answer(x, 200, "application/json", slice_of(body));
}

void ops_live(struct service *s, exchange *x)
{
    (void)s;
    if (clock_now_ns() - batcher_heartbeat_ns(x->generation->batcher) < HEARTBEAT_LIMIT_NS)
        answer_status(x, "{\"status\":\"live\"}");
    else
        api_error_answer(x, API_INTERNAL, NULL, "the compute thread has given no sign of life for a minute");
}

void ops_ready(struct service *s, exchange *x)
{
    size_t queued = batcher_queued_tokens(x->generation->batcher), room = s->max_queue_tokens;
    if (is_leaving(s))
        api_error_answer(x, API_DRAINING, NULL, "the server is shutting down");
    else if (!atomic_load(&s->ready))
        api_error_answer(x, API_NOT_READY, NULL, "the models are being loaded or checked");
    else if (queued > room - room / 10)
        api_error_answer(x, API_OVERLOADED, NULL, "the queue holds %zu of %zu tokens", queued, room);
    else
        answer_status(x, "{\"status\":\"ready\"}");
}

void ops_metrics(struct service *s, exchange *x)
{
    slice text = metrics_text(s->metrics, x->arena);
    slice keys = auth_metrics(s->auth, x->arena);
    slice drift = drift_metrics(s, x->arena);
    size_t length = text.length + keys.length + drift.length;
    char *all = text.data && keys.data ? arena_take(x->arena, length + 1, 1) : NULL;
    if (all) {
        memcpy(all, text.data, text.length);
        memcpy(all + text.length, keys.data, keys.length);
        memcpy(all + text.length + keys.length, drift.data, drift.length);
        exchange_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", (slice){ all, length });
    }
    else
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the metrics do not fit into the request's memory");
}

void ops_health(struct service *s, exchange *x)
{
    if (is_ready(s))
        exchange_answer(x, 200, NULL, (slice){ "", 0 });
    else
        api_error_answer(x, is_leaving(s) ? API_DRAINING : API_NOT_READY, NULL, "unhealthy");
}

void ops_root(struct service *s, exchange *x)
{
    exchange_add_header(x, "Vary", "Accept");
    if (page_is_wanted(x))
        page_index(x);
    else
        ops_health(s, x);
}
