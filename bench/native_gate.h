/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kobjtree_enter() and kobjtree_exit() of include/linux/kobjtree_gate.h, on the counts
 * of native.c.
 */
static inline void gate_exit(struct line *g)
{
	unsigned long open;

	barrier();
	open = READ_ONCE(g->open);
	if (likely(open)) {
		this_cpu_inc_next(open);
		barrier();
		if (unlikely(READ_ONCE(g->state) >= 2))
			gate_idle();
		return;
	}
	if (unlikely(g->ptr)) {
		gate_exit_marked();
		return;
	}
	if (unlikely(__atomic_sub_fetch(&g->count, 1, __ATOMIC_RELEASE) == INT_MIN))
		gate_idle();
}

static inline bool gate_enter(struct line *g)
{
	unsigned long open = READ_ONCE(g->open);

	if (likely(open)) {
		this_cpu_inc(open);
		barrier();
		if (likely(READ_ONCE(g->state) == 1))
			return true;
		gate_exit(g);
		return false;
	}
	if (unlikely(READ_ONCE(g->state) != 1))
		return false;
	if (likely(__atomic_add_fetch(&g->count, 1, __ATOMIC_ACQUIRE) > 0))
		return true;
	gate_exit(g);
	return false;
}
