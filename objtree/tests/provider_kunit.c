// SPDX-License-Identifier: GPL-2.0-only
/*
 * Providers and their users: the smallest core between them, and its laws. See
 * Documentation/core-api/kobjtree-providers.rst
 *
 *   tN   user N was told
 *   qN   the hardware of unit N was stopped
 *   rN   unit N was released
 *   uNM  the handle by which N uses M was released
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kobjtree_bind.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "contexts.h"
#include "helpers.h"

/* Long enough for what should not happen to happen; never a wait for what is to. */
#define A_WHILE_MS	60

/* === The core === */

static DEFINE_MUTEX(units_lock);	/* the table, and all lists of users */
static LIST_HEAD(units);

/* Where a release stops until the test lets it go on. */
struct stop {
	struct completion reached;
	struct completion go;
};

static void stop_init(struct stop *stop)
{
	init_completion(&stop->reached);
	init_completion(&stop->go);
}

static void stop_at(struct stop *stop)
{
	if (!stop)
		return;
	complete(&stop->reached);
	wait_for_completion(&stop->go);
}

/* A provider, a user, or both. */
struct unit {
	struct kobjtree_bound bound;
	struct list_head node;
	struct list_head users;
	struct kobjtree_watcher stop;	/* its driver's */
	struct kobjtree_watcher tell;	/* the core's */
	struct test_log *log;
	int id;
	struct use *use;		/* what its get gave it */
	void (*told)(struct unit *unit);	/* NULL: it is unplugged instead */
	void *arg;			/* for that */
	atomic_t news;
	struct stop *in_release;
};

struct use {
	struct kobjtree tree;
	struct unit *unit;
	struct list_head node;
	struct kobjtree_weak user;
	struct test_log *log;
	int id;
	struct completion *gone;
	struct stop *in_release;
};

static struct unit *to_unit(struct kobjtree *obj)
{
	return container_of(obj, struct unit, bound.tree);
}

static void use_release(struct kobjtree *obj)
{
	struct use *use = container_of(obj, struct use, tree);

	stop_at(use->in_release);
	scoped_guard(mutex, &units_lock)
		list_del_init(&use->node);
	kobjtree_weak_clear(&use->user);
	log_event(use->log, 'u', use->id);
	atomic_dec(&use->log->live);
	if (use->gone)
		complete(use->gone);
}

DEFINE_KOBJTREE_TYPE(use_type, struct use, tree, .release = use_release);

static bool use_join(struct use *use, struct unit *unit)
{
	guard(mutex)(&units_lock);
	if (kobjtree_marked(&unit->bound.gate) ||
	    !kobjtree_get_unless_zero(&unit->bound.tree))
		return false;
	kobjtree_hold_give(&use->tree, &unit->bound.tree);
	use->unit = unit;
	list_add(&use->node, &unit->users);
	return true;
}

/* For any thread; @unit is in the table, or the caller has a reference. */
static int unit_get(struct unit *user, struct unit *unit)
{
	struct use *use = kobjtree_alloc(struct use, tree, &use_type, GFP_KERNEL);
	int ret;

	if (!use)
		return -ENOMEM;
	INIT_LIST_HEAD(&use->node);
	use->log = user->log;
	use->id = 10 * user->id + unit->id;
	atomic_inc(&use->log->live);
	kobjtree_weak_set(&use->user, &user->bound.tree);
	ret = use_join(use, unit) ? 0 : -EPROBE_DEFER;
	ret = ret ?: kobjtree_link_give(&user->bound.tree, NULL, &use->tree);
	if (ret)
		kobjtree_put(&use->tree);
	else
		user->use = use;
	return ret;
}

static bool unit_drop(struct unit *user)
{
	return kobjtree_drop(&user->bound.tree, &user->use->tree);
}

/* A call of @user. */
static int unit_call(struct unit *user)
{
	CLASS(kobjtree_section, section)(&user->use->unit->bound.gate);

	return section ? 0 : -ENODEV;
}

