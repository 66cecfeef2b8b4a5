/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does lockdep report this? Without the report, which ends lockdep for the boot.
 *
 * A report switches lockdep off, and what any task takes or releases until it is
 * on again is missing from that task's list of held locks. So nobody else runs
 * meanwhile: the other CPUs spin, and here the caller goes before all others.
 */
#ifndef _KOBJTREE_TESTS_LOCKDEP_H
#define _KOBJTREE_TESTS_LOCKDEP_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/debug_locks.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>

/**
 * struct test_alone - the other CPUs, while they are held up
 * @task: that holds up its CPU, if there is such
 * @held_up: how many are
 * @over: they may go on
 */
struct test_alone {
	struct task_struct *task[NR_CPUS];
	atomic_t held_up;
	bool over;
};

static inline int test_hold_up(void *data)
{
	struct test_alone *alone = data;

	local_irq_disable();
	atomic_inc(&alone->held_up);
	/* Pairs with test_alone_end(). */
	while (!smp_load_acquire(&alone->over))
		cpu_relax();
	local_irq_enable();
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Until test_alone_end() nobody else runs, unless the caller sleeps. */
static inline void test_alone_begin(struct kunit *test, struct test_alone *alone)
{
	int cpu, here, others = 0;

	sched_set_fifo(current);
	migrate_disable();
	here = smp_processor_id();
	for_each_online_cpu(cpu) {
		if (cpu == here)
			continue;
		alone->task[cpu] = kthread_create(test_hold_up, alone, "alone");
		if (IS_ERR(alone->task[cpu])) {
			KUNIT_FAIL(test, "no thread for CPU %d", cpu);
			alone->task[cpu] = NULL;
			continue;
		}
		kthread_bind(alone->task[cpu], cpu);
		sched_set_fifo(alone->task[cpu]);
		wake_up_process(alone->task[cpu]);
		others++;
	}
	while (atomic_read(&alone->held_up) < others)
		cpu_relax();
}

static inline void test_alone_end(struct test_alone *alone)
{
	int cpu;

	/* Pairs with test_hold_up(). */
	smp_store_release(&alone->over, true);
	migrate_enable();
	sched_set_normal(current, 0);
	for_each_possible_cpu(cpu)
		if (alone->task[cpu])
			kthread_stop(alone->task[cpu]);
}

/* What the caller took before the report, and released after it. */
static inline void test_forget_locks(int depth)
{
#ifdef CONFIG_LOCKDEP
	if (current->lockdep_depth <= depth)
		return;
	current->curr_chain_key = current->held_locks[depth].prev_chain_key;
	current->lockdep_depth = depth;
#endif
}

/* @statement ends with the locks that it began with, and waits for nobody. */
#define LOCKDEP_REPORTS(test, statement) ({				\
	struct test_alone alone = { };					\
	int depth = lockdep_depth(current);				\
	bool reports;							\
									\
	test_alone_begin(test, &alone);					\
	debug_locks_silent = 1;						\
	statement;							\
	reports = !debug_locks;						\
	test_forget_locks(depth);					\
	debug_locks = 1;						\
	debug_locks_silent = 0;						\
	test_alone_end(&alone);						\
	reports;							\
})

static inline void need_lockdep(struct kunit *test)
{
	if (!debug_locks)
		kunit_skip(test, "lockdep is off");
}

#endif /* _KOBJTREE_TESTS_LOCKDEP_H */
