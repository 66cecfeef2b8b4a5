// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: what can go wrong between users and a removal, step by step, with
 * the order forced; then the same at random.
 *
 *   s1   the last close comes after the unbind
 *   s2   a call is in flight at the unbind
 *   s3   a call sleeps at the unbind, or is about to
 *
 *   c1   a file was closed, its memory's half
 *   h1   the same, its hardware's half
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kobjtree_gate.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../internal.h"
#include "gate.h"
#include "helpers.h"

/* === Threads that stop at a point of the gate's === */

static struct {
	struct test_thread *thread;
	const char *where;
	struct completion reached;
	struct completion go;
} stop;

static void stop_there(const char *where, struct kobjtree_gate *gate)
{
	if (current != stop.thread->task || strcmp(where, stop.where))
		return;
	complete(&stop.reached);
	wait_for_completion(&stop.go);
}

/* Return: a thread that is in @fn and stands at @where until thread_go(). */
static struct test_thread *thread_stop_at(struct kunit *test, const char *where,
					  struct gated *g,
					  void (*fn)(struct test_thread *))
{
	stop.thread = thread_new(test, g, fn);
	stop.where = where;
	init_completion(&stop.reached);
	init_completion(&stop.go);
	kunit_activate_static_stub(test, kobjtree_point, stop_there);
	wake_up_process(stop.thread->task);
	wait_for_completion(&stop.reached);
	return stop.thread;
}

static void thread_go(struct kunit *test)
{
	complete(&stop.go);
	thread_join(stop.thread);
	kunit_deactivate_static_stub(test, kobjtree_point);
}

/* An object whose quiesce takes the hardware away. */
static struct gated *gated_with_hardware(struct kunit *test)
{
	struct gated *g = gated_new(test);
	struct test_watcher *w = watch_new(test, g, 1);

	g->hardware = true;
	w->in_quiesce = hardware_goes;
	w->arg = g;
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	return g;
}

static void need_steps(struct kunit *test)
{
#ifdef COMPAT_NO_KUNIT_STUBS
	kunit_skip(test, "KUnit has no static stubs in this kernel");
#endif
}

/* The same for a test with a thread_stop_at(). */
static struct gated *gated_to_stop(struct kunit *test)
{
	need_steps(test);
	return gated_with_hardware(test);
}

/* === 1. Close after unbind === */

static void open_file(struct gated *g)
{
	kobjtree_get(&g->tree);
}

static void close_file(struct gated *g)
{
	{
		CLASS(kobjtree_section, section)(&g->gate);

		if (section)
			log_event(g->log, 'h', 1);
	}
	log_event(g->log, 'c', 1);
	kobjtree_put(&g->tree);
}

static void s1_close_after_unbind(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);

	open_file(g);
	open_file(g);		/* dup(), passed to another process */
	open_file(g);
	close_file(g);
	expect_log(test, test->priv, "h1 c1");
	kobjtree_unplug(&g->gate);
	KUNIT_EXPECT_FALSE(test, g->hardware);
	kobjtree_put(&g->tree);		/* the driver's */
	expect_log(test, test->priv, "w1 q1");
	close_file(g);
	expect_log(test, test->priv, "c1");
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	close_file(g);
	expect_log(test, test->priv, "c1 r1");
}

/* The remover's reference is not the last: the section that it waited for has one. */
static void s1_last_put_by_who_held_up_the_unbind(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct test_thread *section, *unplug;

	open_file(g);
	section = section_start(test, g);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(g->hardware));
	section_end(section);
	thread_join(unplug);
	kobjtree_put(&g->tree);
	expect_log(test, test->priv, "w1 q1");
	close_file(g);
	expect_log(test, test->priv, "c1 r1");
}

/* === 2. A call in flight === */

static void read_state(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	complete(&thread->entered);
	wait_for_completion(&thread->leave);
	thread->ret = READ_ONCE(thread->g->hardware);
}