static struct use *next_use(struct unit *unit)
{
	struct use *use;

	guard(mutex)(&units_lock);
	while ((use = list_first_entry_or_null(&unit->users, struct use, node))) {
		list_del_init(&use->node);
		if (kobjtree_get_unless_zero(&use->tree))
			return use;
	}
	return NULL;
}

static void tell_user(struct use *use)
{
	struct kobjtree *obj __free(kobjtree_put) = kobjtree_weak_get(&use->user);

	if (!obj)
		return;
	if (!to_unit(obj)->told) {
		kobjtree_unplug(&to_unit(obj)->bound.gate);
		return;
	}

	CLASS(kobjtree_section, section)(&to_unit(obj)->bound.gate);

	if (section)
		to_unit(obj)->told(to_unit(obj));
}

static void unit_tell(struct kobjtree_watcher *watcher)
{
	struct unit *unit = container_of(watcher, struct unit, tell);
	struct use *use;

	scoped_guard(mutex, &units_lock)
		list_del(&unit->node);
	while ((use = next_use(unit))) {
		tell_user(use);
		kobjtree_put(&use->tree);
	}
}

/* === Units === */

static void unit_stop(struct kobjtree_watcher *watcher)
{
	struct unit *unit = container_of(watcher, struct unit, stop);

	log_event(unit->log, 'q', unit->id);
}

static void unit_release(struct kobjtree *obj)
{
	log_event(to_unit(obj)->log, 'r', to_unit(obj)->id);
	stop_at(to_unit(obj)->in_release);
	atomic_dec(&to_unit(obj)->log->live);
}

DEFINE_KOBJTREE_TYPE(unit_type, struct unit, bound.tree,
		     .release = unit_release);

static void write_down(struct unit *unit)
{
	log_event(unit->log, 't', unit->id);
}

/* Return: a user that is told, which has no hardware of its own. */
static struct unit *user_new(struct kunit *test, int id)
{
	struct unit *unit = kobjtree_alloc(struct unit, bound.tree, &unit_type,
					   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, unit);
	unit->log = test->priv;
	unit->id = id;
	unit->told = write_down;
	atomic_inc(&unit->log->live);
	INIT_LIST_HEAD(&unit->users);
	kobjtree_gate_init(&unit->bound.gate, &unit->bound.tree);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&unit->bound.gate), 0);
	return unit;
}

/* Return: a provider, published; as a user, it ends with its own provider. */
static struct unit *unit_new(struct kunit *test, int id)
{
	struct unit *unit = user_new(test, id);

	unit->told = NULL;
	unit->stop.quiesce = unit_stop;
	unit->tell.quiesce = unit_tell;
	KUNIT_ASSERT_EQ(test, kobjtree_watch(&unit->bound.gate, &unit->stop), 0);
	guard(mutex)(&units_lock);
	KUNIT_ASSERT_EQ(test, kobjtree_watch(&unit->bound.gate, &unit->tell), 0);
	list_add(&unit->node, &units);
	return unit;
}

/* Return: a user of @unit that is told. */
static struct unit *user_of(struct kunit *test, struct unit *unit, int id)
{
	struct unit *user = user_new(test, id);

	KUNIT_ASSERT_EQ(test, unit_get(user, unit), 0);
	return user;
}

/* Return: a provider that @unit supplies. */
static struct unit *supplied_by(struct kunit *test, struct unit *unit, int id)
{
	struct unit *supplied = unit_new(test, id);

	KUNIT_ASSERT_EQ(test, unit_get(supplied, unit), 0);
	return supplied;
}

static void unit_unplug(struct unit *unit)
{
	kobjtree_unplug(&unit->bound.gate);
}

static void unit_put(struct unit *unit)
{
	kobjtree_put(&unit->bound.tree);
}

/* === Threads === */

