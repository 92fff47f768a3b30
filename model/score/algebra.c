/* algebra.c - see algebra.h.
 *
 * Fortran reads columns where we write rows: for a symmetric matrix the two agree, and LAPACK's upper triangle is our
 * lower one. OpenBLAS as packaged has the Fortran names alone, without LAPACKE, hence the declarations here.
 */
#include "model/score/algebra.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void dpotrf_(const char *triangle, const int *n, double *a, const int *leading, int *info);
void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *leading, double *values,
             double *work, const int *work_size, int *integers, const int *integer_count, int *info);

void dgemm_(const char *turn_a, const char *turn_b, const int *m, const int *n, const int *k, const double *alpha,
            const double *a, const int *leading_a, const double *b, const int *leading_b, const double *beta, double *c,
            const int *leading_c);

double algebra_dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

status algebra_factor(double *a, size_t n, errinfo *err)
{
    int order = (int)n, info = 0;
    assert(n >= 1 && n <= ALGEBRA_ORDER_MAX);
    dpotrf_("U", &order, a, &order, &info);
    if (info)
        return fail(err, ST_INPUT, "a covariance of order %zu is not positive definite (at row %d)", n, info);
    for (size_t row = 0; row < n; row++)
        memset(a + row * n + row + 1, 0, (n - row - 1) * sizeof *a);
    return ST_OK;
}

void algebra_solve(const double *factor, size_t n, double *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] = (b[i] - algebra_dot(factor + i * n, b, i)) / factor[i * n + i];
    for (size_t i = n; i-- > 0;) {
        b[i] /= factor[i * n + i];
        for (size_t j = 0; j < i; j++)
            b[j] -= factor[i * n + j] * b[i];
    }
}

double algebra_log_determinant(const double *factor, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(factor[i * n + i]);
    return 2 * sum;
}

/* An eigenvector's sign is free; fixing it makes results repeat. */
static void point_up(double *vector, size_t n)
{
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
        if (fabs(vector[i]) > fabs(vector[largest]))
            largest = i;
    if (vector[largest] >= 0)
        return;
    for (size_t i = 0; i < n; i++)
        vector[i] = -vector[i];
}

status algebra_eigen(double *a, size_t n, double *values, errinfo *err)
{
    int order = (int)n, info = 0, integer_count = -1, work_size = -1, wanted_integers;
    double wanted;
    assert(n >= 1 && n <= ALGEBRA_ORDER_MAX);
    dsyevd_("V", "U", &order, a, &order, values, &wanted, &work_size, &wanted_integers, &integer_count, &info);
    work_size = (int)wanted;
    integer_count = wanted_integers;
    double *work = malloc((size_t)work_size * sizeof *work);
    int *integers = malloc((size_t)integer_count * sizeof *integers);
    status st = work && integers ? ST_OK : fail(err, ST_NOMEM, "eigenvectors of order %zu: out of memory", n);
    if (st == ST_OK) {
        dsyevd_("V", "U", &order, a, &order, values, work, &work_size, integers, &integer_count, &info);
        if (info)
            st = fail(err, ST_INTERNAL, "the eigenvectors of order %zu did not converge (%d)", n, info);
    }
    for (size_t i = 0; st == ST_OK && i < n; i++)
        point_up(a + i * n, n);
    free(integers);
    free(work);
    return st;
}

/* In columns: c' = b' a'. */
void algebra_product(bool a_turned, bool b_turned, size_t m, size_t n, size_t k, double scale, const double *a,
                     const double *b, double keep, double *c)
{
    int rows = (int)n, columns = (int)m, inner = (int)k, leading_a = (int)(a_turned ? m : k),
        leading_b = (int)(b_turned ? k : n);
    dgemm_(b_turned ? "T" : "N", a_turned ? "T" : "N", &rows, &columns, &inner, &scale, b, &leading_b, a, &leading_a,
           &keep, c, &rows);
}
