// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: who may enter when, and what a removal does in which order.
 * Its scenarios and storms are in gate_scenario_kunit.c.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kobjtree_gate.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <trace/events/printk.h>

#include "contexts.h"
#include "gate.h"
#include "helpers.h"
#include "lockdep.h"

/* === Entering === */

static void enter_works_while_live_only(struct kunit *test)
{
	struct gated *g = gated_new(test);

	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_EXPECT_FALSE(test, kobjtree_marked(&g->gate));
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_exit(&g->gate);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_TRUE(test, kobjtree_marked(&g->gate));
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	gated_put(test, g);
}

static void gate_goes_one_way(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), -ENODEV);
	kobjtree_drain(&g->gate);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_DRAINED);
	kobjtree_quiesce(&g->gate);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_QUIET);
	kobjtree_unplug(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	gated_put(test, g);
}

/* A gate that was marked before it went live never does. */
static void mark_before_live_is_final(struct kunit *test)
{
	struct gated *g = gated_new(test);

	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	gated_put(test, g);
}

static void inner_section_fails_after_mark(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_exit(&g->gate);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	kobjtree_exit(&g->gate);
	kobjtree_drain(&g->gate);
	gated_put(test, g);
}

static void section_ends_with_its_scope(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *drain;

	{
		CLASS(kobjtree_section, section)(&g->gate);

		KUNIT_EXPECT_PTR_EQ(test, section, &g->gate);
		kobjtree_mark(&g->gate);
		drain = thread_start(test, g, in_drain);
		EXPECT_BLOCKED(test, drain);
	}
	thread_join(drain);
	{
		CLASS(kobjtree_section, section)(&g->gate);

		KUNIT_EXPECT_NULL(test, section);
	}
	gated_put(test, g);
}

static void enter_and_mark_here(void *data)
{
	struct gated *g = data;

	if (kobjtree_enter(&g->gate))
		return;
	g->hardware = true;
	kobjtree_exit(&g->gate);
	kobjtree_mark(&g->gate);
}

static void enter_and_mark_in_context(struct kunit *test, struct gated *g)
{
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	run_in(test, the_context(test), enter_and_mark_here, g);
	KUNIT_EXPECT_TRUE(test, g->hardware);
	KUNIT_EXPECT_TRUE(test, kobjtree_marked(&g->gate));
	kobjtree_drain(&g->gate);
	gated_put(test, g);
}

static void enter_and_mark_in_any_context(struct kunit *test)
{
	struct gated *g = gated_alloc(test);

	kobjtree_gate_init(&g->gate, &g->tree);
	enter_and_mark_in_context(test, g);
	enter_and_mark_in_context(test, gated_new_percpu(test));
}

/* === Drain === */

static void drain_waits_for_the_last_section(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *a = section_start(test, g);
	struct test_thread *b = section_start(test, g);
	struct test_thread *drain;

	kobjtree_mark(&g->gate);
	drain = thread_start(test, g, in_drain);
	EXPECT_BLOCKED(test, drain);
	section_end(a);
	EXPECT_BLOCKED(test, drain);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_MARKED);
	section_end(b);
	thread_join(drain);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_DRAINED);
	gated_put(test, g);
}

/* Sections of one gate do not keep another one from being drained. */
static void gates_are_independent(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct gated *other = gated_new_live(test);
	struct test_thread *section = section_start(test, g);

	kobjtree_unplug(&other->gate);
	gated_put(test, other);
	section_end(section);
	gated_put(test, g);
}

static void exit_elsewhere(struct test_thread *thread)
{
	kobjtree_exit_non_owner(&thread->g->gate);
}

static void section_may_end_in_another_task(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *drain, *end;

	KUNIT_ASSERT_EQ(test, kobjtree_enter_non_owner(&g->gate), 0);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_enter_non_owner(&g->gate), -ENODEV);
	drain = thread_start(test, g, in_drain);
	EXPECT_BLOCKED(test, drain);
	end = thread_start(test, g, exit_elsewhere);
	thread_join(end);
	thread_join(drain);
	gated_put(test, g);
}