struct test_thread {
	void (*fn)(struct test_thread *thread);
	struct unit *unit;
	struct task_struct *task;
	struct completion entered;
	struct completion leave;
	struct completion done;
	int ret;
};

static int test_thread_main(void *data)
{
	struct test_thread *thread = data;

	thread->fn(thread);
	complete(&thread->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static struct test_thread *thread_start(struct kunit *test,
					void (*fn)(struct test_thread *),
					struct unit *unit)
{
	struct test_thread *thread = kunit_kzalloc(test, sizeof(*thread),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, thread);
	thread->fn = fn;
	thread->unit = unit;
	init_completion(&thread->entered);
	init_completion(&thread->leave);
	init_completion(&thread->done);
	thread->task = kthread_run(test_thread_main, thread, "provider_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread->task));
	return thread;
}

static void thread_join(struct test_thread *thread)
{
	wait_for_completion(&thread->done);
	kthread_stop(thread->task);
}

/* It has not ended, and does not for a while. */
#define EXPECT_BLOCKED(test, thread) \
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&(thread)->done, \
				msecs_to_jiffies(A_WHILE_MS)), 0)

static void thread_put(struct test_thread *thread)
{
	unit_put(thread->unit);
}

static void thread_unplug(struct test_thread *thread)
{
	unit_unplug(thread->unit);
}

/* A call of the user @unit that takes its time. */
static void thread_call(struct test_thread *thread)
{
	CLASS(kobjtree_section, section)(&thread->unit->use->unit->bound.gate);

	thread->ret = section ? 0 : -ENODEV;
	complete(&thread->entered);
	wait_for_completion(&thread->leave);
}

static struct test_thread *call_start(struct kunit *test, struct unit *user)
{
	struct test_thread *thread = thread_start(test, thread_call, user);

	wait_for_completion(&thread->entered);
	KUNIT_EXPECT_EQ(test, thread->ret, 0);
	return thread;
}

/* === 4: lookup === */

static void s4_lookup_beside_the_last_put_finds_nothing(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct test_thread *putter;

	scoped_guard(mutex, &units_lock) {
		struct unit *found = list_first_entry(&units, struct unit, node);

		KUNIT_EXPECT_PTR_EQ(test, found, unit);
		putter = thread_start(test, thread_put, unit);
		EXPECT_BLOCKED(test, putter);	/* on the table's lock */
		KUNIT_EXPECT_FALSE(test, kobjtree_get_unless_zero(&found->bound.tree));
		KUNIT_EXPECT_EQ(test, found->id, 1);	/* and the memory is there */
		expect_log(test, test->priv, "r1");
	}
	thread_join(putter);
	KUNIT_EXPECT_TRUE(test, list_empty(&units));
	expect_log(test, test->priv, "q1");
}

/* Dead, and neither out of the table yet nor marked. */
static void s4_get_beside_the_last_put_finds_nothing(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1), *user = user_new(test, 2);
	struct test_thread *putter;
	struct stop stop;

	stop_init(&stop);
	unit->in_release = &stop;
	putter = thread_start(test, thread_put, unit);
	wait_for_completion(&stop.reached);
	KUNIT_EXPECT_FALSE(test, kobjtree_marked(&unit->bound.gate));
	KUNIT_EXPECT_EQ(test, unit_get(user, unit), -EPROBE_DEFER);
	expect_log(test, test->priv, "r1 u21");
	complete(&stop.go);
	thread_join(putter);
	unit_put(user);
	expect_log(test, test->priv, "q1 r2");
}

static void thread_get(struct test_thread *thread)
{
	thread->ret = unit_get(thread->unit, thread->unit->arg);
}

