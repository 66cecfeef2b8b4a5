// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects: how one comes into being, what counts, and how its memory goes.
 *
 * Drawn above a test: (n) is an object with n references, -> an edge.
 */
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "helpers.h"

/* The sizes that the documentation promises. */
static_assert(BITS_PER_LONG != 64 || sizeof(struct kobjtree) <= 40);
static_assert(BITS_PER_LONG != 64 || sizeof(struct kobjtree_edge) <= 24);
static_assert(sizeof(struct kobjtree_weak) <= 3 * sizeof(long));

/* === Birth === */

/* kzalloc -> init -> (1) */
static void init_gives_the_caller_one_reference(struct kunit *test)
{
	struct test_log *log = test->priv;
	struct test_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = log;
	node->id = 1;
	atomic_inc(&log->live);
	kobjtree_init(&node->tree, &node_type);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);

	node_put(node);
	expect_log(test, log, "r1 f1");
}

/* alloc -> (1) */
static void alloc_gives_the_caller_one_reference(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

struct padded {
	u8 before[40];
	struct kobjtree tree;
	u8 after[40];
};

/* 0000[tree]0000 */
static void alloc_zeroes_what_is_around_the_object(struct kunit *test)
{
	struct padded *padded;

	padded = kobjtree_alloc(struct padded, tree, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, padded);
	KUNIT_EXPECT_NULL(test, memchr_inv(padded->before, 0,
					   sizeof(padded->before)));
	KUNIT_EXPECT_NULL(test, memchr_inv(padded->after, 0,
					   sizeof(padded->after)));
	kobjtree_put(&padded->tree);
}

/* The memory that an init gets is not always zeroed: ????[tree]???? */
static void init_does_not_read_what_was_there(struct kunit *test)
{
	struct test_log *log = test->priv;
	struct test_node *node = kmalloc(sizeof(*node), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, node);
	memset(node, 0xa5, sizeof(*node));
	kobjtree_init(&node->tree, &node_type);
	node->log = log;
	node->id = 1;
	node->in_release = NULL;
	node->in_free = NULL;
	atomic_inc(&log->live);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);

	node_put(node);
	expect_log(test, log, "r1 f1");
}

