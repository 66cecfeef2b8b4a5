// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module unload: kobjtree_owner_barrier() waits for what the core may still
 * call of this module, wherever it hangs, and for nothing else.
 *
 * Plain objects belong to the core: with one of those, an action of this
 * module is on an object of another owner.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kobjtree.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "helpers.h"

#define A_WHILE		(HZ / 20)
#define FOR_EVER	(20 * HZ)

/* === Another thread in the barrier === */

struct waiter {
	struct task_struct *task;
	struct completion done;
};

static int wait_in_barrier(void *data)
{
	struct waiter *waiter = data;

	kobjtree_owner_barrier();
	complete(&waiter->done);
	return 0;
}

static void start_waiter(struct kunit *test, struct waiter *waiter)
{
	init_completion(&waiter->done);
	waiter->task = kthread_create(wait_in_barrier, waiter,
				      "kobjtree-barrier");
	KUNIT_ASSERT_FALSE(test, IS_ERR(waiter->task));
	get_task_struct(waiter->task);
	wake_up_process(waiter->task);
}

static void expect_waits(struct kunit *test, struct waiter *waiter)
{
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&waiter->done,
							  A_WHILE), 0UL);
}

static void expect_ends(struct kunit *test, struct waiter *waiter)
{
	KUNIT_ASSERT_NE_MSG(test, wait_for_completion_timeout(&waiter->done,
							      FOR_EVER), 0UL,
			    "the barrier does not end");
	kthread_stop(waiter->task);
	put_task_struct(waiter->task);
}

struct plain {
	struct kobjtree tree;
	struct kobjtree_edge edge;
};

static struct plain *plain_new(struct kunit *test)
{
	struct plain *plain = kobjtree_alloc(struct plain, tree, NULL,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, plain);
	return plain;
}

/* === Objects === */

static void barrier_waits_for_a_live_object(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct waiter waiter;

	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	node_put(node);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "r1 f1");
}

static void barrier_waits_for_the_last_of_several(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);
	struct waiter waiter;

	start_waiter(test, &waiter);
	node_put(one);
	expect_waits(test, &waiter);
	node_put(two);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void barrier_lets_two_callers_go(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct waiter first, second;

	start_waiter(test, &first);
	start_waiter(test, &second);
	expect_waits(test, &first);
	expect_waits(test, &second);
	node_put(node);
	expect_ends(test, &first);
	expect_ends(test, &second);
	expect_log(test, test->priv, "r1 f1");
}

/* plain -> 1: nobody of this module has a reference */
static void barrier_waits_for_what_another_owner_holds(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_node *node = node_new(test, 1);
	struct waiter waiter;

	kobjtree_hold_give(&plain->tree, &node->tree);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	kobjtree_put(&plain->tree);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "r1 f1");
}

/* member -> container, which is plain: the type is that of the member */
static void barrier_waits_for_a_member(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_node *node;
	struct waiter waiter;

	node = kobjtree_kzalloc(&plain->tree, sizeof(*node), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = test->priv;
	node->id = 1;
	kobjtree_init_member(&node->tree, &node_type, &plain->tree);
	kobjtree_put(&plain->tree);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	node_put(node);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "r1");
}

static void barrier_does_not_wait_for_plain_objects(struct kunit *test)
{
	struct plain *plain = plain_new(test);

	kobjtree_owner_barrier();
	kobjtree_put(&plain->tree);
}

/* === Objects of two modules in one teardown === */

/* As if of another module, which nobody lists. */
static LIST_HEAD(other_list);
static struct kobjtree_owner other_owner = {
	.name = "other",
	.work = __WORK_INITIALIZER(other_owner.work, kobjtree_owner_work),
};

static long seen_by_other;

static void other_release(struct kobjtree *obj)
{
	seen_by_other = atomic_long_read(&__kobjtree_owner.count);
}

DEFINE_KOBJTREE_TYPE(other_type, struct plain, tree, .release = other_release);

/* plain -> 2, 1; plain -> other, the oldest: it could wait for 1 and 2 */
static void what_went_does_not_count_in_a_release_of_another_module(struct kunit *test)
{
	struct kobjtree_type type = other_type;
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);
	struct plain *plain = plain_new(test);
	struct plain *other;

	list_add(&other_owner.node, &other_list);
	type.owner = &other_owner;
	other = kobjtree_alloc(struct plain, tree, &type, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	kobjtree_hold_give(&plain->tree, &other->tree);
	kobjtree_hold_edge_give(&plain->tree, &plain->edge, &one->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_link_give(&plain->tree, NULL, &two->tree), 0);
	seen_by_other = -1;
	kobjtree_put(&plain->tree);
	KUNIT_EXPECT_EQ(test, seen_by_other, 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&other_owner.count), 0L);
	list_del(&other_owner.node);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

/* === Callbacks that run === */

struct gate {
	struct completion entered;
	struct completion leave;
};

static void gate_init(struct gate *gate)
{
	init_completion(&gate->entered);
	init_completion(&gate->leave);
}

static void gate_pass(struct gate *gate)
{
	complete(&gate->entered);
	wait_for_completion(&gate->leave);
}

static void gate_in_release(struct test_node *node)
{
	gate_pass(node->arg);
}

static void gate_in_action(void *data)
{
	gate_pass(data);
}

static void barrier_waits_until_a_deferred_release_has_returned(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct waiter waiter;
	struct gate gate;

	gate_init(&gate);
	node->in_release = gate_in_release;
	node->arg = &gate;
	kobjtree_put_async(&node->tree);
	wait_for_completion(&gate.entered);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	complete(&gate.leave);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "r1 f1");
}