/* From the look at the mark to the entry in the list nothing comes between. */
static void s4_get_and_removal_take_turns(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1), *user = user_new(test, 2);
	struct test_thread *getter, *remover;

	user->arg = unit;
	scoped_guard(mutex, &units_lock) {
		getter = thread_start(test, thread_get, user);
		EXPECT_BLOCKED(test, getter);
		KUNIT_EXPECT_TRUE(test, list_empty(&unit->users));
	}
	thread_join(getter);
	KUNIT_EXPECT_EQ(test, getter->ret, 0);
	scoped_guard(mutex, &units_lock) {
		remover = thread_start(test, thread_unplug, unit);
		EXPECT_BLOCKED(test, remover);
		expect_log(test, test->priv, "");
	}
	thread_join(remover);
	expect_log(test, test->priv, "t2 q1");
	unit_put(unit);
	unit_put(user);
	expect_log(test, test->priv, "r2 u21 r1");
}

static void s4_lookup_after_the_mark_finds_nothing(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1), *user = user_new(test, 2);

	kobjtree_mark(&unit->bound.gate);
	KUNIT_EXPECT_EQ(test, unit_get(user, unit), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, kref_read(&unit->bound.tree.ref), 1);
	expect_log(test, test->priv, "u21");
	unit_unplug(unit);
	unit_put(unit);
	unit_put(user);
	expect_log(test, test->priv, "q1 r1 r2");
}

static void s4_handle_keeps_what_was_found(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);

	KUNIT_EXPECT_EQ(test, unit_call(user), 0);
	unit_unplug(unit);
	unit_put(unit);
	expect_log(test, test->priv, "t2 q1");
	KUNIT_EXPECT_EQ(test, unit_call(user), -ENODEV);
	unit_put(user);
	expect_log(test, test->priv, "r2 u21 r1");
}

static void count_news(struct unit *user)
{
	atomic_inc(&user->news);
}

/* One user that gets the same unit again and again, until it is refused. */
static void thread_join_often(struct test_thread *thread)
{
	struct unit *user = thread->unit, *unit = user->arg;

	complete(&thread->entered);
	while (!unit_get(user, unit)) {
		thread->ret++;
		cond_resched();
	}
}

static void s4_no_handle_is_missed_by_the_removal(struct kunit *test)
{
	long joined = 0;
	int round;

	for (round = 0; round < 50; round++) {
		struct unit *unit = unit_new(test, 1), *user = user_new(test, 2);
		struct test_thread *joiner;

		user->told = count_news;
		user->arg = unit;
		joiner = thread_start(test, thread_join_often, user);
		wait_for_completion(&joiner->entered);
		udelay(round * 20);
		unit_unplug(unit);
		thread_join(joiner);
		KUNIT_EXPECT_EQ(test, atomic_read(&user->news), joiner->ret);
		joined += joiner->ret;
		unit_put(user);
		unit_put(unit);
		log_take(test->priv);
	}
	KUNIT_EXPECT_GT(test, joined, 0);
}

/* === 7: a put in a bad place === */

static void put_async(void *data)
{
	struct use *use = data;

	kobjtree_put_async(&use->tree);
}

static void s7_handle_may_be_put_in_atomic_context(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);
	DECLARE_COMPLETION_ONSTACK(gone);
	struct use *use = user->use;

	use->gone = &gone;
	kobjtree_get(&use->tree);
	unit_drop(user);
	expect_log(test, test->priv, "");
	run_in(test, the_context(test), put_async, use);
	wait_for_completion(&gone);
	expect_log(test, test->priv, "u21");
	unit_unplug(unit);
	unit_put(user);
	/* the worker may have its reference for a moment yet */
	while (kref_read(&unit->bound.tree.ref) > 1)
		schedule_timeout_uninterruptible(1);
	unit_put(unit);
	expect_log(test, test->priv, "q1 r2 r1");
}

/* === 9: a removal that comes early, or twice === */

