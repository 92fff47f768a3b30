/* probes.c - see probes.h. */
#include "model/probes.h"

#include <string.h>

/* More unknown tokens than one in so many, and a text is in a foreign language. */
enum { FOREIGN = 8 };

/* Short and long, questions and statements, names and numbers, in the languages that models are asked in. */
static const char *const PROBES[PROBES_MAX] = {
    "How do I open a savings account for my daughter?",
    "The ferry to the islands leaves at half past seven every morning.",
    "Two children are building a tower of wooden blocks on the carpet.",
    "Shares of the company fell 4.7 percent after the report.",
    "password reset does not work",
    "She did not say that the meeting had been moved to Thursday.",
    "怎么修改银行卡的预留手机号",
    "今天下午三点在二楼会议室开会，请大家准时参加。",
    "一只黑色的小狗在草地上追着红色的球跑。",
    "我的快递已经五天没有更新物流信息了",
    "这家餐厅的牛肉面味道不错，就是等的时间有点长。",
    "什么时候可以提前还款？",
    "A tall man in a grey coat is waiting at the bus stop in the rain.",
    "Which of these two phones has the better camera at night?",
    "cheap flights to Lisbon in March",
    "The committee agreed that the bridge should be repaired before winter, although nobody could say who would pay.",
    "Boil the potatoes for twenty minutes, drain them, and mash them with butter, milk and a little salt.",
    "His first novel, published in 1987, sold fewer than 500 copies.",
    "天气预报说明天有大到暴雨，出门记得带伞。",
    "如何申请小额贷款的延期还款？需要准备哪些材料？",
    "这本书主要讲述了十九世纪末一个小镇上三代人的生活。",
    "北京到上海的高铁最快需要四个半小时。",
    "他没有参加昨天的比赛，因为左脚受了伤。",
    "苹果公司发布了新一代手机，起售价为5999元。",
};

status probes_read(probes *out, const tokenizer *t, size_t max_tokens, arena *a, errinfo *err)
{
    const tokenize_options options = { .max_tokens = max_tokens };
    token_list tokens[PROBES_MAX];
    size_t room = 0, foreign = 0;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        status st = tokenizer_encode(t, slice_of(PROBES[i]), &options, a, &tokens[i], err);
        if (st)
            return st;
        room += tokens[i].count;
        foreign += tokens[i].unknown * FOREIGN > tokens[i].count;
    }
    *out = (probes){ .ids = arena_take(a, room, sizeof *out->ids) };
    if (!out->ids)
        return fail(err, ST_NOMEM, "probe texts: out of memory");
    for (size_t i = 0; i < PROBES_MAX; i++) {
        if (tokens[i].unknown * FOREIGN > tokens[i].count && foreign < PROBES_MAX)
            continue;
        uint32_t start = out->starts[out->texts++];
        memcpy(out->ids + start, tokens[i].ids, tokens[i].count * sizeof *out->ids);
        out->starts[out->texts] = start + (uint32_t)tokens[i].count;
    }
    return ST_OK;
}