static void s2_i_drain_waits_for_who_was_in(struct kunit *test)
{
	struct gated *g = gated_to_stop(test);
	struct test_thread *a = thread_start(test, g, read_state);
	struct test_thread *unplug;

	wait_for_completion(&a->entered);
	unplug = thread_stop_at(test, "drain", g, in_unplug);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	complete(&stop.go);
	EXPECT_BLOCKED(test, unplug);
	section_end(a);
	KUNIT_EXPECT_TRUE(test, a->ret);
	thread_go(test);
	KUNIT_EXPECT_FALSE(test, g->hardware);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/* The drain also looks by itself, every ten seconds. */
static void s2_i_last_exit_wakes_the_drain(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct test_thread *a = thread_start(test, g, read_state);
	struct test_thread *unplug;

	wait_for_completion(&a->entered);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	section_end(a);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&unplug->done, 9 * HZ), 0);
	complete(&unplug->done);	/* for thread_join() */
	thread_join(unplug);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/*
 * What kobjtree_enter() does, with the removal between its two halves: it counts, sees
 * the mark, and takes that back. Until then the removal waits, as for a section.
 */
static void s2_ii_enter_that_saw_it_live_fails(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct test_thread *unplug;

	KUNIT_ASSERT_EQ(test, atomic_read(&g->gate.active), 0);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_LT(test, atomic_inc_return_acquire(&g->gate.active), 0);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	EXPECT_BLOCKED(test, unplug);
	kobjtree_exit_non_owner(&g->gate);
	thread_join(unplug);
	KUNIT_EXPECT_FALSE(test, g->hardware);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/*
 * Who finds it marked does not even count, so that no number of them holds up a
 * removal: here a count that says the gate is live would let them in.
 */
static void s2_ii_enter_of_a_marked_gate_leaves_the_count(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);

	kobjtree_mark(&g->gate);
	atomic_set(&g->gate.active, 0);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&g->gate.active), 0);
	atomic_set(&g->gate.active, KOBJTREE_GATE_CLOSED);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

/* Likewise in the per-CPU mode, where this one saw it open, and counts very late. */
static void enter_slowly(struct test_thread *thread)
{
	struct kobjtree_sections __percpu *open;

	scoped_guard(rcu) {
		open = READ_ONCE(thread->g->gate.open);
		complete(&thread->entered);
		while (!READ_ONCE(thread->condition))
			cpu_relax();
		this_cpu_inc(open->begun);
	}
	wait_for_completion(&thread->leave);
	thread->ret = READ_ONCE(thread->g->hardware);
	kobjtree_exit_non_owner(&thread->g->gate);
}

static void s2_ii_enter_that_saw_it_live_is_waited_for(struct kunit *test)
{
	struct test_thread *a, *unplug;
	struct test_watcher *w;
	struct gated *g;

	skip_without_spinning(test);
	g = gated_new_percpu(test);
	w = watch_new(test, g, 1);
	g->hardware = true;
	w->in_quiesce = hardware_goes;
	w->arg = g;
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	a = thread_start(test, g, enter_slowly);
	wait_for_completion(&a->entered);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	WRITE_ONCE(a->condition, true);
	EXPECT_BLOCKED(test, unplug);
	section_end(a);
	KUNIT_EXPECT_TRUE(test, a->ret);
	thread_join(unplug);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

static struct kobjtree_sections sections_of(struct gated *g)
{
	struct kobjtree_sections sum = {};
	int cpu;

	for_each_possible_cpu(cpu) {
		sum.begun += per_cpu_ptr(g->gate.percpu, cpu)->begun;
		sum.ended += per_cpu_ptr(g->gate.percpu, cpu)->ended;
	}
	return sum;
}

static void s2_ii_enter_of_a_marked_percpu_gate_leaves_the_counts(struct kunit *test)
{
	struct gated *g = gated_new_percpu(test);

	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	kobjtree_exit(&g->gate);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, sections_of(g).begun, 1);
	KUNIT_EXPECT_EQ(test, sections_of(g).ended, 1);
	gated_put(test, g);
}

/* It saw the gate open just before the mark, and takes back what it counted. */
static void s2_ii_enter_that_counts_after_the_mark_fails(struct kunit *test)
{
	struct gated *g = gated_new_percpu(test);

	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	kobjtree_mark(&g->gate);
	WRITE_ONCE(g->gate.open, g->gate.percpu);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, sections_of(g).begun, 1);
	KUNIT_EXPECT_EQ(test, sections_of(g).ended, 1);
	WRITE_ONCE(g->gate.open, NULL);
	kobjtree_unplug(&g->gate);
	gated_put(test, g);
}