static void s9_failed_registration_drains_before_it_unwinds(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);
	struct test_thread *caller = call_start(test, user), *remover;

	/* a step after the publication has failed */
	remover = thread_start(test, thread_unplug, unit);
	EXPECT_BLOCKED(test, remover);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, unit_call(user), -ENODEV);
	complete(&caller->leave);
	thread_join(caller);
	thread_join(remover);
	expect_log(test, test->priv, "t2 q1");
	unit_put(unit);
	unit_put(user);
	expect_log(test, test->priv, "r2 u21 r1");
}

static void s9_put_without_removal_removes(struct kunit *test)
{
	unit_put(unit_new(test, 1));
	expect_log(test, test->priv, "r1 q1");
	KUNIT_EXPECT_TRUE(test, list_empty(&units));
}

static void s9_second_removal_tells_nobody_again(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);

	unit_unplug(unit);
	expect_log(test, test->priv, "t2 q1");
	unit_unplug(unit);
	unit_put(unit);
	unit_put(user);
	expect_log(test, test->priv, "r2 u21 r1");
}

static void s9_removed_provider_is_not_registered_again(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);

	unit_unplug(unit);
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&unit->bound.gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_watch(&unit->bound.gate, &unit->tell),
			-ENODEV);
	unit_put(unit);
	expect_log(test, test->priv, "q1 r1");
}

/* === 10: the loss of a provider === */

static void s10_users_are_told_between_the_last_call_and_the_stop(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *first = user_of(test, unit, 2);
	struct unit *second = user_of(test, unit, 3);
	struct test_thread *caller = call_start(test, first), *remover;

	remover = thread_start(test, thread_unplug, unit);
	EXPECT_BLOCKED(test, remover);
	expect_log(test, test->priv, "");
	complete(&caller->leave);
	thread_join(caller);
	thread_join(remover);
	expect_log(test, test->priv, "t3 t2 q1");
	unit_put(unit);
	unit_put(second);
	unit_put(first);
	expect_log(test, test->priv, "r3 u31 r2 u21 r1");
}

static void drop_when_told(struct unit *user)
{
	write_down(user);
	unit_drop(user);
}

static void s10_told_user_may_put_its_handle(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);

	user->told = drop_when_told;
	unit_unplug(unit);
	expect_log(test, test->priv, "t2 u21 q1");
	unit_put(unit);
	expect_log(test, test->priv, "r1");
	unit_put(user);
	expect_log(test, test->priv, "r2");
}

static void drop_another_when_told(struct unit *user)
{
	write_down(user);
	unit_drop(user->arg);
}

static void s10_told_user_may_put_anothers_handle(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *last = user_of(test, unit, 2);
	struct unit *first = user_of(test, unit, 3);

	first->told = drop_another_when_told;
	first->arg = last;
	unit_unplug(unit);
	expect_log(test, test->priv, "t3 u21 q1");
	unit_put(last);
	unit_put(first);
	unit_put(unit);
	expect_log(test, test->priv, "r2 r3 u31 r1");
}

static void s10_user_that_went_is_not_told(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *unplugged = user_of(test, unit, 2);
	struct unit *put = user_of(test, unit, 3);

	unit_unplug(unplugged);
	unit_put(put);
	expect_log(test, test->priv, "r3 u31");
	unit_unplug(unit);
	expect_log(test, test->priv, "q1");
	unit_put(unit);
	unit_put(unplugged);
	expect_log(test, test->priv, "r2 u21 r1");
}

/* Its handle is dead, and still in the list. */
static void s10_user_that_goes_is_not_told(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);
	struct test_thread *putter;
	struct stop stop;

	stop_init(&stop);
	user->use->in_release = &stop;
	putter = thread_start(test, thread_put, user);
	wait_for_completion(&stop.reached);
	expect_log(test, test->priv, "r2");
	unit_unplug(unit);
	expect_log(test, test->priv, "q1");
	complete(&stop.go);
	thread_join(putter);
	expect_log(test, test->priv, "u21");
	unit_put(unit);
	expect_log(test, test->priv, "r1");
}