static void removal_does_not_allocate(struct kunit *test)
{
	struct gated *g;

	fail_setup(test);
	g = gated_new_live(test);
	watch_new(test, g, 1);
	/* debugobjects may allocate for the RCU callback. */
	if (is_percpu(test))
		WITHOUT_MEMORY(kobjtree_unplug(&g->gate));
	else
		EXPECT_NO_ALLOC(test, kobjtree_unplug(&g->gate));
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/* From its init to its end. */
static void a_gate_does_not_allocate(struct kunit *test)
{
	struct gated *g;

	fail_setup(test);
	g = gated_alloc(test);
	EXPECT_NO_ALLOC(test, {
		kobjtree_gate_init(&g->gate, &g->tree);
		KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), 0);
		KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
		kobjtree_exit(&g->gate);
		kobjtree_unplug(&g->gate);
	});
	gated_put(test, g);
}

static void spin_in_rcu(struct test_thread *thread)
{
	guard(rcu)();
	complete(&thread->entered);
	while (!READ_ONCE(thread->condition))
		cpu_relax();
}

/* A reader holds them up: a removal is over all the same, but for that mode. */
static void only_a_percpu_gate_needs_a_grace_period(struct kunit *test)
{
	unsigned long patience = is_percpu(test) ? msecs_to_jiffies(A_WHILE_MS) :
						   5 * HZ;
	struct test_thread *reader, *unplug;
	struct gated *g;
	bool over;

	skip_without_spinning(test);
	g = gated_new_live(test);
	unplug = thread_new(test, g, in_unplug);
	reader = thread_start(test, g, spin_in_rcu);
	wait_for_completion(&reader->entered);
	wake_up_process(unplug->task);
	over = wait_for_completion_timeout(&unplug->done, patience);
	KUNIT_EXPECT_NE(test, over, is_percpu(test));
	WRITE_ONCE(reader->condition, true);
	thread_join(reader);
	if (!over)
		wait_for_completion(&unplug->done);
	kthread_stop(unplug->task);
	gated_put(test, g);
}

static struct {
	const char *what;
	int seen;
} console;

static void watch_console(void *data, const char *text, size_t len)
{
	const char *what = READ_ONCE(console.what);

	if (what && strnstr(text, what, len))
		WRITE_ONCE(console.seen, console.seen + 1);
}

static void drain_says_whom_it_waits_for(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *section = section_start(test, g);
	struct test_thread *drain;

	KUNIT_ASSERT_EQ(test, register_trace_console(watch_console, NULL), 0);
	WRITE_ONCE(console.seen, 0);
	WRITE_ONCE(console.what, "gated_type of no device: drain waits for 1 sections for 10 s");
	kobjtree_mark(&g->gate);
	drain = thread_start(test, g, in_drain);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&drain->done, 12 * HZ),
			0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(console.seen), 1);
	section_end(section);
	thread_join(drain);
	WRITE_ONCE(console.what, NULL);
	unregister_trace_console(watch_console, NULL);
	tracepoint_synchronize_unregister();
	gated_put(test, g);
}

/* === The per-CPU mode === */

static void a_mode_is_chosen_before_live(struct kunit *test)
{
	struct gated *g = gated_new_percpu(test);

	KUNIT_EXPECT_TRUE(test, !!g->gate.percpu);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_set_percpu(&g->gate), 0);
	gated_put(test, g);

	g = gated_new_live(test);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_set_percpu(&g->gate), -EBUSY);
	KUNIT_EXPECT_FALSE(test, !!g->gate.percpu);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_exit(&g->gate);
	gated_put(test, g);

	g = gated_new(test);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_set_percpu(&g->gate), -EBUSY);
	gated_put(test, g);
}

/* It stays a gate, in the other mode. */
static void percpu_without_memory_is_one_word(struct kunit *test)
{
	unsigned int n, left = 0, failed = 0;
	struct gated *g;
	int ret;

	fail_setup(test);
	/* A debugging aid may fail where the counters do not. */
	for (n = 1; !left; n++) {
		g = gated_new(test);
		fail_nth(n);
		ret = kobjtree_gate_set_percpu(&g->gate);
		left = fail_none();
		if (ret) {
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			failed++;
		}
		KUNIT_EXPECT_EQ(test, !!g->gate.percpu, !ret);
		KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&g->gate), 0);
		KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
		kobjtree_exit(&g->gate);
		gated_put(test, g);
	}
	/* By failslab alone, per-CPU memory that is there already does not fail. */
	if (IS_ENABLED(CONFIG_KOBJTREE_DEBUG))
		KUNIT_EXPECT_GE(test, failed, 1);
}

