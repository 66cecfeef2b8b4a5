/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls in contexts where sleeping is illegal. A test that is to hold in each
 * of them is a KUNIT_CASE_PARAM(..., context_gen_params).
 */
#ifndef _KOBJTREE_TESTS_CONTEXTS_H
#define _KOBJTREE_TESTS_CONTEXTS_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

enum test_context {
	IN_SPINLOCK,
	IN_IRQS_OFF,
	IN_RCU_READ,
	IN_SOFTIRQ,
	IN_RCU_CALLBACK,
	IN_HARDIRQ,
	NR_CONTEXTS,
};

static const char * const context_names[NR_CONTEXTS] = {
	[IN_SPINLOCK] = "spinlock held",
	[IN_IRQS_OFF] = "interrupts off",
	[IN_RCU_READ] = "RCU reader",
	[IN_SOFTIRQ] = "timer",
	[IN_RCU_CALLBACK] = "RCU callback",
	[IN_HARDIRQ] = "hard interrupt",
};

struct test_call {
	void (*fn)(void *data);
	void *data;
	struct completion done;
	struct irq_work work;
	struct timer_list timer;
	struct rcu_head rcu;
};

static inline void test_call_run(struct test_call *call)
{
	call->fn(call->data);
	complete(&call->done);
}

static inline void test_call_work(struct irq_work *work)
{
	test_call_run(container_of(work, struct test_call, work));
}

static inline void test_call_timer(struct timer_list *timer)
{
	test_call_run(container_of(timer, struct test_call, timer));
}

static inline void test_call_rcu(struct rcu_head *rcu)
{
	test_call_run(container_of(rcu, struct test_call, rcu));
}

static inline void test_call_here(struct test_call *call, enum test_context in)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;

	switch (in) {
	case IN_SPINLOCK:
		spin_lock(&lock);
		test_call_run(call);
		spin_unlock(&lock);
		return;
	case IN_IRQS_OFF:
		local_irq_save(flags);
		test_call_run(call);
		local_irq_restore(flags);
		return;
	case IN_RCU_READ:
		rcu_read_lock();
		test_call_run(call);
		rcu_read_unlock();
		return;
	case IN_SOFTIRQ:
		mod_timer(&call->timer, jiffies + 1);
		return;
	case IN_RCU_CALLBACK:
		call_rcu(&call->rcu, test_call_rcu);
		return;
	default:
		irq_work_queue(&call->work);
		return;
	}
}

/* For KUNIT_CASE_PARAM(): each context where a spinlock may be taken. */
static const enum test_context all_contexts[] = {
	IN_SPINLOCK,
#ifndef CONFIG_PREEMPT_RT
	IN_IRQS_OFF,
#endif
	IN_RCU_READ,
	IN_SOFTIRQ,
	IN_RCU_CALLBACK,
	IN_HARDIRQ,
};

static inline void context_desc(const enum test_context *in, char *desc)
{
	strscpy(desc, context_names[*in], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, all_contexts, context_desc);

/* The context of this run of a KUNIT_CASE_PARAM(). */
static inline enum test_context the_context(struct kunit *test)
{
	return *(const enum test_context *)test->param_value;
}

/* Call @fn with @data there, and wait until it has returned. */
static inline void run_in(struct kunit *test, enum test_context in,
			  void (*fn)(void *data), void *data)
{
	struct test_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, call);
	call->fn = fn;
	call->data = data;
	init_completion(&call->done);
	init_irq_work(&call->work, test_call_work);
	timer_setup(&call->timer, test_call_timer, 0);

	test_call_here(call, in);
	wait_for_completion(&call->done);
	if (in == IN_HARDIRQ)
		irq_work_sync(&call->work);
	kfree(call);
}

#endif /* _KOBJTREE_TESTS_CONTEXTS_H */
