/* check_server_dedup.c - POST /v1/dedup, and "explain" of /v1/similarity, against real tiny models. */
#include "tests/check_server_rows.h"

#include <cjson/cJSON.h>
#include <math.h>

#define D "/v1/dedup"
#define SIM "/v1/similarity"

static const body_row rows[] = {
    { D, "{}", 422, "\"code\":\"missing_field\",\"message\":\"texts is missing\"" },
    { D, "{\"texts\":[]}", 422, "\"empty_input\"" },
    { D, "{\"texts\":[\"a\",\"\"]}", 422, "\"param\":\"texts[1]\"" },
    { D, "{\"texts\":[\"a\",1]}", 422, "\"wrong_type\"" },
    { D, "{\"texts\":[\"a\"],\"threshold\":1.5}", 422, "\"param\":\"threshold\"" },
    { D, "{\"texts\":[\"a\"],\"threshold\":\"x\"}", 422, "\"wrong_type\"" },
    { D, "{\"texts\":[\"a\"],\"representative\":\"last\"}", 422, "it must be central or first" },
    { D, "{\"texts\":[\"a\"],\"model\":\"none\"}", 404, "\"model_not_found\"" },
    { D, "{\"texts\":[\"a\"],\"adapter\":\"none\"}", 404, "there is no adapter" },
    { D, "{\"texts\":[\"a\"]}", 200, "\"threshold\":0.9,\"groups\":[],\"keep\":[0]" },
    { D, "{\"texts\":[\"b\",\"a\",\"b\",\"b\"],\"threshold\":1}", 200,
      "\"groups\":[{\"representative\":0,\"size\":3,\"members\":[{\"index\":0,\"score\":1.0,\"exact\":true},"
      "{\"index\":2,\"score\":1.0,\"exact\":true},{\"index\":3,\"score\":1.0,\"exact\":true}]}],\"keep\":[0,1]" },
    { D, "{\"texts\":[\"a\",\"b\",\"c\"],\"threshold\":-1,\"representative\":\"first\",\"return_texts\":true}", 200,
      "\"representative\":0,\"size\":3,\"members\":[{\"index\":0,\"score\":1.0,\"exact\":true,\"text\":\"a\"}" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":1}", 422, "\"param\":\"explain\"" },
    { SIM, "{\"source\":\"a\",\"sentences\":[\"b\"],\"explain\":true}", 422, "explain works with pairs" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":true,\"metric\":\"dot\"}", 422, "explain works with pairs" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":true,\"adapter\":\"x\"}", 422, "explain does not go through" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":true,\"model\":\"none\"}", 404, "\"model_not_found\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":true,\"model\":\"soft\"}", 422,
      "\"code\":\"explain_not_available\",\"message\":\"the pooling of the model soft is cls" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"explain\":false}", 200, "\"scores\":[" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

/* ---- groups agree with /v1/similarity ---- */

static const char *const texts[] = { "abc", "abd", "xyz", "abc", "the cat", "the cats", "xyz 1", "q" };
enum { TEXTS = sizeof texts / sizeof *texts };

static cJSON *ask(fixture *f, const char *path, const char *body)
{
    call c = { 0 };
    call_post(&c, f, path, body);
    ck_assert_msg(c.x.status == 200, "%s: %s", body, c.x.answer.data);
    cJSON *tree = cJSON_Parse(c.x.answer.data);
    call_end(&c);
    return tree;
}

static void list_texts(char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < TEXTS; i++)
        used += (size_t)snprintf(out + used, room - used, "%s\"%s\"", i ? "," : "", texts[i]);
}

START_TEST(groups_are_the_components_of_the_matrix)
{
    static const double thresholds[] = { -1, 0.2, 0.5, 0.8, 0.95, 1 };
    char list[256], body[1024];
    size_t label[TEXTS];
    fixture f;
    fixture_open(&f, QUEUE_TOKENS);
    list_texts(list, sizeof list);
    (void)snprintf(body, sizeof body, "{\"left\":[%s],\"right\":[%s]}", list, list);
    cJSON *matrix = ask(&f, SIM, body);
    const cJSON *scores = cJSON_GetObjectItem(matrix, "scores");
    double threshold = thresholds[_i];
    for (size_t i = 0; i < TEXTS; i++)
        label[i] = i;
    for (size_t round = 0; round < TEXTS; round++)
        for (size_t i = 0; i < TEXTS; i++)
            for (size_t j = 0; j < TEXTS; j++) {
                double score = cJSON_GetArrayItem(cJSON_GetArrayItem(scores, (int)i), (int)j)->valuedouble;
                if ((float)score >= (float)threshold && label[j] < label[i])
                    label[i] = label[j];
            }
    (void)snprintf(body, sizeof body, "{\"texts\":[%s],\"threshold\":%g}", list, threshold);
    cJSON *answer = ask(&f, D, body);
    const cJSON *group, *member;
    size_t grouped = 0, wanted = 0;
    cJSON_ArrayForEach(group, cJSON_GetObjectItem(answer, "groups")) {
        int centre = cJSON_GetObjectItem(group, "representative")->valueint;
        cJSON_ArrayForEach(member, cJSON_GetObjectItem(group, "members")) {
            int index = cJSON_GetObjectItem(member, "index")->valueint;
            double score = cJSON_GetArrayItem(cJSON_GetArrayItem(scores, centre), index)->valuedouble;
            ck_assert_uint_eq(label[index], label[centre]);
            ck_assert_double_eq_tol(cJSON_GetObjectItem(member, "score")->valuedouble, score, 1e-7);
            grouped++;
        }
    }
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t j = 0; j < TEXTS; j++)
            if (i != j && label[i] == label[j]) {
                wanted++;
                break;
            }
    ck_assert_uint_eq(grouped, wanted);
    cJSON_Delete(answer);
    cJSON_Delete(matrix);
    fixture_close(&f);
}
END_TEST

