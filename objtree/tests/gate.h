/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the gate share: objects with a gate in either mode,
 * watchers that write themselves down, and threads that stop where a test wants
 * them to.
 *
 *   w1   watcher 1 was woken
 *   q1   watcher 1 was quiesced
 *   r1   the object was released
 */
#ifndef _KOBJTREE_TESTS_GATE_H
#define _KOBJTREE_TESTS_GATE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kobjtree_gate.h>
#include <linux/kthread.h>
#include <linux/wait.h>

#include "helpers.h"

/* Long enough for what should not happen to happen; never a wait for what is to. */
#define A_WHILE_MS	60

/* === The two modes, in which everything is the same === */

static const struct gate_mode {
	const char *name;
	bool percpu;
} gate_modes[] = {
	{ "one word", false },
	{ "per CPU", true },
};

KUNIT_ARRAY_PARAM_DESC(mode, gate_modes, name);

/* In a case without the parameter, it is one word. */
static inline bool is_percpu(struct kunit *test)
{
	const struct gate_mode *mode = test->param_value;

	return mode && mode->percpu;
}

/* === An object with a gate === */

struct gated {
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct test_log *log;
	bool hardware;
};

static inline void gated_release(struct kobjtree *obj)
{
	struct gated *g = container_of(obj, struct gated, tree);

	log_event(g->log, 'r', 1);
	atomic_dec(&g->log->live);
}

DEFINE_KOBJTREE_TYPE(gated_type, struct gated, tree, .release = gated_release);

static inline struct gated *gated_alloc(struct kunit *test)
{
	struct gated *g = kobjtree_alloc(struct gated, tree, &gated_type,
					 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->log = test->priv;
	atomic_inc(&g->log->live);
	return g;
}

static inline struct gated *gated_new_percpu(struct kunit *test)
{
	struct gated *g = gated_alloc(test);

	kobjtree_gate_init(&g->gate, &g->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_set_percpu(&g->gate), 0);
	return g;
}

static inline struct gated *gated_new(struct kunit *test)
{
	struct gated *g;

	if (is_percpu(test))
		return gated_new_percpu(test);
	g = gated_alloc(test);
	kobjtree_gate_init(&g->gate, &g->tree);
	return g;
}

static inline struct gated *gated_new_live(struct kunit *test)
{
	struct gated *g = gated_new(test);

	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	return g;
}

/* For a test where one spins in an RCU section, and another one is to go on. */
static inline void skip_without_spinning(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "who spins is preempted on PREEMPT_RT, and RCU waits");
}

/* Ends the test's reference and expects nothing more than the release. */
static inline void gated_put(struct kunit *test, struct gated *g)
{
	kobjtree_put(&g->tree);
	expect_log(test, test->priv, "r1");
}

/* === Watchers === */

struct test_watcher {
	struct kobjtree_watcher watcher;
	struct test_log *log;
	int id;
	void (*in_wake)(struct test_watcher *w);
	void (*in_quiesce)(struct test_watcher *w);
	void *arg;
	struct completion entered;
	struct completion leave;
};

static inline void test_wake(struct kobjtree_watcher *watcher)
{
	struct test_watcher *w = container_of(watcher, struct test_watcher,
					      watcher);

	might_sleep();
	log_event(w->log, 'w', w->id);
	if (w->in_wake)
		w->in_wake(w);
}

static inline void test_quiesce(struct kobjtree_watcher *watcher)
{
	struct test_watcher *w = container_of(watcher, struct test_watcher,
					      watcher);

	might_sleep();
	log_event(w->log, 'q', w->id);
	if (w->in_quiesce)
		w->in_quiesce(w);
}

static inline struct test_watcher *watcher_new(struct kunit *test, int id)
{
	struct test_watcher *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->watcher.wake = test_wake;
	w->watcher.quiesce = test_quiesce;
	w->log = test->priv;
	w->id = id;
	init_completion(&w->entered);
	init_completion(&w->leave);
	return w;
}

static inline struct test_watcher *watch_new(struct kunit *test,
					     struct gated *g, int id)
{
	struct test_watcher *w = watcher_new(test, id);

	KUNIT_ASSERT_EQ(test, kobjtree_watch(&g->gate, &w->watcher), 0);
	return w;
}

/* === Threads === */

struct test_thread {
	struct kunit *test;
	void (*fn)(struct test_thread *thread);
	struct gated *g;
	struct completion entered;
	struct completion leave;
	struct completion done;
	wait_queue_head_t wait;
	bool condition;
	long ret;
	struct task_struct *task;
};

static inline int test_thread_main(void *data)
{
	struct test_thread *thread = data;

	/* What it reports is the test's, and what the test replaces is so here. */
	current->kunit_test = thread->test;
	thread->fn(thread);
	current->kunit_test = NULL;
	complete(&thread->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Return: a thread that does not run yet. */
static inline struct test_thread *
thread_new(struct kunit *test, struct gated *g,
	   void (*fn)(struct test_thread *thread))
{
	struct test_thread *thread = kunit_kzalloc(test, sizeof(*thread),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, thread);
	thread->test = test;
	thread->fn = fn;
	thread->g = g;
	init_completion(&thread->entered);
	init_completion(&thread->leave);
	init_completion(&thread->done);
	init_waitqueue_head(&thread->wait);
	thread->task = kthread_create(test_thread_main, thread, "gate_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread->task));
	return thread;
}

static inline struct test_thread *
thread_start(struct kunit *test, struct gated *g,
	     void (*fn)(struct test_thread *thread))
{
	struct test_thread *thread = thread_new(test, g, fn);

	wake_up_process(thread->task);
	return thread;
}

static inline void thread_join(struct test_thread *thread)
{
	wait_for_completion(&thread->done);
	kthread_stop(thread->task);
}

/* It has not ended, and does not for a while. */
#define EXPECT_BLOCKED(test, thread) \
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&(thread)->done, \
				msecs_to_jiffies(A_WHILE_MS)), 0)

static inline void in_section(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	thread->ret = section ? 0 : -ENODEV;
	complete(&thread->entered);
	if (section)
		wait_for_completion(&thread->leave);
}

static inline void in_unplug(struct test_thread *thread)
{
	kobjtree_unplug(&thread->g->gate);
}

static inline void in_drain(struct test_thread *thread)
{
	kobjtree_drain(&thread->g->gate);
}

static inline struct test_thread *section_start(struct kunit *test,
						struct gated *g)
{
	struct test_thread *thread = thread_start(test, g, in_section);

	wait_for_completion(&thread->entered);
	KUNIT_ASSERT_EQ(test, thread->ret, 0);
	return thread;
}

static inline void section_end(struct test_thread *thread)
{
	complete(&thread->leave);
	thread_join(thread);
}

/* For ->in_quiesce: the hardware of the object in ->arg is gone. */
static inline void hardware_goes(struct test_watcher *w)
{
	struct gated *g = w->arg;

	WRITE_ONCE(g->hardware, false);
}

#endif /* _KOBJTREE_TESTS_GATE_H */