#define MANY_GATES	32

/* From one value of the cookie to the next it is a grace period, or a half. */
static unsigned long grace_periods(void)
{
	return get_state_synchronize_rcu();
}

/* Return: by how much the cookie moved while all of them were unplugged. */
static unsigned long unplug_many(struct kunit *test, bool mark_first)
{
	struct gated *g[MANY_GATES];
	unsigned long cookie;
	int i;

	for (i = 0; i < MANY_GATES; i++) {
		g[i] = gated_new_percpu(test);
		KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g[i]->gate), 0);
	}
	cookie = grace_periods();
	for (i = 0; mark_first && i < MANY_GATES; i++)
		kobjtree_mark(&g[i]->gate);
	for (i = 0; i < MANY_GATES; i++)
		kobjtree_unplug(&g[i]->gate);
	cookie = grace_periods() - cookie;
	for (i = 0; i < MANY_GATES; i++)
		gated_put(test, g[i]);
	return cookie;
}

/* The grace periods of others are counted, too, as far as they come in between. */
static void gates_marked_first_share_a_grace_period(struct kunit *test)
{
	unsigned long each, shared;

	if (IS_ENABLED(CONFIG_TINY_RCU))
		kunit_skip(test, "on one CPU a grace period is over at once");
	each = unplug_many(test, false);
	shared = unplug_many(test, true);

	kunit_info(test, "cookie moved by %lu, then %lu", each, shared);
	/* If one was under way already, a cookie of before waits for one more. */
	KUNIT_EXPECT_GE(test, each, 4 * (MANY_GATES - 1));
	KUNIT_EXPECT_LT(test, shared, each / 4);
}

/* === Callbacks === */

static void callbacks_run_newest_first(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1);
	watch_new(test, g, 2);
	watch_new(test, g, 3);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w3 w2 w1 q3 q2 q1");
	gated_put(test, g);
}

static void phases_can_be_called_one_by_one(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1);
	kobjtree_mark(&g->gate);
	expect_log(test, test->priv, "");
	kobjtree_wake(&g->gate);
	kobjtree_wake(&g->gate);
	expect_log(test, test->priv, "w1");
	kobjtree_drain(&g->gate);
	kobjtree_drain(&g->gate);
	expect_log(test, test->priv, "");
	kobjtree_quiesce(&g->gate);
	kobjtree_quiesce(&g->gate);
	expect_log(test, test->priv, "q1");
	kobjtree_unplug(&g->gate);
	gated_put(test, g);
}

static void a_callback_may_be_missing(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1)->watcher.wake = NULL;
	watch_new(test, g, 2)->watcher.quiesce = NULL;
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w2 q1");
	gated_put(test, g);
}

static void wake_comes_before_the_last_exit(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *section = section_start(test, g);
	struct test_thread *unplug;

	watch_new(test, g, 1);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	expect_log(test, test->priv, "w1");
	section_end(section);
	thread_join(unplug);
	expect_log(test, test->priv, "q1");
	gated_put(test, g);
}

static void quiesce_runs_if_never_live(struct kunit *test)
{
	struct gated *g = gated_new(test);

	watch_new(test, g, 1);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/* The object's end is the net; what release undoes is gone by then. */
static void end_of_object_unplugs(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1);
	kobjtree_put(&g->tree);
	expect_log(test, test->priv, "r1 w1 q1");
}

static void wake_is_skipped_by_who_does_not_ask(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1);
	kobjtree_mark(&g->gate);
	kobjtree_drain(&g->gate);
	kobjtree_quiesce(&g->gate);
	expect_log(test, test->priv, "q1");
	kobjtree_wake(&g->gate);
	expect_log(test, test->priv, "");
	gated_put(test, g);
}

static void watch_fails_after_mark(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_watcher *w = watcher_new(test, 2);

	watch_new(test, g, 1);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_watch(&g->gate, &w->watcher), -ENODEV);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/* === Two removers === */