static void sleep_when_told(struct unit *user)
{
	struct test_thread *remover = user->arg;

	write_down(user);
	complete(&remover->entered);
	wait_for_completion(&remover->leave);
}

static void thread_unplug_provider(struct test_thread *thread)
{
	thread->unit->arg = thread;
	unit_unplug(thread->unit->use->unit);
}

static void s10_removal_of_a_user_waits_until_it_was_told(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *user = user_of(test, unit, 2);
	struct test_thread *remover, *user_remover;

	user->told = sleep_when_told;
	remover = thread_start(test, thread_unplug_provider, user);
	wait_for_completion(&remover->entered);
	user_remover = thread_start(test, thread_unplug, user);
	EXPECT_BLOCKED(test, user_remover);
	EXPECT_BLOCKED(test, remover);
	expect_log(test, test->priv, "t2");

	complete(&remover->leave);
	thread_join(user_remover);
	thread_join(remover);
	expect_log(test, test->priv, "q1");
	unit_put(unit);
	unit_put(user);
	expect_log(test, test->priv, "r2 u21 r1");
}

/* What a supplied unit sees of its supply when it stops. */
static void stop_and_look(struct kobjtree_watcher *watcher)
{
	struct unit *unit = container_of(watcher, struct unit, stop);
	const struct kobjtree_gate *supply = &unit->use->unit->bound.gate;

	unit_stop(watcher);
	log_event(unit->log, 's', supply->state);
}

static void s10_supplied_provider_stops_before_its_supply(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *supplied = supplied_by(test, unit, 2);
	struct unit *user = user_of(test, supplied, 3);
	char expected[32];

	supplied->stop.quiesce = stop_and_look;
	unit_unplug(unit);
	snprintf(expected, sizeof(expected), "t3 q2 s%d q1",
		 KOBJTREE_GATE_DRAINED);
	expect_log(test, test->priv, expected);
	KUNIT_EXPECT_EQ(test, unit_call(user), -ENODEV);
	unit_unplug(supplied);		/* its own removal has nothing left to do */
	expect_log(test, test->priv, "");
	unit_put(unit);
	unit_put(supplied);
	unit_put(user);
	expect_log(test, test->priv, "r3 u32 r2 u21 r1");
}

static void s10_supplied_provider_may_go_first(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *supplied = supplied_by(test, unit, 2);
	struct unit *user = user_of(test, supplied, 3);

	unit_unplug(supplied);
	expect_log(test, test->priv, "t3 q2");
	KUNIT_EXPECT_EQ(test, unit_call(user), -ENODEV);
	KUNIT_EXPECT_EQ(test, unit_call(supplied), 0);
	unit_unplug(unit);
	expect_log(test, test->priv, "q1");
	unit_put(user);
	unit_put(supplied);
	unit_put(unit);
	expect_log(test, test->priv, "r3 u32 r2 u21 r1");
}

static void s10_memory_goes_in_one_order_whoever_puts_first(struct kunit *test)
{
	static const int orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct unit *unit[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		unit[0] = unit_new(test, 1);
		unit[1] = supplied_by(test, unit[0], 2);
		unit[2] = user_of(test, unit[1], 3);
		unit_unplug(unit[0]);
		expect_log(test, test->priv, "t3 q2 q1");
		unit_put(unit[orders[i][0]]);
		unit_put(unit[orders[i][1]]);
		unit_put(unit[orders[i][2]]);
		expect_log(test, test->priv, "r3 u32 r2 u21 r1");
	}
}

static void s10_circle_of_supplies_is_refused(struct kunit *test)
{
	struct unit *unit = unit_new(test, 1);
	struct unit *supplied = supplied_by(test, unit, 2);

	MAY_WARN(test, MISUSE_LOOP);
	KUNIT_EXPECT_EQ(test, unit_get(unit, supplied), -ELOOP);
	expect_log(test, test->priv, "u12");
	unit_unplug(unit);
	expect_log(test, test->priv, "q2 q1");
	unit_put(unit);
	unit_put(supplied);
	expect_log(test, test->priv, "r2 u21 r1");
}