/* Two threads with one file; another gate is drained between their entries. */
static void s2_iii_sections_of_one_file_overlap(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct gated *other = gated_new_live(test);
	struct test_thread *a, *b, *unplug;

	a = section_start(test, g);
	kobjtree_unplug(&other->gate);
	b = section_start(test, g);
	section_end(a);
	unplug = thread_start(test, g, in_unplug);
	EXPECT_BLOCKED(test, unplug);
	section_end(b);
	thread_join(unplug);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, other);
	gated_put(test, g);
}

static DEFINE_MUTEX(ops_lock);

static void lock_ops(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	allow_signal(SIGUSR1);
	complete(&thread->entered);
	thread->ret = mutex_lock_interruptible(&ops_lock);
	flush_signals(current);
	if (!thread->ret)
		mutex_unlock(&ops_lock);
}

/* The early return has an exit, too. */
static void s2_iv_killed_while_it_waits_for_a_lock(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct test_thread *a;

	mutex_lock(&ops_lock);
	a = thread_start(test, g, lock_ops);
	wait_for_completion(&a->entered);
	EXPECT_BLOCKED(test, a);
	send_sig(SIGUSR1, a->task, 1);
	thread_join(a);
	mutex_unlock(&ops_lock);
	KUNIT_EXPECT_EQ(test, a->ret, -EINTR);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

static void enter_twice(struct test_thread *thread)
{
	struct kobjtree_gate *gate = &thread->g->gate;

	thread->ret = kobjtree_enter(gate);
	complete(&thread->entered);
	wait_for_completion(&thread->leave);
	thread->ret = kobjtree_enter(gate);
	kobjtree_exit(gate);
}

static void s2_v_inner_enter_fails_and_does_not_wait(struct kunit *test)
{
	struct gated *g = gated_to_stop(test);
	struct test_thread *a = thread_start(test, g, enter_twice);
	struct test_thread *unplug;

	wait_for_completion(&a->entered);
	KUNIT_EXPECT_EQ(test, a->ret, 0);
	unplug = thread_stop_at(test, "drain", g, in_unplug);
	complete(&stop.go);
	EXPECT_BLOCKED(test, unplug);
	section_end(a);
	KUNIT_EXPECT_EQ(test, a->ret, -ENODEV);
	thread_go(test);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

static void enter_and_exit(struct test_thread *thread)
{
	thread->ret = kobjtree_enter(&thread->g->gate);
	if (thread->ret)
		return;
	complete(&thread->entered);
	wait_for_completion(&thread->leave);
	kobjtree_exit(&thread->g->gate);
	log_event(thread->g->log, 'c', 1);
	kobjtree_put(&thread->g->tree);
}

/* Who ends the last section still has the gate before it when all is over. */
static void s2_last_exit_is_late(struct kunit *test)
{
	struct gated *g = gated_to_stop(test);
	struct test_thread *a = thread_new(test, g, enter_and_exit);

	open_file(g);
	stop.thread = a;
	stop.where = "idle";
	init_completion(&stop.reached);
	init_completion(&stop.go);
	kunit_activate_static_stub(test, kobjtree_point, stop_there);
	wake_up_process(a->task);
	wait_for_completion(&a->entered);
	kobjtree_mark(&g->gate);
	complete(&a->leave);
	wait_for_completion(&stop.reached);
	kobjtree_unplug(&g->gate);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_QUIET);
	kobjtree_put(&g->tree);
	expect_log(test, test->priv, "w1 q1");
	thread_go(test);
	expect_log(test, test->priv, "c1 r1");
}

/* === 3. Sleepers === */

static void sleep_for_frame(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->g->gate);

	complete(&thread->entered);
	wait_event(thread->wait, READ_ONCE(thread->condition));
	thread->ret = kobjtree_marked(&thread->g->gate) ? -ENODEV : 0;
}

static void cancel_frame(struct test_watcher *w)
{
	struct test_thread *thread = w->arg;

	WRITE_ONCE(thread->condition, true);
	wake_up(&thread->wait);
}

