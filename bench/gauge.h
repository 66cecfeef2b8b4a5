/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the programs, and what says whether somebody else has a part of the CPU:
 * how long a loop of nothing takes now.
 */
#ifndef _BENCH_GAUGE_H
#define _BENCH_GAUGE_H

#include <time.h>

static inline unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Twice: an interrupt is nobody else's. */
static inline unsigned long long gauge(void)
{
	unsigned long long start, best = -1ull, ns;
	int i, j;

	for (j = 0; j < 2; j++) {
		start = now();
		for (i = 0; i < 20000; i++)
			__asm__ __volatile__("" : : : "memory");
		ns = now() - start;
		if (ns < best)
			best = ns;
	}
	return best;
}

#endif /* _BENCH_GAUGE_H */