static void callback_waits(struct test_watcher *w)
{
	complete(&w->entered);
	wait_for_completion(&w->leave);
}

static void second_remover_waits(struct kunit *test, bool in_wake)
{
	struct gated *g = gated_new_live(test);
	struct test_watcher *w = watch_new(test, g, 1);
	struct test_thread *first, *second;

	if (in_wake)
		w->in_wake = callback_waits;
	else
		w->in_quiesce = callback_waits;
	first = thread_start(test, g, in_unplug);
	wait_for_completion(&w->entered);
	expect_log(test, test->priv, in_wake ? "w1" : "w1 q1");
	second = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, second);
	complete(&w->leave);
	thread_join(second);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_QUIET);
	thread_join(first);
	expect_log(test, test->priv, in_wake ? "q1" : "");
	gated_put(test, g);
}

static void second_remover_waits_for_wake(struct kunit *test)
{
	second_remover_waits(test, true);
}

static void second_remover_waits_for_quiesce(struct kunit *test)
{
	second_remover_waits(test, false);
}

static void unplug_again(struct test_watcher *w)
{
	struct gated *g = w->arg;

	kobjtree_unplug(&g->gate);
}

static void callback_may_unplug(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_watcher *w = watch_new(test, g, 1);

	watch_new(test, g, 2);
	w->in_wake = unplug_again;
	w->in_quiesce = unplug_again;
	w->arg = g;
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w2 w1 q2 q1");
	gated_put(test, g);
}

static void let_section_end(struct test_watcher *w)
{
	struct test_thread *thread = w->arg;

	complete(&thread->leave);
}

/* It must not wait for the section, which an older watcher is still to end. */
static void callback_does_not_drain(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *section = section_start(test, g);
	struct test_watcher *older = watch_new(test, g, 1);
	struct test_watcher *newer = watch_new(test, g, 2);

	older->in_wake = let_section_end;
	older->arg = section;
	newer->in_wake = unplug_again;
	newer->arg = g;
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w2 w1 q2 q1");
	thread_join(section);
	gated_put(test, g);
}

/* === Sleeping in a section === */

static void in_wait(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	complete(&thread->entered);
	thread->ret = kobjtree_wait_event(&thread->g->gate, thread->wait,
					  READ_ONCE(thread->condition));
}

static void in_wait_interruptible(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	allow_signal(SIGUSR1);
	complete(&thread->entered);
	thread->ret = kobjtree_wait_event_interruptible(&thread->g->gate,
							thread->wait,
							READ_ONCE(thread->condition));
	flush_signals(current);
}

static void in_wait_timeout(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	complete(&thread->entered);
	thread->ret = kobjtree_wait_event_timeout(&thread->g->gate,
						  thread->wait,
						  READ_ONCE(thread->condition),
						  msecs_to_jiffies(10 * A_WHILE_MS));
}

static struct test_thread *sleeper_start(struct kunit *test, struct gated *g,
					 void (*fn)(struct test_thread *))
{
	struct test_thread *thread = thread_start(test, g, fn);

	wait_for_completion(&thread->entered);
	EXPECT_BLOCKED(test, thread);
	return thread;
}

static void condition_ends_a_wait(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *thread = sleeper_start(test, g, in_wait);

	WRITE_ONCE(thread->condition, true);
	wake_up(&thread->wait);
	thread_join(thread);
	KUNIT_EXPECT_EQ(test, thread->ret, 0);
	gated_put(test, g);
}

static void mark_ends_a_wait(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *a = sleeper_start(test, g, in_wait);
	struct test_thread *b = sleeper_start(test, g, in_wait_interruptible);
	struct test_thread *c = sleeper_start(test, g, in_wait_timeout);

	kobjtree_mark(&g->gate);
	thread_join(a);
	thread_join(b);
	thread_join(c);
	KUNIT_EXPECT_EQ(test, a->ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, b->ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, c->ret, -ENODEV);
	kobjtree_drain(&g->gate);
	gated_put(test, g);
}

static void signal_ends_a_wait(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *thread = sleeper_start(test, g,
						   in_wait_interruptible);

	send_sig(SIGUSR1, thread->task, 1);
	thread_join(thread);
	KUNIT_EXPECT_EQ(test, thread->ret, -ERESTARTSYS);
	gated_put(test, g);
}

