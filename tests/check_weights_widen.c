/* check_weights_widen.c - every 16-bit float against its definition. */
#include "tests/check_support.h"
#include "weights/widen.h"

#include <math.h>

/* IEEE 754 binary16 by its definition, in double. */
static double f16_by_definition(unsigned bits)
{
    double sign = bits & 0x8000 ? -1 : 1;
    int exponent = (int)(bits >> 10 & 0x1f), fraction = (int)(bits & 0x3ff);
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

/* The same for bfloat16: 8 exponent bits with bias 127, 7 fraction bits. */
static double bf16_by_definition(unsigned bits)
{
    double sign = bits & 0x8000 ? -1 : 1;
    int exponent = (int)(bits >> 7 & 0xff), fraction = (int)(bits & 0x7f);
    if (exponent == 255)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, -133);
    return sign * ldexp(128 + fraction, exponent - 134);
}

static bool same_number(float found, double wanted)
{
    if (isnan(wanted))
        return isnan(found);
    return (double)found == wanted && !signbit(found) == !signbit(wanted);
}

START_TEST(all_16_bit_floats_widen_exactly)
{
    for (unsigned bits = 0; bits <= 0xffff; bits++) {
        uint16_t half = (uint16_t)bits;
        ck_assert_msg(same_number(widen_f16(half), f16_by_definition(bits)), "F16 %x", bits);
        ck_assert_msg(same_number(widen_bf16(half), bf16_by_definition(bits)), "BF16 %x", bits);
    }
}
END_TEST

/* By definition: of the two neighbours of a value, the nearer; half-way, the one with an even last bit. */
START_TEST(narrowing_to_bf16_takes_the_nearest)
{
    for (unsigned bits = 0; bits < 0x7f80; bits++) {
        float low = widen_bf16((uint16_t)bits), high = widen_bf16((uint16_t)(bits + 1));
        float middle = low + (high - low) / 2;
        unsigned even = bits & 1 ? bits + 1 : bits;
        ck_assert_uint_eq(narrow_bf16(low), bits);
        ck_assert_uint_eq(narrow_bf16(-low), bits | 0x8000);
        if (isinf(high))
            continue;
        ck_assert_uint_eq(narrow_bf16(middle), even);
        ck_assert_uint_eq(narrow_bf16(nextafterf(middle, low)), bits);
        ck_assert_uint_eq(narrow_bf16(nextafterf(middle, high)), bits + 1);
    }
    ck_assert_uint_eq(narrow_bf16(INFINITY), 0x7f80);
    ck_assert(isnan(widen_bf16(narrow_bf16(NAN))));
}
END_TEST

START_TEST(the_first_value_that_is_not_finite_is_found)
{
    float values[5] = { 0, -0.0f, 3.4e38f, 1e-45f, 1 };
    ck_assert_uint_eq(widen_find_not_finite(values, 5), 5);
    ck_assert_uint_eq(widen_find_not_finite(values, 0), 0);
    values[4] = -INFINITY;
    ck_assert_uint_eq(widen_find_not_finite(values, 5), 4);
    values[0] = NAN;
    ck_assert_uint_eq(widen_find_not_finite(values, 5), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("widen");
    TCase *t = tcase_create("widen");
    tcase_add_test(t, all_16_bit_floats_widen_exactly);
    tcase_add_test(t, narrowing_to_bf16_takes_the_nearest);
    tcase_add_test(t, the_first_value_that_is_not_finite_is_found);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
