/* errand.c - see errand.h. */
#include "server/routes/errand.h"

#include "server/api_error.h"
#include "server/routes/encode_job.h"

const model *errand_model(exchange *x, slice name)
{
    const model *m = registry_find(x->generation->registry, name);
    if (!m)
        api_error_answer(x, API_MODEL_NOT_FOUND, "model", "there is no model \"%.*s\" here; GET /v1/models lists them",
                         name.length > 100 ? 100 : (int)name.length, name.data);
    return m && encode_may_use(x, m) ? m : NULL;
}

static void run(void *context)
{
    errand *e = context;
    e->work(e);
    exchange_resume(e->exchange);
}

void errand_start(struct service *s, exchange *x, const model *m, void (*work)(errand *e), void *request)
{
    errand *e = arena_take(x->arena, 1, sizeof *e);
    if (!e) {
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the request does not fit into the memory that one may use");
        return;
    }
    *e = (errand){ .service = s, .exchange = x, .model = m, .work = work, .request = request };
    exchange_suspend(x);
    if (!s->labour)
        run(e);
    else if (!labour_submit(s->labour, (labour_task){ run, e }))
        exchange_resume(x);
}

void errand_finish(struct service *s, exchange *x)
{
    (void)s;
    if (x->status == 0)
        api_error_answer(x, API_OVERLOADED, NULL, "too many requests of this kind are waiting; try again later");
}