static void time_out_ends_a_wait(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_thread *thread = sleeper_start(test, g, in_wait_timeout);

	thread_join(thread);
	KUNIT_EXPECT_EQ(test, thread->ret, 0);
	gated_put(test, g);
}

/* Who entered before the mark, and sleeps only after the wake, does not. */
static void late_sleeper_does_not_sleep(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait);

	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_mark(&g->gate);
	kobjtree_wake(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event(&g->gate, wait, false),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event_interruptible(&g->gate, wait,
								false), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event_killable(&g->gate, wait,
							   false), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event_timeout(&g->gate, wait, false,
							  HZ), -ENODEV);
	/* What is there may be had. */
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event(&g->gate, wait, true), 0);
	KUNIT_EXPECT_GT(test, kobjtree_wait_event_timeout(&g->gate, wait, true,
							  HZ), 0);
	kobjtree_exit(&g->gate);
	kobjtree_drain(&g->gate);
	gated_put(test, g);
}

struct test_poller {
	wait_queue_entry_t entry;
	__poll_t events;
};

static int test_poll_wake(wait_queue_entry_t *entry, unsigned int mode,
			  int flags, void *key)
{
	struct test_poller *poller = container_of(entry, struct test_poller,
						  entry);

	poller->events |= key_to_poll(key);
	return 1;
}

/* Exclusive ones, as epoll can make them: all of them have to know. */
static void mark_wakes_every_poller(struct kunit *test)
{
	struct gated *g = gated_new_live(test);
	struct test_poller pollers[2] = { };
	int i;

	for (i = 0; i < 2; i++) {
		init_waitqueue_func_entry(&pollers[i].entry, test_poll_wake);
		add_wait_queue_exclusive(&g->gate.wait, &pollers[i].entry);
	}
	kobjtree_mark(&g->gate);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, pollers[i].events, EPOLLHUP | EPOLLERR);
		remove_wait_queue(&g->gate.wait, &pollers[i].entry);
	}
	gated_put(test, g);
}

/* === Misuse === */

static void phase_out_of_order_warns(struct kunit *test)
{
	struct gated *g = gated_new_live(test);

	watch_new(test, g, 1);
	EXPECT_WARN(test, "kobjtree: gated_type: gate is not marked");
	kobjtree_wake(&g->gate);
	expect_log(test, test->priv, "w1");
	KUNIT_EXPECT_TRUE(test, kobjtree_marked(&g->gate));
	EXPECT_WARN(test, "kobjtree: gated_type: gate is not drained");
	kobjtree_quiesce(&g->gate);
	expect_log(test, test->priv, "q1");
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_QUIET);
	gated_put(test, g);
}

static void end_late(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	complete(&thread->entered);
	wait_for_completion(&thread->leave);
	msleep(A_WHILE_MS);
	log_event(thread->g->log, 's', 2);
}

/* All but the caller's own sections are over when the hardware is stopped. */
static void drain_in_own_section(struct kunit *test, struct gated *g)
{
	struct test_watcher *w = watch_new(test, g, 1);
	struct test_thread *other;

	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	other = thread_start(test, g, end_late);
	wait_for_completion(&other->entered);
	w->in_wake = let_section_end;
	w->arg = other;
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 s2 q1");
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_QUIET);
	kobjtree_exit(&g->gate);
	kobjtree_exit(&g->gate);
	thread_join(other);
	kobjtree_unplug(&g->gate);
	gated_put(test, g);
}

/* Without lockdep nobody knows, and it would wait for itself. */
static void drain_in_own_section_warns(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs lockdep");
	EXPECT_WARN(test, "kobjtree: gated_type: drain in a section of the same gate");
	drain_in_own_section(test, gated_new(test));
	drain_in_own_section(test, gated_new_percpu(test));
}

/* === Lockdep === */

#ifdef CONFIG_PROVE_LOCKING

