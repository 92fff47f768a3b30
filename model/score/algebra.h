/* algebra.h - the few operations on matrices that the statistics need, by BLAS and LAPACK (inside OpenBLAS).
 *
 * Owns     nothing.    Borrows  operands during a call; matrices are row by row; symmetric ones
 *          have both triangles filled.
 * Threads  pure. LAPACK is called on the caller's thread; bytes repeat as long as OpenBLAS runs on one thread.
 * Limits   an order of at most ALGEBRA_ORDER_MAX.
 */
#ifndef ROSIM_ALGEBRA_H
#define ROSIM_ALGEBRA_H

#include "weights/base.h"

enum { ALGEBRA_ORDER_MAX = 4096 };

/* a[n][n] becomes its Cholesky factor: lower triangle L with L L' = a, zeros above. ST_INPUT: not positive definite. */
MUST_USE status algebra_factor(double *a, size_t n, errinfo *err);
/* b[n] becomes the solution x of L L' x = b. */
void algebra_solve(const double *factor, size_t n, double *b);
double algebra_log_determinant(const double *factor, size_t n);   /* of L L' */

/* values[n] rise; row i of a[n][n] becomes the unit eigenvector of values[i], its largest entry positive. */
MUST_USE status algebra_eigen(double *a, size_t n, double *values, errinfo *err);

/* c[m][n] = scale * a b + keep * c, a[m][k], b[k][n]; a_turned: a is stored as [k][m], b_turned: b as [n][k]. */
void algebra_product(bool a_turned, bool b_turned, size_t m, size_t n, size_t k, double scale, const double *a,
                     const double *b, double keep, double *c);

double algebra_dot(const double *a, const double *b, size_t n);

#endif
