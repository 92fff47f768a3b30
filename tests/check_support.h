/* check_support.h - the frame of every check_*.c: one suite, one runner, one place for the repository's files.
 *
 * A test binary runs with the repository's root as its working directory.
 */
#ifndef ROSIM_CHECK_SUPPORT_H
#define ROSIM_CHECK_SUPPORT_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#undef fail    /* libcheck's old macro hides base.h's function */

/* Whether this is a build for a sanitizer, which is some five to ten times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

/* How many times as long a test waits in this build. */
enum { CHECK_PATIENCE = SANITIZED ? 5 : 1 };

/* From now to a deadline that no test reaches. */
#define CHECK_FAR_NS (CHECK_PATIENCE * INT64_C(60000000000))

/* Gives each test of a case so many seconds, times CHECK_PATIENCE. */
static inline void check_patience(TCase *t, int seconds)
{
    tcase_set_timeout(t, CHECK_PATIENCE * seconds);
}

/* Runs the suite, prints libcheck's summary line that tests/run.sh adds up. */
static inline int check_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
