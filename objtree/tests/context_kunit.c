// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: what may be called where sleeping is illegal, and that whatever
 * the last reference went in, releases run in process context and in order.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "contexts.h"
#include "helpers.h"

/* Where a release ran. */
struct place {
	struct task_struct *task;
	bool worker;
	bool atomic;
	bool over;
};

static void note_place(struct test_node *node)
{
	struct place *place = node->arg;

	place->task = current;
	place->worker = current->flags & PF_WQ_WORKER;
	place->atomic = !in_task() || irqs_disabled();
#ifdef CONFIG_PREEMPT_COUNT
	place->atomic |= preempt_count();
#endif
}

struct last_put {
	struct test_node *node[3];
	int nr;
};

static void put_async_here(void *data)
{
	struct last_put *put = data;
	int i;

	for (i = 0; i < put->nr; i++)
		kobjtree_put_async(&put->node[i]->tree);
}

/* === The last put, and where its release runs === */

static void context_put_async_releases_in_a_worker(struct kunit *test)
{
	struct last_put put = { .node = { node_new(test, 1) }, .nr = 1 };
	struct place place = {};

	put.node[0]->in_release = note_place;
	put.node[0]->arg = &place;
	run_in(test, the_context(test), put_async_here, &put);
	kobjtree_owner_barrier();
	KUNIT_EXPECT_TRUE(test, place.worker);
	KUNIT_EXPECT_FALSE(test, place.atomic);
	KUNIT_EXPECT_PTR_NE(test, place.task, current);
	expect_log(test, test->priv, "r1 f1");
}

static void context_put_async_defers_in_process_context_too(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct place place = {};

	node->in_release = note_place;
	node->arg = &place;
	kobjtree_put_async(&node->tree);
	kobjtree_owner_barrier();
	KUNIT_EXPECT_TRUE(test, place.worker);
	KUNIT_EXPECT_PTR_NE(test, place.task, current);
	expect_log(test, test->priv, "r1 f1");
}

static void context_put_releases_before_it_returns(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct place place = {};

	node->in_release = note_place;
	node->arg = &place;
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_PTR_EQ(test, place.task, current);
	KUNIT_EXPECT_FALSE(test, place.atomic);
}

static void context_put_async_of_one_of_two_does_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct last_put put = { .node = { node }, .nr = 1 };

	kobjtree_get(&node->tree);
	run_in(test, the_context(test), put_async_here, &put);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static DEFINE_MUTEX(sleepy);

static void sleep_in_release(struct test_node *node)
{
	struct place *place = node->arg;

	guard(mutex)(&sleepy);
	msleep(50);
	place->over = true;
}

static void context_deferred_release_may_sleep(struct kunit *test)
{
	struct last_put put = { .node = { node_new(test, 1) }, .nr = 1 };
	struct place place = {};

	put.node[0]->in_release = sleep_in_release;
	put.node[0]->arg = &place;
	run_in(test, the_context(test), put_async_here, &put);

	/* the barrier waits until the release has returned */
	kobjtree_owner_barrier();
	KUNIT_EXPECT_TRUE(test, place.over);
	expect_log(test, test->priv, "r1 f1");
}

static void context_barrier_has_nothing_to_wait_for(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node_put(node);
	kobjtree_owner_barrier();
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

/* === In which order === */

static void context_deferred_releases_run_in_the_order_of_the_puts(struct kunit *test)
{
	struct last_put put = { .nr = 3 };
	int i;

	for (i = 0; i < 3; i++)
		put.node[i] = node_new(test, i + 1);
	run_in(test, the_context(test), put_async_here, &put);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1 r2 f2 r3 f3");
}

/* 1 -> 2, 3; 2 -> 4: the order of a cascade is that of a put() */
static void context_deferred_cascade_keeps_its_order(struct kunit *test)
{
	struct test_node *top = node_new(test, 1);
	struct last_put put = { .node = { top }, .nr = 1 };
	struct test_node *two = node_child(test, top, 0, 2);

	node_child(test, top, 1, 3);
	node_child(test, two, 0, 4);
	node_action(test, top, 8);
	node_action(test, top, 9);
	run_in(test, the_context(test), put_async_here, &put);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 a9 a8 r3 f3 r2 r4 f4 f2 f1");
}

static void put_arg_async(struct test_node *node)
{
	kobjtree_put_async(node->arg);
}

static void put_arg(struct test_node *node)
{
	kobjtree_put(node->arg);
}

/* An object of this owner is queued behind the one whose release put it. */
static void context_put_async_in_a_release_does_not_join(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);

	one->in_release = put_arg_async;
	one->arg = &two->tree;
	kobjtree_put_async(&one->tree);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void context_put_in_a_deferred_release_joins(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);

	node_action(test, one, 9);
	one->in_release = put_arg;
	one->arg = &two->tree;
	kobjtree_put_async(&one->tree);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 r2 f2 a9 f1");
}

/* What two deferred objects share goes with the second. */
static void context_deferred_objects_share_what_they_hold(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);
	struct last_put put = { .node = { one, two }, .nr = 2 };
	struct test_node *shared = node_child(test, one, 0, 3);

	KUNIT_ASSERT_EQ(test, node_link(two, 0, shared), 0);
	run_in(test, the_context(test), put_async_here, &put);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1 r2 r3 f3 f2");
}

