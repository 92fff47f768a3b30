/* vector_avx512_tail.h - the tail of the normal distribution from a table that lies in registers.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   included by vector_avx512.h alone.
 *
 * P(X > a) for a in [0, 6): 32 segments with a polynomial of degree 4 in each, fitted at Chebyshev nodes by least
 * squares in double (numpy's chebfit on 200 nodes a segment); r runs from -1/2 to 1/2 in a segment. Error below 3e-9.
 * A permutation of two registers picks a coefficient for each lane: half the time of an exponential and a division.
 */
#ifndef ROSIM_VECTOR_AVX512_TAIL_H
#define ROSIM_VECTOR_AVX512_TAIL_H

static const float tail_coefficients[5][32] = {
    {
        4.62653875e-1f, 3.89259329e-1f, 3.19624172e-1f, 2.55831641e-1f,
        1.99404561e-1f, 1.51211799e-1f, 1.11469547e-1f, 7.98249508e-2f,
        5.54960202e-2f, 3.74358093e-2f, 2.44909032e-2f, 1.55320746e-2f,
        9.54548152e-3f, 5.68284036e-3f, 3.27645575e-3f, 1.82894534e-3f,
        9.88219780e-4f, 5.16740488e-4f, 2.61442894e-4f, 1.27965887e-4f,
        6.05842238e-5f, 2.77404968e-5f, 1.22830250e-5f, 5.25877906e-6f,
        2.17675485e-6f, 8.71042957e-7f, 3.36929503e-7f, 1.25972283e-7f,
        4.55215789e-8f, 1.58978486e-8f, 5.36553121e-9f, 1.74991535e-9f,
    },
    {
        -7.44736364e-2f, -7.19009173e-2f, -6.70190350e-2f, -6.03106171e-2f,
        -5.23987866e-2f, -4.39521913e-2f, -3.55935797e-2f, -2.78288089e-2f,
        -2.10062906e-2f, -1.53086148e-2f, -1.07709542e-2f, -7.31651369e-3f,
        -4.79828346e-3f, -3.03808052e-3f, -1.85713850e-3f, -1.09602613e-3f,
        -6.24495164e-4f, -3.43533243e-4f, -1.82448346e-4f, -9.35497260e-5f,
        -4.63101816e-5f, -2.21330758e-5f, -1.02126471e-5f, -4.54952536e-6f,
        -1.95670342e-6f, -8.12484343e-7f, -3.25713693e-7f, -1.26063099e-7f,
        -4.71054135e-8f, -1.69935636e-8f, -5.91873403e-9f, -1.99023257e-9f,
    },
    {
        6.54552656e-4f, 1.89582268e-3f, 2.94516890e-3f, 3.71051207e-3f,
        4.14482107e-3f, 4.24927939e-3f, 4.06684037e-3f, 3.66883384e-3f,
        3.13863305e-3f, 2.55641806e-3f, 1.98799838e-3f, 1.47902259e-3f,
        1.05431161e-3f, 7.20952256e-4f, 4.73354193e-4f, 2.98625659e-4f,
        1.81129108e-4f, 1.05677589e-4f, 5.93319672e-5f, 3.20667842e-5f,
        1.66882198e-5f, 8.36491452e-6f, 4.03928012e-6f, 1.87939989e-6f,
        8.42711151e-7f, 3.64204711e-7f, 1.51731355e-7f, 6.09421199e-8f,
        2.36002391e-8f, 8.81275041e-9f, 3.17349918e-9f, 1.10212115e-9f,
    },
    {
        4.31828222e-4f, 3.87384288e-4f, 3.06032529e-4f, 2.01076563e-4f,
        8.85779241e-5f, -1.60295105e-5f, -1.00798970e-4f, -1.58953468e-4f,
        -1.89162452e-4f, -1.94608122e-4f, -1.81324273e-4f, -1.56373617e-4f,
        -1.26328201e-4f, -9.63101955e-5f, -6.96307795e-5f, -4.79038991e-5f,
        -3.14385795e-5f, -1.97193683e-5f, -1.18383939e-5f, -6.81024199e-6f,
        -3.75756004e-6f, -1.99000365e-6f, -1.01223517e-6f, -4.94788860e-7f,
        -2.32523014e-7f, -1.05096476e-7f, -4.57017025e-8f, -1.91260669e-8f,
        -7.70512077e-9f, -2.98876670e-9f, -1.11647902e-9f, -4.01728679e-10f,
    },
    {
        -5.72350966e-6f, -1.61885351e-5f, -2.39407457e-5f, -2.78784506e-5f,
        -2.77396058e-5f, -2.40778611e-5f, -1.80340657e-5f, -1.09940178e-5f,
        -4.24536148e-6f, 1.27267612e-6f, 5.07952958e-6f, 7.12822729e-6f,
        7.68764223e-6f, 7.18916790e-6f, 6.08756490e-6f, 4.76556329e-6f,
        3.48960498e-6f, 2.40772432e-6f, 1.57303804e-6f, 9.76528725e-7f,
        5.77510197e-7f, 3.25997020e-7f, 1.75918965e-7f, 9.08634536e-8f,
        4.49652577e-8f, 2.13370787e-8f, 9.71546405e-9f, 4.24734751e-9f,
        1.78367621e-9f, 7.19858027e-10f, 2.79302324e-10f, 1.04218102e-10f,
    },
};

ALWAYS_INLINE vec vec_normal_tail(vec a)
{
    vec u = a * vec_all(32.0f / 6.0f);
    ivec segment = _mm512_cvttps_epi32(u);
    vec r = _mm512_reduce_ps(u, _MM_FROUND_TO_ZERO) - vec_all(0.5f), p = vec_all(0.0f);
#pragma GCC unroll 5
    for (int power = 4; power >= 0; power--) {
        vec low = vec_load(tail_coefficients[power]), high = vec_load(tail_coefficients[power] + LANES);
        p = vec_fma(p, r, _mm512_permutex2var_ps(low, segment, high));
    }
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, vec_all(6.0f), _CMP_NGE_UQ), p);    /* NaN stays */
}

#endif