static void barrier_waits_until_an_action_has_returned(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct waiter waiter;
	struct gate gate;

	gate_init(&gate);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&plain->tree, gate_in_action,
						  &gate), 0);
	kobjtree_put_async(&plain->tree);
	wait_for_completion(&gate.entered);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	complete(&gate.leave);
	expect_ends(test, &waiter);
}

/* One slow owner does not keep the others' objects. */
static void deferred_puts_queue_behind_their_own_owner_only(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct plain *plain = plain_new(test);
	struct gate slow, other;

	gate_init(&slow);
	gate_init(&other);
	node->in_release = gate_in_release;
	node->arg = &slow;
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&plain->tree, gate_in_action,
						  &other), 0);
	kobjtree_put_async(&node->tree);
	wait_for_completion(&slow.entered);
	kobjtree_put_async(&plain->tree);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&other.entered,
							  FOR_EVER), 0UL);
	complete(&slow.leave);
	complete(&other.leave);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

/* The count covers the memory too: .free may be this module's. */
static atomic_t rcu_freed;

static void rcu_free(struct kobjtree *obj)
{
	atomic_inc(&rcu_freed);
	kfree(container_of(obj, struct plain, tree));
}

DEFINE_KOBJTREE_TYPE(rcu_type, struct plain, tree, .free = rcu_free,
		     .rcu = true);

static void barrier_waits_for_the_grace_period_of_the_memory(struct kunit *test)
{
	struct plain *plain = kobjtree_alloc(struct plain, tree, &rcu_type,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, plain);
	atomic_set(&rcu_freed, 0);
	kobjtree_put(&plain->tree);
	kobjtree_owner_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&rcu_freed), 1);
}

/* === Actions === */

static void barrier_waits_for_an_action_on_anothers_object(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_mark *mark = test_mark(test, 9);
	struct waiter waiter;

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&plain->tree, test_action,
						  mark), 0);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	kobjtree_put(&plain->tree);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "a9");
}

static void barrier_waits_for_an_embedded_action(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_mark *mark = test_mark(test, 9);
	struct waiter waiter;

	kobjtree_embed_action(&plain->tree, &mark->storage, test_action, mark);
	start_waiter(test, &waiter);
	expect_waits(test, &waiter);
	kobjtree_put(&plain->tree);
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "a9");
}

static void barrier_does_not_wait_for_a_removed_action(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_mark *mark = test_mark(test, 9);
	struct waiter waiter;

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&plain->tree, test_action,
						  mark), 0);
	kobjtree_embed_action(&plain->tree, &mark->storage, test_action, mark);
	start_waiter(test, &waiter);
	KUNIT_EXPECT_TRUE(test, kobjtree_remove_action(&plain->tree,
						       test_action, mark));
	expect_waits(test, &waiter);
	KUNIT_EXPECT_TRUE(test, kobjtree_remove_action(&plain->tree,
						       test_action, mark));
	expect_ends(test, &waiter);
	expect_log(test, test->priv, "");
	kobjtree_put(&plain->tree);
}

static void barrier_does_not_wait_for_an_action_that_was_called(struct kunit *test)
{
	struct plain *plain = plain_new(test);
	struct test_mark *mark = test_mark(test, 9);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&plain->tree, test_action,
						  mark), 0);
	KUNIT_EXPECT_TRUE(test, kobjtree_release_action(&plain->tree,
							test_action, mark));
	expect_log(test, test->priv, "a9");
	kobjtree_owner_barrier();
	kobjtree_put(&plain->tree);
}

static void add_in_release(struct test_node *node)
{
	log_event(node->log, 'e',
		  -kobjtree_add_action(&node->tree, test_action, node->arg));
}

static void barrier_does_not_wait_for_a_refused_action(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->in_release = add_in_release;
	node->arg = test_mark(test, 9);
	node_put(node);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 e19 f1");
}

static struct kunit_case module_cases[] = {
	KUNIT_CASE(barrier_waits_for_a_live_object),
	KUNIT_CASE(barrier_waits_for_the_last_of_several),
	KUNIT_CASE(barrier_lets_two_callers_go),
	KUNIT_CASE(barrier_waits_for_what_another_owner_holds),
	KUNIT_CASE(barrier_waits_for_a_member),
	KUNIT_CASE(barrier_does_not_wait_for_plain_objects),
	KUNIT_CASE(what_went_does_not_count_in_a_release_of_another_module),
	KUNIT_CASE(barrier_waits_until_a_deferred_release_has_returned),
	KUNIT_CASE(barrier_waits_until_an_action_has_returned),
	KUNIT_CASE(deferred_puts_queue_behind_their_own_owner_only),
	KUNIT_CASE(barrier_waits_for_the_grace_period_of_the_memory),
	KUNIT_CASE(barrier_waits_for_an_action_on_anothers_object),
	KUNIT_CASE(barrier_waits_for_an_embedded_action),
	KUNIT_CASE(barrier_does_not_wait_for_a_removed_action),
	KUNIT_CASE(barrier_does_not_wait_for_an_action_that_was_called),
	KUNIT_CASE(barrier_does_not_wait_for_a_refused_action),
	{}
};

static struct kunit_suite module_suite = {
	.name = "kobjtree_module",
	.init = test_init,
	.exit = test_exit,
	.test_cases = module_cases,
};

kunit_test_suite(module_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree against the unload of modules");
MODULE_LICENSE("GPL");