/* As a processor calls the sensor that has its clock from it. */
static int weak_call(struct kobjtree_weak *weak)
{
	struct kobjtree *obj __free(kobjtree_put) = kobjtree_weak_get(weak);

	if (!obj)
		return -ENODEV;

	CLASS(kobjtree_section, section)(&to_unit(obj)->bound.gate);

	return section ? unit_call(to_unit(obj)) : -ENODEV;
}

static void s10_circle_with_a_weak_side_goes_in_either_order(struct kunit *test)
{
	struct kobjtree_weak weak = {};
	struct unit *unit, *sensor;

	unit = unit_new(test, 1);
	sensor = supplied_by(test, unit, 2);
	kobjtree_weak_set(&weak, &sensor->bound.tree);
	KUNIT_EXPECT_EQ(test, weak_call(&weak), 0);
	unit_unplug(unit);
	KUNIT_EXPECT_EQ(test, weak_call(&weak), -ENODEV);
	unit_put(unit);
	expect_log(test, test->priv, "q2 q1");
	unit_put(sensor);
	KUNIT_EXPECT_EQ(test, weak_call(&weak), -ENODEV);
	expect_log(test, test->priv, "r2 u21 r1");

	unit = unit_new(test, 1);
	sensor = supplied_by(test, unit, 2);
	kobjtree_weak_set(&weak, &sensor->bound.tree);
	unit_unplug(sensor);
	KUNIT_EXPECT_EQ(test, weak_call(&weak), -ENODEV);
	unit_put(sensor);
	KUNIT_EXPECT_EQ(test, weak_call(&weak), -ENODEV);
	expect_log(test, test->priv, "q2 r2 u21");
	unit_unplug(unit);
	unit_put(unit);
	expect_log(test, test->priv, "q1 r1");
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE(s4_lookup_beside_the_last_put_finds_nothing),
	KUNIT_CASE(s4_get_beside_the_last_put_finds_nothing),
	KUNIT_CASE(s4_get_and_removal_take_turns),
	KUNIT_CASE(s4_lookup_after_the_mark_finds_nothing),
	KUNIT_CASE(s4_handle_keeps_what_was_found),
	KUNIT_CASE(s4_no_handle_is_missed_by_the_removal),
	KUNIT_CASE_PARAM(s7_handle_may_be_put_in_atomic_context,
			 context_gen_params),
	KUNIT_CASE(s9_failed_registration_drains_before_it_unwinds),
	KUNIT_CASE(s9_put_without_removal_removes),
	KUNIT_CASE(s9_second_removal_tells_nobody_again),
	KUNIT_CASE(s9_removed_provider_is_not_registered_again),
	KUNIT_CASE(s10_users_are_told_between_the_last_call_and_the_stop),
	KUNIT_CASE(s10_told_user_may_put_its_handle),
	KUNIT_CASE(s10_told_user_may_put_anothers_handle),
	KUNIT_CASE(s10_user_that_went_is_not_told),
	KUNIT_CASE(s10_user_that_goes_is_not_told),
	KUNIT_CASE(s10_removal_of_a_user_waits_until_it_was_told),
	KUNIT_CASE(s10_supplied_provider_stops_before_its_supply),
	KUNIT_CASE(s10_supplied_provider_may_go_first),
	KUNIT_CASE(s10_memory_goes_in_one_order_whoever_puts_first),
	KUNIT_CASE(s10_circle_of_supplies_is_refused),
	KUNIT_CASE(s10_circle_with_a_weak_side_goes_in_either_order),
	{}
};

static struct kunit_suite provider_suite = {
	.name = "kobjtree_provider",
	.init = test_init,
	.exit = test_exit,
	.test_cases = provider_cases,
};

kunit_test_suite(provider_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: providers and their users");
MODULE_LICENSE("GPL");