/* ---- explanations ---- */

static const struct { const char *options, *a, *b; } explained[] = {
    { "", "abc", "abd" },
    { "", "the cat sat on the mat", "a" },
    { ",\"attention\":\"linear\"", "the cat sat", "dogs \\u5929\\u6c14 ran" },
    { ",\"truncate\":\"left\",\"max_length\":5", "the cat sat on the mat", "the dog sat on the rug" },
    { ",\"truncate\":\"middle\",\"max_length\":6", "the cat sat on the mat", "b" },
    { ",\"prompt_a\":\"query: \",\"prompt_b\":\"p: \"", "the cat", "the dog" },
};

/* The tokens of a side: their contributions are the sums of rows or columns, their bytes lie in the text in order. */
static void check_side(const cJSON *side, const cJSON *matrix, bool rows_of, const char *text, bool prompted)
{
    const cJSON *token;
    int i = 0, last = 0;
    cJSON_ArrayForEach(token, side) {
        double sum = 0;
        for (int k = 0; k < cJSON_GetArraySize(rows_of ? cJSON_GetArrayItem(matrix, 0) : matrix); k++)
            sum += cJSON_GetArrayItem(cJSON_GetArrayItem(matrix, rows_of ? i : k), rows_of ? k : i)->valuedouble;
        ck_assert_double_eq_tol(cJSON_GetObjectItem(token, "contribution")->valuedouble, sum, 1e-5);
        const cJSON *start = cJSON_GetObjectItem(token, "start"), *stop = cJSON_GetObjectItem(token, "stop");
        if (cJSON_IsNumber(start)) {
            ck_assert_int_ge(start->valueint, last);
            ck_assert_int_gt(stop->valueint, start->valueint);
            last = stop->valueint;
            const char *shown = cJSON_GetObjectItem(token, "token")->valuestring;
            ck_assert_int_eq((int)strlen(shown), stop->valueint - start->valueint);
            if (!strchr(text, '\\'))
                ck_assert_int_eq(strncmp(text + start->valueint, shown, strlen(shown)), 0);
        } else {
            ck_assert(prompted || cJSON_IsTrue(cJSON_GetObjectItem(token, "special")));
        }
        i++;
    }
}

START_TEST(contributions_sum_to_the_score_and_name_their_bytes)
{
    char body[512];
    fixture f;
    fixture_open(&f, QUEUE_TOKENS);
    (void)snprintf(body, sizeof body, "{\"pairs\":[[\"%s\",\"%s\"]],\"explain\":true%s}", explained[_i].a,
                   explained[_i].b, explained[_i].options);
    cJSON *answer = ask(&f, SIM, body);
    const cJSON *e = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "explanations"), 0);
    const cJSON *matrix = cJSON_GetObjectItem(e, "contributions"), *line, *cell;
    const cJSON *a = cJSON_GetObjectItem(e, "a"), *b = cJSON_GetObjectItem(e, "b");
    double sum = 0, score = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "scores"), 0)->valuedouble;
    cJSON_ArrayForEach(line, matrix) {
        ck_assert_int_eq(cJSON_GetArraySize(line), cJSON_GetArraySize(b));
        cJSON_ArrayForEach(cell, line)
            sum += cell->valuedouble;
    }
    ck_assert_int_eq(cJSON_GetArraySize(matrix), cJSON_GetArraySize(a));
    ck_assert_double_eq_tol(sum, score, 1e-5);
    ck_assert_double_eq_tol(cJSON_GetObjectItem(e, "rest")->valuedouble, 0, 1e-5);    /* in fp32 nothing is left over */
    bool prompted = strstr(explained[_i].options, "prompt") != NULL;
    check_side(a, matrix, true, explained[_i].a, prompted);
    check_side(b, matrix, false, explained[_i].b, prompted);
    cJSON_Delete(answer);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dedup");
    TCase *t = rows_case("dedup");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(t, groups_are_the_components_of_the_matrix, 0, 6);
    tcase_add_loop_test(t, contributions_sum_to_the_score_and_name_their_bytes, 0,
                        sizeof explained / sizeof *explained);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