static void context_put_async_needs_no_memory(struct kunit *test)
{
	struct test_node *node;

	fail_setup(test);
	node = node_new(test, 1);
	EXPECT_NO_ALLOC(test, kobjtree_put_async(&node->tree));
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

/* === What else works in any context === */

static void get_twice(void *data)
{
	struct test_node *node = data;

	kobjtree_get(&node->tree);
	if (kobjtree_get_unless_zero(&node->tree))
		node->arg = node;
}

static void context_get_works_anywhere(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	int i;

	run_in(test, the_context(test), get_twice, node);
	KUNIT_EXPECT_PTR_EQ(test, node->arg, (void *)node);
	KUNIT_EXPECT_EQ(test, node_refs(node), 3);
	for (i = 0; i < 3; i++)
		node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void init_atomic(void *data)
{
	struct test_node *node = data;

	kobjtree_init(&node->tree, &node_type);
}

static void context_init_works_anywhere(struct kunit *test)
{
	struct test_node *node = kzalloc(sizeof(*node), GFP_KERNEL);
	struct test_log *log = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = log;
	node->id = 1;
	atomic_inc(&log->live);
	run_in(test, the_context(test), init_atomic, node);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, log, "r1 f1");
}

static void hold_atomic(void *data)
{
	struct test_node *node = data, *held = node->arg;

	kobjtree_hold_give(&node->tree, &held->tree);
}

static void context_hold_works_anywhere(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	node->arg = held;
	run_in(test, the_context(test), hold_atomic, node);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

static void alloc_atomic(void *data)
{
	struct test_node **node = data;

	*node = kobjtree_alloc(struct test_node, tree, NULL, GFP_ATOMIC);
	if (*node && !kobjtree_kzalloc(&(*node)->tree, 32, GFP_ATOMIC)) {
		kobjtree_put_async(&(*node)->tree);
		*node = NULL;
	}
}

static void context_alloc_works_anywhere(struct kunit *test)
{
	struct test_node *node = NULL;

	run_in(test, the_context(test), alloc_atomic, &node);
	KUNIT_ASSERT_NOT_NULL(test, node);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
}

static void embed_atomic(void *data)
{
	struct test_node *node = data;
	struct test_mark *mark = node->arg;

	kobjtree_embed_action(&node->tree, &mark->storage, test_action, mark);
}

static void remove_atomic(void *data)
{
	struct test_node *node = data;

	if (kobjtree_remove_action(&node->tree, test_action, node->arg))
		node->arg = NULL;
}

static void context_embed_action_works_anywhere(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->arg = test_mark(test, 5);
	run_in(test, the_context(test), embed_atomic, node);
	node_put(node);
	expect_log(test, test->priv, "r1 a5 f1");
}

static void context_remove_action_works_anywhere(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->arg = node_action(test, node, 5);
	run_in(test, the_context(test), remove_atomic, node);
	KUNIT_EXPECT_NULL(test, node->arg);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void link_atomic(void *data)
{
	struct test_node *node = data;

	node->arg = (void *)(long)node_link(node, 0, node->arg);
}

static void context_link_of_a_never_held_holder_works_anywhere(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	holder->arg = held;
	run_in(test, the_context(test), link_atomic, holder);
	KUNIT_EXPECT_PTR_EQ(test, holder->arg, NULL);
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

static struct kunit_case context_cases[] = {
	KUNIT_CASE_PARAM(context_put_async_releases_in_a_worker,
			 context_gen_params),
	KUNIT_CASE(context_put_async_defers_in_process_context_too),
	KUNIT_CASE(context_put_releases_before_it_returns),
	KUNIT_CASE_PARAM(context_put_async_of_one_of_two_does_nothing,
			 context_gen_params),
	KUNIT_CASE_PARAM(context_deferred_release_may_sleep,
			 context_gen_params),
	KUNIT_CASE(context_barrier_has_nothing_to_wait_for),
	KUNIT_CASE_PARAM(context_deferred_releases_run_in_the_order_of_the_puts,
			 context_gen_params),
	KUNIT_CASE_PARAM(context_deferred_cascade_keeps_its_order,
			 context_gen_params),
	KUNIT_CASE(context_put_async_in_a_release_does_not_join),
	KUNIT_CASE(context_put_in_a_deferred_release_joins),
	KUNIT_CASE_PARAM(context_deferred_objects_share_what_they_hold,
			 context_gen_params),
	KUNIT_CASE(context_put_async_needs_no_memory),
	KUNIT_CASE_PARAM(context_get_works_anywhere, context_gen_params),
	KUNIT_CASE_PARAM(context_init_works_anywhere, context_gen_params),
	KUNIT_CASE_PARAM(context_hold_works_anywhere, context_gen_params),
	KUNIT_CASE_PARAM(context_alloc_works_anywhere, context_gen_params),
	KUNIT_CASE_PARAM(context_embed_action_works_anywhere,
			 context_gen_params),
	KUNIT_CASE_PARAM(context_remove_action_works_anywhere,
			 context_gen_params),
	KUNIT_CASE_PARAM(context_link_of_a_never_held_holder_works_anywhere,
			 context_gen_params),
	{}
};

static struct kunit_suite context_suite = {
	.name = "kobjtree_context",
	.init = test_init,
	.exit = test_exit,
	.test_cases = context_cases,
};

kunit_test_suite(context_suite);

MODULE_DESCRIPTION("KUnit tests of the contexts of kobjtree");
MODULE_LICENSE("GPL");