static void drain_under_a_lock_of_sections_is_reported(struct kunit *test)
{
	static DEFINE_MUTEX(lock);
	struct gated *g;

	need_lockdep(test);
	g = gated_alloc(test);
	kobjtree_gate_init(&g->gate, &g->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	mutex_lock(&lock);
	mutex_unlock(&lock);
	kobjtree_exit(&g->gate);

	kobjtree_mark(&g->gate);
	mutex_lock(&lock);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test, kobjtree_drain(&g->gate)));
	mutex_unlock(&lock);
	gated_put(test, g);
}

/* Enter does not wait, and so may be called under what a drain is not. */
static void enter_under_a_lock_is_not_reported(struct kunit *test)
{
	static DEFINE_MUTEX(outer);
	static DEFINE_MUTEX(inner);
	struct gated *g;

	need_lockdep(test);
	g = gated_alloc(test);
	kobjtree_gate_init(&g->gate, &g->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, {
		mutex_lock(&outer);
		KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
		KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
		mutex_lock(&inner);
		mutex_unlock(&inner);
		kobjtree_exit(&g->gate);
		kobjtree_exit(&g->gate);
		mutex_unlock(&outer);
		mutex_lock(&outer);
		kobjtree_unplug(&g->gate);
		mutex_unlock(&outer);
	}));
	gated_put(test, g);
}

static void drain_in_a_section_of_another_gate(struct kunit *test, bool own_class)
{
	struct gated *hub, *leaf;

	need_lockdep(test);
	hub = gated_new_live(test);
	leaf = gated_new(test);
	if (own_class)
		kobjtree_gate_set_class(&leaf->gate);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&leaf->gate), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&hub->gate), 0);
	KUNIT_EXPECT_EQ(test,
			LOCKDEP_REPORTS(test, kobjtree_unplug(&leaf->gate)),
			!own_class);
	kobjtree_exit(&hub->gate);
	gated_put(test, leaf);
	gated_put(test, hub);
}

static void drain_in_a_section_of_the_class_is_reported(struct kunit *test)
{
	drain_in_a_section_of_another_gate(test, false);
}

static void a_class_of_its_own_is_not_reported(struct kunit *test)
{
	drain_in_a_section_of_another_gate(test, true);
}

static void need_user_memory(struct kunit *test)
{
#ifdef COMPAT_NO_KUNIT_MM
	kunit_skip(test, "KUnit has no user memory in this kernel");
#else
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
#endif
}

/* Also of a gate that was never drained, nor any other of its class. */
static void page_fault_in_a_section_is_reported(struct kunit *test)
{
	struct gated *g;

	need_lockdep(test);
	need_user_memory(test);
	g = gated_alloc(test);
	if (is_percpu(test)) {
		kobjtree_gate_init(&g->gate, &g->tree);
		KUNIT_ASSERT_EQ(test, kobjtree_gate_set_percpu(&g->gate), 0);
	} else {
		kobjtree_gate_init(&g->gate, &g->tree);
	}
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, might_fault()));
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test, might_fault()));
	kobjtree_exit(&g->gate);
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, might_fault()));
	gated_put(test, g);
}

/* Who waits for the lock waits for user space. */
static void lock_over_a_page_fault_is_reported_in_a_section(struct kunit *test)
{
	static DEFINE_MUTEX(lock);
	struct gated *g;

	need_lockdep(test);
	need_user_memory(test);
	g = gated_new_live(test);
	mutex_lock(&lock);
	might_fault();
	mutex_unlock(&lock);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test, {
		mutex_lock(&lock);
		mutex_unlock(&lock);
	}));
	kobjtree_exit(&g->gate);
	gated_put(test, g);
}

/* As the fault handler of a mapping does. */
static void section_in_a_page_fault_is_not_reported(struct kunit *test)
{
	static DEFINE_MUTEX(lock);
	struct gated *g;

	need_lockdep(test);
	need_user_memory(test);
	g = gated_new_live(test);
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, {
		mmap_read_lock(current->mm);
		KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), 0);
		mutex_lock(&lock);
		mutex_unlock(&lock);
		kobjtree_exit(&g->gate);
		mmap_read_unlock(current->mm);
		kobjtree_unplug(&g->gate);
	}));
	gated_put(test, g);
}

#endif