/* In its own queue: the mark does not know of it, the watcher does. */
static void s3_i_wake_ends_a_sleep(struct kunit *test)
{
	struct gated *g = gated_new(test);
	struct test_watcher *w = watch_new(test, g, 1);
	struct test_thread *a, *drain;

	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	a = thread_start(test, g, sleep_for_frame);
	w->in_wake = cancel_frame;
	w->arg = a;
	wait_for_completion(&a->entered);
	kobjtree_mark(&g->gate);
	EXPECT_BLOCKED(test, a);
	kobjtree_wake(&g->gate);
	thread_join(a);
	KUNIT_EXPECT_EQ(test, a->ret, -ENODEV);
	drain = thread_start(test, g, in_drain);
	thread_join(drain);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

struct late {
	struct gated *g;
	int looks;
	int mark_at;
};

/* A condition that never comes true; the mark comes as it is looked at. */
static bool look(struct late *late)
{
	if (++late->looks == late->mark_at)
		kobjtree_mark(&late->g->gate);
	return false;
}

/* Before it is on the queue, and after: the second look is the one of a sleeper. */
static void s3_ii_mark_comes_as_it_goes_to_sleep(struct kunit *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait);
	int mark_at;

	for (mark_at = 1; mark_at <= 2; mark_at++) {
		struct late late = { gated_new_live(test), 0, mark_at };
		struct kobjtree_gate *gate = &late.g->gate;

		KUNIT_ASSERT_EQ(test, kobjtree_enter(gate), 0);
		KUNIT_EXPECT_EQ(test, kobjtree_wait_event(gate, wait,
							  look(&late)), -ENODEV);
		KUNIT_EXPECT_EQ(test, late.looks, mark_at);
		kobjtree_exit(gate);
		gated_put(test, late.g);
	}
}

static void in_mark(struct test_thread *thread)
{
	kobjtree_mark(&thread->g->gate);
}

/* The mark has refused, and woken nobody yet. */
static void s3_ii_sleeper_comes_before_the_wake_up(struct kunit *test)
{
	struct gated *g = gated_to_stop(test);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait);

	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	thread_stop_at(test, "mark", g, in_mark);
	KUNIT_EXPECT_EQ(test, kobjtree_wait_event(&g->gate, wait, false),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&g->gate), -ENODEV);
	thread_go(test);
	kobjtree_exit(&g->gate);
	kobjtree_unplug(&g->gate);
	expect_log(test, test->priv, "w1 q1");
	gated_put(test, g);
}

struct s3_poller {
	wait_queue_entry_t entry;
	__poll_t events;
};

static int s3_poll_wake(wait_queue_entry_t *entry, unsigned int mode, int flags,
			void *key)
{
	container_of(entry, struct s3_poller, entry)->events |= key_to_poll(key);
	return 1;
}

/* epoll stays on the queue until the file is closed. */
static void s3_iii_poller_outlives_the_unbind(struct kunit *test)
{
	struct gated *g = gated_with_hardware(test);
	struct s3_poller poller = { };

	open_file(g);
	init_waitqueue_func_entry(&poller.entry, s3_poll_wake);
	add_wait_queue(&g->gate.wait, &poller.entry);
	kobjtree_mark(&g->gate);
	KUNIT_EXPECT_EQ(test, poller.events, EPOLLHUP | EPOLLERR);
	kobjtree_unplug(&g->gate);
	kobjtree_put(&g->tree);
	expect_log(test, test->priv, "w1 q1");
	remove_wait_queue(&g->gate.wait, &poller.entry);
	close_file(g);
	expect_log(test, test->priv, "c1 r1");
}

/* Nobody wakes; what is said then, drain_says_whom_it_waits_for() hears. */
static void s3_iv_nothing_goes_without_a_wake(struct kunit *test)
{
	struct test_thread *a, *drain;
	struct test_watcher *w;
	struct gated *g;

	need_steps(test);
	g = gated_new(test);
	w = watch_new(test, g, 1);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	a = thread_start(test, g, sleep_for_frame);
	w->in_wake = cancel_frame;
	w->arg = a;
	wait_for_completion(&a->entered);
	kobjtree_mark(&g->gate);
	drain = thread_stop_at(test, "drain", g, in_drain);
	complete(&stop.go);
	EXPECT_BLOCKED(test, drain);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_MARKED);
	expect_log(test, test->priv, "");
	kobjtree_wake(&g->gate);
	thread_join(a);
	KUNIT_EXPECT_EQ(test, a->ret, -ENODEV);
	thread_go(test);
	KUNIT_EXPECT_EQ(test, g->gate.state, KOBJTREE_GATE_DRAINED);
	expect_log(test, test->priv, "w1");
	kobjtree_quiesce(&g->gate);
	expect_log(test, test->priv, "q1");
	gated_put(test, g);
}

