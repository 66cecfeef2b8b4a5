/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Barriers of a real x86-64, in place of UML's, which are mfence and lfence also
 * between CPUs, and also for acquire and release. Included before all else by the
 * kernel and the modules of the flavour "bench".
 */
#ifndef _KOBJTREE_BENCH_BARRIERS_H
#define _KOBJTREE_BENCH_BARRIERS_H

#define __smp_mb()	\
	asm volatile("lock addl $0,-4(%%rsp)" : : : "memory", "cc")
#define __smp_rmb()			barrier()
#define __smp_wmb()			barrier()
#define __smp_store_mb(var, value)	((void)xchg(&(var), value))
#define __smp_mb__before_atomic()	do { } while (0)
#define __smp_mb__after_atomic()	do { } while (0)

/* Loads and stores are ordered by the CPU. */
#define __smp_store_release(p, v) do {					\
	compiletime_assert_atomic_type(*(p));				\
	barrier();							\
	WRITE_ONCE(*(p), v);						\
} while (0)

#define __smp_load_acquire(p) ({					\
	__unqual_scalar_typeof(*(p)) ___v = READ_ONCE(*(p));		\
									\
	compiletime_assert_atomic_type(*(p));				\
	barrier();							\
	(typeof(*(p)))___v;						\
})

#endif /* _KOBJTREE_BENCH_BARRIERS_H */
