/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kobjtree_enter() and kobjtree_exit() of include/linux/kobjtree_gate.h, on the counts
 * of native.c.
 */
static inline void gate_exit(struct line *g, bool preempt_rcu)
{
	if (g->flag) {
		percpu_put(g, preempt_rcu);
		return;
	}
	if (unlikely(__atomic_sub_fetch(&g->count, 1, __ATOMIC_RELEASE) == INT_MIN))
		gate_idle();
}

static inline bool gate_enter(struct line *g, bool preempt_rcu)
{
	if (g->flag) {
		percpu_get(g, preempt_rcu);
		return true;
	}
	if (unlikely(READ_ONCE(g->state) != 1))
		return false;
	if (likely(__atomic_add_fetch(&g->count, 1, __ATOMIC_ACQUIRE) > 0))
		return true;
	gate_exit(g, preempt_rcu);
	return false;
}