/* === At random === */

/*
 * Rounds in batches: all threads enter and leave the gates of a batch while the
 * test unplugs one after the other. In the per-CPU mode a drain takes a grace
 * period, and so all marks of a batch come before its first drain there.
 */
#define STORM_THREADS	3

#ifdef CONFIG_PROVE_LOCKING
#define STORM_ROUNDS	2000
#define STORM_BATCH	500
#else
#define STORM_ROUNDS	20000
#define STORM_BATCH	4000
#endif

static int storm_rounds = STORM_ROUNDS;
module_param(storm_rounds, int, 0444);
MODULE_PARM_DESC(storm_rounds, "gates that are unplugged under their users");

struct storm {
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct kobjtree_watcher watcher;
	bool hardware;
};

static struct {
	struct storm *batch[STORM_BATCH];
	int next;		/* to be removed */
	atomic_t running;
	struct completion start;
	struct completion done;
	bool over;
	bool seen;		/* somebody was refused in this batch */
	long quiesced;
	atomic_long_t entered;
	atomic_long_t refused;
	atomic_long_t wrong;
} storm;

static void storm_quiesce(struct kobjtree_watcher *watcher)
{
	struct storm *s = container_of(watcher, struct storm, watcher);

	WRITE_ONCE(s->hardware, false);
	storm.quiesced++;
}

static struct storm *storm_new(struct kunit *test)
{
	struct storm *s = kobjtree_alloc(struct storm, tree, NULL, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	kobjtree_gate_init(&s->gate, &s->tree);
	if (is_percpu(test))
		KUNIT_ASSERT_EQ(test, kobjtree_gate_set_percpu(&s->gate), 0);
	s->watcher.quiesce = storm_quiesce;
	KUNIT_ASSERT_EQ(test, kobjtree_watch(&s->gate, &s->watcher), 0);
	s->hardware = true;
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&s->gate), 0);
	return s;
}

/* Return: false if the section was refused. */
static bool storm_section(struct storm *s, bool nest)
{
	bool right;

	CLASS(kobjtree_section, section)(&s->gate);

	if (!section)
		return false;
	right = READ_ONCE(s->hardware);
	if (nest && !kobjtree_enter_non_owner(&s->gate)) {
		right &= READ_ONCE(s->hardware);
		kobjtree_exit_non_owner(&s->gate);
	}
	cpu_relax();
	right &= READ_ONCE(s->hardware);
	if (!right)
		atomic_long_inc(&storm.wrong);
	return true;
}

/* The gate that went last and those behind it, until all are gone. */
static void storm_batch_thread(void)
{
	long entered = 0, refused = 0;
	int i, ahead = 0;

	atomic_inc(&storm.running);
	while ((i = READ_ONCE(storm.next)) < STORM_BATCH) {
		ahead = (ahead + 1) % 4;
		i = clamp(i + ahead - 1, 0, STORM_BATCH - 1);
		if (storm_section(storm.batch[i], ahead & 1)) {
			entered++;
		} else {
			refused++;
			WRITE_ONCE(storm.seen, true);
		}
		cond_resched();
	}
	atomic_long_add(entered, &storm.entered);
	atomic_long_add(refused, &storm.refused);
}

static void in_storm(struct test_thread *thread)
{
	for (;;) {
		wait_for_completion(&storm.start);
		if (READ_ONCE(storm.over))
			return;
		storm_batch_thread();
		complete(&storm.done);
	}
}

static void storm_unplug_all(struct kunit *test)
{
	int i;

	for (i = 0; i < STORM_BATCH; i++) {
		kobjtree_mark(&storm.batch[i]->gate);
		if (!is_percpu(test))
			kobjtree_unplug(&storm.batch[i]->gate);
		WRITE_ONCE(storm.next, i + 1);
		/* Marks are quick: let somebody come between. */
		do {
			cond_resched();
		} while (i == STORM_BATCH / 2 && !READ_ONCE(storm.seen));
	}
	for (i = 0; i < STORM_BATCH; i++)
		kobjtree_unplug(&storm.batch[i]->gate);
}