/* no memory -> NULL */
static void alloc_without_memory_is_null(struct kunit *test)
{
	struct padded *typed, *plain;

	fail_setup(test);
	fail_nth(1);
	plain = kobjtree_alloc(struct padded, tree, NULL, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_NULL(test, plain);

	fail_nth(1);
	typed = (void *)kobjtree_alloc(struct test_node, tree, &node_type,
				       GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_NULL(test, typed);
}

/* no sleep: alloc */
static void alloc_needs_no_more_than_its_gfp(struct kunit *test)
{
	struct padded *padded;

	no_sleep_begin();
	padded = kobjtree_alloc(struct padded, tree, NULL, GFP_ATOMIC);
	no_sleep_end();
	KUNIT_ASSERT_NOT_NULL(test, padded);
	kobjtree_put(&padded->tree);
}

/* === Counting === */

/* (1) -get-> (2) -put-> (1) -put-> gone */
static void object_lives_until_its_last_reference(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	KUNIT_EXPECT_PTR_EQ(test, kobjtree_get(&node->tree), &node->tree);
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	node_put(node);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* (1) -get_unless_zero-> (2) */
static void live_object_grants_a_careful_get(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	KUNIT_EXPECT_TRUE(test, kobjtree_get_unless_zero(&node->tree));
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	node_put(node);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void try_to_get(struct test_node *node)
{
	if (kobjtree_get_unless_zero(&node->tree))
		log_event(node->log, '!', node->id);
}

static void try_to_get_for_action(struct test_mark *mark)
{
	try_to_get(mark->arg);
}

static void try_to_get_other(struct test_node *node)
{
	try_to_get(node->arg);
}

/* 1 -> 2: in 1's release and action, 2's release and free, 1 is dead */
static void dead_object_refuses_a_careful_get_in_every_step(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_child(test, node, 0, 2);
	struct test_mark *mark = node_action(test, node, 3);

	node->in_release = try_to_get;
	node->in_free = try_to_get;
	mark->then = try_to_get_for_action;
	mark->arg = node;
	held->in_release = try_to_get_other;
	held->in_free = try_to_get_other;
	held->arg = node;
	node_put(node);
	expect_log(test, test->priv, "r1 a3 r2 f2 f1");
}

/* (1) -> (held 1): each of {} ends one */
static void scope_ends_a_reference(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	{
		struct kobjtree *obj __free(kobjtree_put) =
			kobjtree_get(&node->tree);

		KUNIT_EXPECT_EQ(test, kref_read(&obj->ref), 2);
	}
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	{
		struct kobjtree *nothing __free(kobjtree_put) = NULL;
		struct kobjtree *error __free(kobjtree_put) = ERR_PTR(-ENOMEM);
		struct kobjtree *kept __free(kobjtree_put) = &node->tree;

		KUNIT_EXPECT_TRUE(test, IS_ERR_OR_NULL(nothing ?: error));
		KUNIT_EXPECT_PTR_EQ(test, no_free_ptr(kept), &node->tree);
	}
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* alloc -> put, with nothing done in between */
static void put_is_the_error_path_of_a_half_built_object(struct kunit *test)
{
	struct test_node *node, *held;

	fail_setup(test);
	node = node_new(test, 1);
	held = node_new(test, 2);
	kobjtree_hold_give(&node->tree, &held->tree);
	fail_nth(1);
	KUNIT_EXPECT_NULL(test, kobjtree_kzalloc(&node->tree, 8, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	node_put(node);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* === Release === */

static void expect_recorded_task(struct test_node *node)
{
	log_event(node->log, node->arg == current ? '=' : '!', node->id);
}

/* put: release, free and return, on the task of the put */
static void put_tears_down_on_its_own_task_before_it_returns(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->arg = current;
	node->in_release = expect_recorded_task;
	node->in_free = expect_recorded_task;
	node_put(node);
	expect_log(test, test->priv, "r1 =1 f1 =1");
}

DEFINE_KOBJTREE_TYPE(no_release_type, struct test_node, tree,
		     .free = node_free);

/* type without release: 1 -> 2 */
static void release_is_optional(struct kunit *test)
{
	struct test_log *log = test->priv;
	struct test_node *node, *held = node_new(test, 2);

	node = kobjtree_alloc(struct test_node, tree, &no_release_type,
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = log;
	node->id = 1;
	atomic_inc(&log->live);
	kobjtree_hold_give(&node->tree, &held->tree);
	node_put(node);
	expect_log(test, log, "r2 f2 f1");
}

/* y3: the third call did what it says; n3: there was nothing to do. */
static void use_the_api(struct test_node *node)
{
	struct test_node *walker = node->arg;
	struct kobjtree *obj = &node->tree;
	bool done[] = {
		kobjtree_unlink(obj, &node->edge[0]),
		kobjtree_drop(obj, &walker->tree),
		kobjtree_remove_action(obj, test_action, walker),
		!kobjtree_link(&walker->tree, &walker->edge[0], walker->arg),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(done); i++)
		log_event(node->log, done[i] ? 'y' : 'n', i);
}

/*
 * 1 -[0]-> 2
 * 5 -----> 3 -> 4, linked in the release of 1, with the walk for a cycle
 */
static void release_is_called_with_no_lock_held(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *walker = node_new(test, 3);
	struct test_node *leaf = node_new(test, 4);
	struct test_node *root = node_new(test, 5);

	node_child(test, node, 0, 2);
	KUNIT_ASSERT_EQ(test, node_link(root, 0, walker), 0);
	node->in_release = use_the_api;
	node->arg = walker;
	walker->arg = &leaf->tree;
	node_put(node);
	expect_log(test, test->priv, "r1 y0 n1 n2 y3 r2 f2 f1");
	KUNIT_EXPECT_EQ(test, node_refs(leaf), 2);

	node_put(root);
	node_put(walker);
	node_put(leaf);
	expect_log(test, test->priv, "r5 f5 r3 f3 r4 f4");
}

/* === Memory === */

#define N_BIG	48

struct big {
	struct kobjtree tree;
	u8 data[SZ_1M];
};

/* Such memory comes from the pages, and goes there when it is freed. */
static_assert(sizeof(struct big) > KMALLOC_MAX_CACHE_SIZE);

/* 48 times: [tree 1 MiB] -> put */
static void memory_of_an_object_is_freed(struct kunit *test)
{
	struct sysinfo before, after;
	struct big *big;
	int i;

	si_meminfo(&before);
	for (i = 0; i < N_BIG; i++) {
		big = kobjtree_alloc(struct big, tree, NULL, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, big);
		kobjtree_put(&big->tree);
	}
	si_meminfo(&after);
	KUNIT_EXPECT_GT(test, after.freeram + N_BIG / 2 * SZ_1M / PAGE_SIZE,
			before.freeram);
}

/* [before][tree][after]: what is freed starts at before */
static void plain_object_may_sit_anywhere_in_its_memory(struct kunit *test)
{
	struct test_node *held = node_new(test, 1);
	struct padded *padded;

	padded = kobjtree_alloc(struct padded, tree, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, padded);
	kobjtree_hold_give(&padded->tree, &held->tree);
	kobjtree_put(&padded->tree);
	expect_log(test, test->priv, "r1 f1");
}

static void padded_release(struct kobjtree *obj)
{
	struct padded *padded = container_of(obj, struct padded, tree);
	struct test_log *log;

	memcpy(&log, padded->before, sizeof(log));
	log_event(log, 'r', 7);
}

DEFINE_KOBJTREE_TYPE(padded_type, struct padded, tree,
		     .release = padded_release);

/* the same, with a type and by kfree(): the release finds its struct */
static void typed_object_may_sit_anywhere_in_its_memory(struct kunit *test)
{
	struct padded *padded = kzalloc(sizeof(*padded), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, padded);
	memcpy(padded->before, &test->priv, sizeof(test->priv));
	kobjtree_init(&padded->tree, &padded_type);
	kobjtree_put(&padded->tree);
	expect_log(test, test->priv, "r7");
}

static struct kmem_cache *padded_cache;

DEFINE_KOBJTREE_TYPE(cached_type, struct padded, tree,
		     .release = padded_release, .cache = &padded_cache);

/* A filled struct comes and goes by its cache, which must be empty then. */
static void memory_goes_back_to_its_cache(struct kunit *test)
{
	struct padded *padded;
	int i;

	/* What user space may see of it keeps it apart from other caches. */
	padded_cache = kmem_cache_create_usercopy("kobjtree_padded",
						  sizeof(struct padded), 0, 0,
						  0, sizeof(struct padded),
						  NULL);
	KUNIT_ASSERT_NOT_NULL(test, padded_cache);
	for (i = 0; i < 3; i++) {
		padded = kobjtree_alloc(struct padded, tree, &cached_type,
					GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, padded);
		KUNIT_EXPECT_NULL(test, memchr_inv(padded->after, 0,
						   sizeof(padded->after)));
		memset(padded->after, 0xff, sizeof(padded->after));
		memcpy(padded->before, &test->priv, sizeof(test->priv));
		kobjtree_put(&padded->tree);
		expect_log(test, test->priv, "r7");
	}
	/* Warns if an object is left. */
	kmem_cache_destroy(padded_cache);
}

struct rcu_node_of_test {
	struct kobjtree tree;
	struct test_log *log;
	unsigned long before;
	bool *waited;
};

static void rcu_release(struct kobjtree *obj)
{
	struct rcu_node_of_test *node;

	node = container_of(obj, struct rcu_node_of_test, tree);
	log_event(node->log, 'r', 1);
	node->before = get_state_synchronize_rcu();
}

static void rcu_free(struct kobjtree *obj)
{
	struct rcu_node_of_test *node;

	node = container_of(obj, struct rcu_node_of_test, tree);
	log_event(node->log, 'f', 1);
	*node->waited = poll_state_synchronize_rcu(node->before);
	kfree(node);
}

DEFINE_KOBJTREE_TYPE(rcu_type, struct rcu_node_of_test, tree,
		     .release = rcu_release, .free = rcu_free, .rcu = true);

/* 1 -> 2: release, a grace period, free; what it held does not wait */
static void rcu_memory_outlives_a_grace_period(struct kunit *test)
{
	struct test_node *held = node_new(test, 2);
	struct rcu_node_of_test *node;
	bool waited = false;

	node = kobjtree_alloc(struct rcu_node_of_test, tree, &rcu_type,
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = test->priv;
	node->waited = &waited;
	kobjtree_hold_give(&node->tree, &held->tree);
	kobjtree_put(&node->tree);
	rcu_barrier();
	expect_log(test, test->priv, "r1 r2 f2 f1");
	KUNIT_EXPECT_TRUE(test, waited);
}

DEFINE_KOBJTREE_TYPE(rcu_kfree_type, struct big, tree, .rcu = true);

/* 48 times: [tree 1 MiB] -> put, then the grace periods */
static void rcu_memory_is_freed(struct kunit *test)
{
	struct sysinfo before, after;
	struct big *big;
	int i;

	si_meminfo(&before);
	for (i = 0; i < N_BIG; i++) {
		big = kobjtree_alloc(struct big, tree, &rcu_kfree_type,
				     GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, big);
		kobjtree_put(&big->tree);
	}
	rcu_barrier();
	si_meminfo(&after);
	KUNIT_EXPECT_GT(test, after.freeram + N_BIG / 2 * SZ_1M / PAGE_SIZE,
			before.freeram);
}

/* (2) -put-> (1) -put-> gone, where each allocation would fail */
static void put_allocates_nothing(struct kunit *test)
{
	struct test_node *node;

	fail_setup(test);
	node = node_new(test, 1);
	kobjtree_get(&node->tree);
	EXPECT_NO_ALLOC(test, node_put(node));
	EXPECT_NO_ALLOC(test, node_put(node));
	expect_log(test, test->priv, "r1 f1");
}

static struct kunit_case object_cases[] = {
	KUNIT_CASE(init_gives_the_caller_one_reference),
	KUNIT_CASE(alloc_gives_the_caller_one_reference),
	KUNIT_CASE(alloc_zeroes_what_is_around_the_object),
	KUNIT_CASE(init_does_not_read_what_was_there),
	KUNIT_CASE(alloc_without_memory_is_null),
	KUNIT_CASE(alloc_needs_no_more_than_its_gfp),
	KUNIT_CASE(object_lives_until_its_last_reference),
	KUNIT_CASE(live_object_grants_a_careful_get),
	KUNIT_CASE(dead_object_refuses_a_careful_get_in_every_step),
	KUNIT_CASE(scope_ends_a_reference),
	KUNIT_CASE(put_is_the_error_path_of_a_half_built_object),
	KUNIT_CASE(put_tears_down_on_its_own_task_before_it_returns),
	KUNIT_CASE(release_is_optional),
	KUNIT_CASE(release_is_called_with_no_lock_held),
	KUNIT_CASE(memory_of_an_object_is_freed),
	KUNIT_CASE(plain_object_may_sit_anywhere_in_its_memory),
	KUNIT_CASE(typed_object_may_sit_anywhere_in_its_memory),
	KUNIT_CASE(memory_goes_back_to_its_cache),
	KUNIT_CASE(rcu_memory_outlives_a_grace_period),
	KUNIT_CASE(rcu_memory_is_freed),
	KUNIT_CASE(put_allocates_nothing),
	{}
};

static struct kunit_suite object_suite = {
	.name = "kobjtree_object",
	.init = test_init,
	.exit = test_exit,
	.test_cases = object_cases,
};

kunit_test_suite(object_suite);

MODULE_DESCRIPTION("kobjtree: tests of objects");
MODULE_LICENSE("GPL");
