/* drift_report.c - see drift_report.h. */
#include "server/routes/drift_report.h"

#include "server/routes/encode_job.h"

#include <stdio.h>
#include <string.h>

enum { BYTES_PER_ANSWER = 8192, METRICS_BYTES = ARTIFACTS_MAX * 6 * 1024, LINE_BYTES = 512,
       LABELS_BYTES = 384 };

typedef struct { json_out *w; const exchange *x; } listing;

static void put_statistics(json_out *w, const drift_report *r)
{
    json_key(w, "statistics");
    json_open(w, '{');
    for (size_t s = 0; s < DRIFT_STATISTICS; s++) {
        json_key(w, drift_statistic_name(s));
        json_open(w, '{');
        json_key(w, "value");
        json_number(w, r->values[s]);
        json_key(w, "percentile");
        json_number(w, r->percentiles[s]);
        json_close(w, '}');
    }
    json_close(w, '}');
}

static void put_baseline(void *context, artifact *a)
{
    listing *l = context;
    json_out *w = l->w;
    drift_report r;
    if (l->x->client && !auth_may_use(l->x->client, a->model))
        return;
    r.texts = 0;
    status st = drift_window_report(&r, a->window, NULL);
    json_open(w, '{');
    json_key(w, "baseline");
    json_text(w, slice_of(a->id));
    json_key(w, "model");
    json_text(w, slice_of(a->model));
    json_key(w, "tag");
    json_text(w, slice_of(a->tag));
    json_key(w, "texts");
    json_integer(w, (int64_t)r.texts);
    json_key(w, "drifted");
    json_literal(w, st ? "null" : r.drifted ? "true" : "false");
    if (st == ST_OK)
        put_statistics(w, &r);
    json_close(w, '}');
}

void drift_show(struct service *s, exchange *x)
{
    json_out w;
    listing l = { &w, x };
    json_begin(&w, x->arena, BYTES_PER_ANSWER);
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("drift"));
    json_key(&w, "alarm_percentile");
    json_number(&w, DRIFT_ALARM);
    json_key(&w, "data");
    json_open(&w, '[');
    (void)artifacts_visit(s->artifacts, ARTIFACT_BASELINE, (slice){ NULL, 0 }, put_baseline, &l);
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}

/* ---- metrics ---- */

typedef enum { SERIES_TEXTS, SERIES_PERCENTILE, SERIES_DRIFTED, SERIES_DISTANCE, SERIES } series;

static const struct { const char *name, *help; } heads[SERIES] = {
    [SERIES_TEXTS] = { "rosim_drift_texts", "Texts in the window of a baseline." },
    [SERIES_PERCENTILE] = { "rosim_drift_percentile", "Of the combined distance, in the null of chance (0 to 100)." },
    [SERIES_DRIFTED] = { "rosim_drifted", "1 when that is at least 99." },
    [SERIES_DISTANCE] = { "rosim_drift_distance", "From the baseline to the window; none while there are few texts." },
};

typedef struct { char labels[LABELS_BYTES]; drift_report report; bool known; } watched;

typedef struct { char *bytes; size_t length, count; watched *all; } page;

static void put_line(page *p, const char *text)
{
    size_t n = strlen(text);
    if (p->length + n < METRICS_BYTES) {
        memcpy(p->bytes + p->length, text, n);
        p->length += n;
    }
}

/* Ids and tags are plain words; a model's name is its folder's, so quotes are left out. */
static void take_report(void *context, artifact *a)
{
    page *p = context;
    watched *w = &p->all[p->count++];
    char name[ARTIFACT_MODEL_BYTES];
    size_t n = 0;
    for (const char *c = a->model; *c; c++)
        if (*c != '"' && *c != '\\' && *c != '\n')
            name[n++] = *c;
    name[n] = '\0';
    (void)snprintf(w->labels, sizeof w->labels, "baseline=\"%s\",model=\"%s\"", a->id, name);
    w->report.texts = 0;
    w->known = drift_window_report(&w->report, a->window, NULL) == ST_OK;
}

static void put_value(page *p, series which, const watched *w, const char *statistic, double value)
{
    char line[LINE_BYTES];
    if (statistic)
        (void)snprintf(line, sizeof line, "%s{%s,statistic=\"%s\"} %.10g\n", heads[which].name, w->labels, statistic,
                       value);
    else
        (void)snprintf(line, sizeof line, "%s{%s} %.10g\n", heads[which].name, w->labels, value);
    put_line(p, line);
}

static void put_series(page *p, series which, const watched *w)
{
    const drift_report *r = &w->report;
    if (which == SERIES_TEXTS)
        put_value(p, which, w, NULL, (double)r->texts);
    else if (which == SERIES_PERCENTILE)
        put_value(p, which, w, NULL, w->known ? r->percentiles[DRIFT_COMBINED] : 0);
    else if (which == SERIES_DRIFTED)
        put_value(p, which, w, NULL, w->known && r->drifted);
    for (size_t s = 0; which == SERIES_DISTANCE && w->known && s < DRIFT_STATISTICS; s++)
        put_value(p, which, w, drift_statistic_name(s), r->values[s]);
}

slice drift_metrics(const struct service *s, arena *a)
{
    page p = { .bytes = arena_take(a, METRICS_BYTES, 1), .all = arena_take(a, ARTIFACTS_MAX, sizeof *p.all) };
    if (!p.bytes || !p.all || !s->artifacts)
        return (slice){ "", 0 };
    (void)artifacts_visit(s->artifacts, ARTIFACT_BASELINE, (slice){ NULL, 0 }, take_report, &p);
    for (series which = 0; which < SERIES; which++) {
        char line[LINE_BYTES];
        (void)snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s gauge\n", heads[which].name, heads[which].help,
                       heads[which].name);
        put_line(&p, line);
        for (size_t i = 0; i < p.count; i++)
            put_series(&p, which, &p.all[i]);
    }
    return (slice){ p.bytes, p.length };
}