static void storm_batch(struct kunit *test)
{
	int i;

	for (i = 0; i < STORM_BATCH; i++)
		storm.batch[i] = storm_new(test);
	storm.next = 0;
	storm.seen = false;
	atomic_set(&storm.running, 0);
	for (i = 0; i < STORM_THREADS; i++)
		complete(&storm.start);
	while (!atomic_read(&storm.running))
		cond_resched();
	storm_unplug_all(test);
	for (i = 0; i < STORM_THREADS; i++)
		wait_for_completion(&storm.done);
	for (i = 0; i < STORM_BATCH; i++)
		kobjtree_put(&storm.batch[i]->tree);
}

static void no_section_without_hardware(struct kunit *test)
{
	struct test_thread *threads[STORM_THREADS];
	int i, round;

	memset(&storm, 0, sizeof(storm));
	init_completion(&storm.start);
	init_completion(&storm.done);
	for (i = 0; i < STORM_THREADS; i++)
		threads[i] = thread_start(test, NULL, in_storm);
	for (round = 0; round < storm_rounds; round += STORM_BATCH)
		storm_batch(test);
	WRITE_ONCE(storm.over, true);
	for (i = 0; i < STORM_THREADS; i++)
		complete(&storm.start);
	for (i = 0; i < STORM_THREADS; i++)
		thread_join(threads[i]);

	kunit_info(test, "%d rounds, %ld sections, %ld refused", round,
		   atomic_long_read(&storm.entered),
		   atomic_long_read(&storm.refused));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&storm.wrong), 0);
	KUNIT_EXPECT_EQ(test, storm.quiesced, round);
	/* It did storm. */
	KUNIT_EXPECT_GE(test, atomic_long_read(&storm.entered), round / 10);
	KUNIT_EXPECT_GE(test, atomic_long_read(&storm.refused), round / STORM_BATCH);
}

static struct kunit_case scenario_cases[] = {
	KUNIT_CASE_PARAM(s1_close_after_unbind, mode_gen_params),
	KUNIT_CASE_PARAM(s1_last_put_by_who_held_up_the_unbind, mode_gen_params),
	KUNIT_CASE_PARAM(s2_i_drain_waits_for_who_was_in, mode_gen_params),
	KUNIT_CASE_PARAM(s2_i_last_exit_wakes_the_drain, mode_gen_params),
	KUNIT_CASE(s2_ii_enter_that_saw_it_live_fails),
	KUNIT_CASE(s2_ii_enter_of_a_marked_gate_leaves_the_count),
	KUNIT_CASE(s2_ii_enter_that_saw_it_live_is_waited_for),
	KUNIT_CASE(s2_ii_enter_of_a_marked_percpu_gate_leaves_the_counts),
	KUNIT_CASE(s2_ii_enter_that_counts_after_the_mark_fails),
	KUNIT_CASE_PARAM(s2_iii_sections_of_one_file_overlap, mode_gen_params),
	KUNIT_CASE_PARAM(s2_iv_killed_while_it_waits_for_a_lock, mode_gen_params),
	KUNIT_CASE_PARAM(s2_v_inner_enter_fails_and_does_not_wait, mode_gen_params),
	KUNIT_CASE(s2_last_exit_is_late),
	KUNIT_CASE_PARAM(s3_i_wake_ends_a_sleep, mode_gen_params),
	KUNIT_CASE_PARAM(s3_ii_mark_comes_as_it_goes_to_sleep, mode_gen_params),
	KUNIT_CASE_PARAM(s3_ii_sleeper_comes_before_the_wake_up, mode_gen_params),
	KUNIT_CASE_PARAM(s3_iii_poller_outlives_the_unbind, mode_gen_params),
	KUNIT_CASE_PARAM(s3_iv_nothing_goes_without_a_wake, mode_gen_params),
	KUNIT_CASE_PARAM(no_section_without_hardware, mode_gen_params),
	{}
};

static struct kunit_suite scenario_suite = {
	.name = "kobjtree_gate_scenario",
	.init = test_init,
	.exit = test_exit,
	.test_cases = scenario_cases,
};

kunit_test_suite(scenario_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: the gate, step by step");
MODULE_LICENSE("GPL");