static struct kunit_case gate_cases[] = {
	KUNIT_CASE_PARAM(enter_works_while_live_only, mode_gen_params),
	KUNIT_CASE_PARAM(gate_goes_one_way, mode_gen_params),
	KUNIT_CASE_PARAM(mark_before_live_is_final, mode_gen_params),
	KUNIT_CASE_PARAM(inner_section_fails_after_mark, mode_gen_params),
	KUNIT_CASE_PARAM(section_ends_with_its_scope, mode_gen_params),
	KUNIT_CASE_PARAM(enter_and_mark_in_any_context, context_gen_params),
	KUNIT_CASE_PARAM(drain_waits_for_the_last_section, mode_gen_params),
	KUNIT_CASE_PARAM(gates_are_independent, mode_gen_params),
	KUNIT_CASE_PARAM(section_may_end_in_another_task, mode_gen_params),
	KUNIT_CASE_PARAM(removal_does_not_allocate, mode_gen_params),
	KUNIT_CASE(a_gate_does_not_allocate),
	KUNIT_CASE_PARAM(only_a_percpu_gate_needs_a_grace_period, mode_gen_params),
	KUNIT_CASE_PARAM_ATTR(drain_says_whom_it_waits_for, mode_gen_params,
			      ((struct kunit_attributes){ .speed = KUNIT_SPEED_VERY_SLOW })),
	KUNIT_CASE(a_mode_is_chosen_before_live),
	KUNIT_CASE(percpu_without_memory_is_one_word),
	KUNIT_CASE(gates_marked_first_share_a_grace_period),
	KUNIT_CASE_PARAM(callbacks_run_newest_first, mode_gen_params),
	KUNIT_CASE_PARAM(phases_can_be_called_one_by_one, mode_gen_params),
	KUNIT_CASE_PARAM(a_callback_may_be_missing, mode_gen_params),
	KUNIT_CASE_PARAM(wake_comes_before_the_last_exit, mode_gen_params),
	KUNIT_CASE_PARAM(quiesce_runs_if_never_live, mode_gen_params),
	KUNIT_CASE_PARAM(end_of_object_unplugs, mode_gen_params),
	KUNIT_CASE_PARAM(wake_is_skipped_by_who_does_not_ask, mode_gen_params),
	KUNIT_CASE_PARAM(watch_fails_after_mark, mode_gen_params),
	KUNIT_CASE_PARAM(second_remover_waits_for_wake, mode_gen_params),
	KUNIT_CASE_PARAM(second_remover_waits_for_quiesce, mode_gen_params),
	KUNIT_CASE_PARAM(callback_may_unplug, mode_gen_params),
	KUNIT_CASE_PARAM(callback_does_not_drain, mode_gen_params),
	KUNIT_CASE_PARAM(condition_ends_a_wait, mode_gen_params),
	KUNIT_CASE_PARAM(mark_ends_a_wait, mode_gen_params),
	KUNIT_CASE_PARAM(signal_ends_a_wait, mode_gen_params),
	KUNIT_CASE_PARAM(time_out_ends_a_wait, mode_gen_params),
	KUNIT_CASE_PARAM(late_sleeper_does_not_sleep, mode_gen_params),
	KUNIT_CASE_PARAM(mark_wakes_every_poller, mode_gen_params),
	KUNIT_CASE(phase_out_of_order_warns),
	KUNIT_CASE(drain_in_own_section_warns),
#ifdef CONFIG_PROVE_LOCKING
	KUNIT_CASE(drain_under_a_lock_of_sections_is_reported),
	KUNIT_CASE(enter_under_a_lock_is_not_reported),
	KUNIT_CASE(drain_in_a_section_of_the_class_is_reported),
	KUNIT_CASE(a_class_of_its_own_is_not_reported),
	KUNIT_CASE_PARAM(page_fault_in_a_section_is_reported, mode_gen_params),
	KUNIT_CASE(lock_over_a_page_fault_is_reported_in_a_section),
	KUNIT_CASE(section_in_a_page_fault_is_not_reported),
#endif
	{}
};

static struct kunit_suite gate_suite = {
	.name = "kobjtree_gate",
	.init = test_init,
	.exit = test_exit,
	.test_cases = gate_cases,
};

kunit_test_suite(gate_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: the gate");
MODULE_LICENSE("GPL");
