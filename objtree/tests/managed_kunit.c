// SPDX-License-Identifier: GPL-2.0-only
/*
 * Managed memory and actions: what goes with the last reference.
 *
 * Drawn above a test: a1 is action 1; 1 [a2, a3] is object 1 with two, the
 * older one first.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "helpers.h"

static struct kobjtree *obj(struct test_node *node)
{
	return &node->tree;
}

/* === Memory === */

/* 1 [0000] */
static void kzalloc_gives_zeroed_memory(struct kunit *test)
{
	static const size_t sizes[] = { 1, 8, 100, 4000, SZ_64K };
	struct test_node *node = node_new(test, 1);
	u8 *p;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kobjtree_kzalloc(obj(node), sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, sizes[i]));
		memset(p, 0xff, sizes[i]);
	}
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* as kmalloc: fit for any type and for DMA */
static void kzalloc_is_aligned_as_kmalloc(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	void *p;
	int i;

	for (i = 1; i < 10; i++) {
		p = kobjtree_kzalloc(obj(node), i, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p,
						   ARCH_KMALLOC_MINALIGN));
	}
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* "cam0" -> 1 ["cam0"] */
static void kstrdup_copies_the_string(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	char name[] = "cam0";
	char *copy, *empty;

	copy = kobjtree_kstrdup(obj(node), name, GFP_KERNEL);
	empty = kobjtree_kstrdup(obj(node), "", GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_ASSERT_NOT_NULL(test, empty);
	name[3] = '1';
	KUNIT_EXPECT_STREQ(test, copy, "cam0");
	KUNIT_EXPECT_STREQ(test, empty, "");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* no sleep: 1 [memory] -> freed */
static void memory_comes_and_goes_in_any_context(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	char *copy;
	void *p;

	no_sleep_begin();
	p = kobjtree_kzalloc(obj(node), 8, GFP_ATOMIC);
	copy = kobjtree_kstrdup(obj(node), "cam0", GFP_ATOMIC);
	kobjtree_kfree(obj(node), p);
	no_sleep_end();
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, copy);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* no memory -> NULL, and what there was stays */
static void kzalloc_without_memory_changes_nothing(struct kunit *test)
{
	struct test_node *node;
	char *before;

	fail_setup(test);
	node = node_new(test, 1);
	before = kobjtree_kstrdup(obj(node), "before", GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	fail_nth(1);
	KUNIT_EXPECT_NULL(test, kobjtree_kzalloc(obj(node), 8, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	fail_nth(1);
	KUNIT_EXPECT_NULL(test, kobjtree_kstrdup(obj(node), "after",
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_STREQ(test, before, "before");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* a size that wraps when the header is added to it */
static void kzalloc_of_too_much_is_null(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	size_t size = SIZE_MAX - 8;

	OPTIMIZER_HIDE_VAR(size);
	KUNIT_EXPECT_NULL(test, kobjtree_kzalloc(obj(node), size,
						 GFP_KERNEL | __GFP_NOWARN));
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

#define N_BIG	48

/* Return: whether half of what came since has gone again. */
static bool memory_is_back(const struct sysinfo *before)
{
	struct sysinfo now;

	si_meminfo(&now);
	return now.freeram + N_BIG / 2 * SZ_1M / PAGE_SIZE > before->freeram;
}

/* 48 times: 1 [1 MiB] -> put */
static void memory_is_freed_with_its_object(struct kunit *test)
{
	struct test_node *node;
	struct sysinfo before;
	int i;

	si_meminfo(&before);
	for (i = 0; i < N_BIG; i++) {
		node = node_alloc(NULL, 1);
		KUNIT_ASSERT_NOT_NULL(test, node);
		KUNIT_EXPECT_NOT_NULL(test, kobjtree_kzalloc(obj(node), SZ_1M,
							     GFP_KERNEL));
		node_put(node);
	}
	KUNIT_EXPECT_TRUE(test, memory_is_back(&before));
}

/* 48 times: 1 [1 MiB] -> freed, and 1 stays */
static void kfree_frees_before_the_object_goes(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct sysinfo before;
	void *p;
	int i;

	si_meminfo(&before);
	for (i = 0; i < N_BIG; i++) {
		p = kobjtree_kzalloc(obj(node), SZ_1M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		kobjtree_kfree(obj(node), p);
	}
	KUNIT_EXPECT_TRUE(test, memory_is_back(&before));
	kobjtree_kfree(obj(node), NULL);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 [0, 1, 2, 3, 4]: 2, 4 and 0 go, and 5 comes; 1 and 3 stay */
static void kfree_leaves_the_other_memory(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	char *p[6];
	int i;

	for (i = 0; i < 5; i++) {
		p[i] = kobjtree_kstrdup(obj(node), "abcde", GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	kobjtree_kfree(obj(node), p[2]);
	kobjtree_kfree(obj(node), p[4]);
	kobjtree_kfree(obj(node), p[0]);
	p[5] = kobjtree_kstrdup(obj(node), "f", GFP_KERNEL);
	KUNIT_EXPECT_STREQ(test, p[1], "abcde");
	KUNIT_EXPECT_STREQ(test, p[3], "abcde");
	KUNIT_EXPECT_STREQ(test, p[5], "f");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void free_my_arg(struct test_node *node)
{
	kobjtree_kfree(obj(node), node->arg);
}

static void free_arg_of_object(struct test_mark *mark)
{
	free_my_arg(mark->arg);
}

/* 1 [m, m, m]: the release frees the one in the middle */
static void release_may_free_memory(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	void *p[3];
	int i;

	for (i = 0; i < 3; i++) {
		p[i] = kobjtree_kzalloc(obj(node), 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	node_child(test, node, 0, 2);
	node->in_release = free_my_arg;
	node->arg = p[1];
	node_put(node);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 [m, m, m, a4]: a4 frees the one in the middle */
static void action_may_free_memory(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;
	void *p[3];
	int i;

	for (i = 0; i < 3; i++) {
		p[i] = kobjtree_kzalloc(obj(node), 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	node_child(test, node, 0, 2);
	mark = node_action(test, node, 4);
	mark->then = free_arg_of_object;
	mark->arg = node;
	node->arg = p[1];
	node_put(node);
	expect_log(test, test->priv, "r1 a4 r2 f2 f1");
}

/* === Actions === */

/* 1 [a2, a3, a4] */
static void actions_run_once_and_newest_first(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	int i;

	for (i = 2; i < 5; i++)
		node_action(test, node, i);
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a3 a2 f1");
}

/* 1 [a2, a2, a3, a2] */
static void action_that_was_added_twice_runs_twice(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 2);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(obj(node), test_action, mark),
			0);
	node_action(test, node, 3);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(obj(node), test_action, mark),
			0);
	node_put(node);
	expect_log(test, test->priv, "r1 a2 a3 a2 a2 f1");
}

/* no memory: a2 is not added and not called */
static void add_without_memory_calls_nothing(struct kunit *test)
{
	struct test_node *node;
	struct test_mark *mark;

	fail_setup(test);
	node = node_new(test, 1);
	mark = test_mark(test, 2);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, kobjtree_add_action(obj(node), test_action, mark),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* no memory: a2 is called now, and not later */
static void add_or_reset_without_memory_calls_it_now(struct kunit *test)
{
	struct test_node *node;
	struct test_mark *mark;

	fail_setup(test);
	node = node_new(test, 1);
	mark = test_mark(test, 2);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, kobjtree_add_action_or_reset(obj(node),
							   test_action, mark),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	expect_log(test, test->priv, "a2");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* memory: a2 is called later, and not now */
static void add_or_reset_with_memory_calls_it_later(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = test_mark(test, 2);

	KUNIT_EXPECT_EQ(test, kobjtree_add_action_or_reset(obj(node),
							   test_action, mark),
			0);
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 a2 f1");
}

/* 1 [a2], embedded with irqs off and without memory */
static void embedded_action_cannot_fail(struct kunit *test)
{
	struct test_node *node;
	struct test_mark *mark;

	fail_setup(test);
	node = node_new(test, 1);
	mark = test_mark(test, 2);
	no_sleep_begin();
	WITHOUT_MEMORY(kobjtree_embed_action(obj(node), &mark->storage,
					     test_action, mark));
	no_sleep_end();
	node_put(node);
	expect_log(test, test->priv, "r1 a2 f1");
}

/* 1 [a2, embedded a3, a4] */
static void embedded_actions_are_ordered_among_the_others(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = test_mark(test, 3);

	node_action(test, node, 2);
	kobjtree_embed_action(obj(node), &mark->storage, test_action, mark);
	node_action(test, node, 4);
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a3 a2 f1");
}

struct embedding {
	struct kobjtree_action storage;
	struct test_log *log;
};

static void free_embedding(void *data)
{
	struct embedding *embedding = data;

	log_event(embedding->log, 'a', 2);
	kfree(embedding);
}

/* 1 [a2], whose storage goes in the call */
static void action_may_free_its_own_storage(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct embedding *embedding = kzalloc(sizeof(*embedding), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, embedding);
	embedding->log = test->priv;
	node_action(test, node, 3);
	kobjtree_embed_action(obj(node), &embedding->storage, free_embedding,
			      embedding);
	node_put(node);
	expect_log(test, test->priv, "r1 a2 a3 f1");
}

/* === Taking actions back === */

/* 1 [a2, a3, a4] - a3 */
static void removed_action_is_not_called(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node_action(test, node, 2);
	mark = node_action(test, node, 3);
	node_action(test, node, 4);
	KUNIT_EXPECT_TRUE(test, kobjtree_remove_action(obj(node), test_action,
						       mark));
	KUNIT_EXPECT_FALSE(test, kobjtree_remove_action(obj(node), test_action,
							mark));
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a2 f1");
}

/* 1 [a2, a3, a4] - a3, which is called now */
static void released_action_is_called_now(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node_action(test, node, 2);
	mark = node_action(test, node, 3);
	node_action(test, node, 4);
	KUNIT_EXPECT_TRUE(test, kobjtree_release_action(obj(node), test_action,
							mark));
	expect_log(test, test->priv, "a3");
	KUNIT_EXPECT_FALSE(test, kobjtree_release_action(obj(node), test_action,
							 mark));
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a2 f1");
}

static void other_action(void *data)
{
	struct test_mark *mark = data;

	log_event(mark->log, 'o', mark->id);
}

/* 1 [a2]: neither o2, nor a3, nor a2 of another object */
static void action_is_known_by_its_function_and_data(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *other = node_new(test, 9);
	struct test_mark *mark = node_action(test, node, 2);
	struct test_mark *no = test_mark(test, 3);

	KUNIT_EXPECT_FALSE(test, kobjtree_remove_action(obj(node), other_action,
							mark));
	KUNIT_EXPECT_FALSE(test, kobjtree_remove_action(obj(node), test_action,
							no));
	KUNIT_EXPECT_FALSE(test, kobjtree_remove_action(obj(other), test_action,
							mark));
	KUNIT_EXPECT_FALSE(test, kobjtree_release_action(obj(node),
							 other_action, mark));
	KUNIT_EXPECT_FALSE(test, kobjtree_release_action(obj(node), test_action,
							 no));
	node_put(other);
	expect_log(test, test->priv, "r9 f9");
	node_put(node);
	expect_log(test, test->priv, "r1 a2 f1");
}

/* 1 [a2, a3, a2, a4] - a2: the older one is left */
static void of_equal_actions_the_newest_is_removed(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 2);

	node_action(test, node, 3);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(obj(node), test_action, mark),
			0);
	node_action(test, node, 4);
	KUNIT_EXPECT_TRUE(test, kobjtree_remove_action(obj(node), test_action,
						       mark));
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a3 a2 f1");
}

/* 1 [a2, a3, a2, a4] - a2: the older one is left */
static void of_equal_actions_the_newest_is_released(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 2);

	node_action(test, node, 3);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(obj(node), test_action, mark),
			0);
	node_action(test, node, 4);
	KUNIT_EXPECT_TRUE(test, kobjtree_release_action(obj(node), test_action,
							mark));
	node_put(node);
	expect_log(test, test->priv, "a2 r1 a4 a3 a2 f1");
}

/* 1 [embedded a2] - a2, with irqs off; 9 [embedded a2] in the same storage */
static void removed_storage_can_be_used_again(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *other = node_new(test, 9);
	struct test_mark *mark = test_mark(test, 2);
	bool removed;

	kobjtree_embed_action(obj(node), &mark->storage, test_action, mark);
	no_sleep_begin();
	removed = kobjtree_remove_action(obj(node), test_action, mark);
	kobjtree_embed_action(obj(other), &mark->storage, test_action, mark);
	no_sleep_end();
	KUNIT_EXPECT_TRUE(test, removed);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	node_put(other);
	expect_log(test, test->priv, "r9 a2 f9");
}

static void remove_arg_from_me(struct test_node *node)
{
	kobjtree_remove_action(obj(node), test_action, node->arg);
}

static void remove_other_action(struct test_mark *mark)
{
	remove_arg_from_me(mark->arg);
}

static void release_other_action(struct test_mark *mark)
{
	struct test_node *node = mark->arg;

	kobjtree_release_action(obj(node), test_action, node->arg);
}

/* 1 [a2, a3]; the release of 1: - a2 */
static void release_may_remove_an_action(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->arg = node_action(test, node, 2);
	node_action(test, node, 3);
	node->in_release = remove_arg_from_me;
	node_put(node);
	expect_log(test, test->priv, "r1 a3 f1");
}

/* 1 [a2, a3, a4]; a4: - a3 */
static void action_may_remove_the_next_one(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node_action(test, node, 2);
	node->arg = node_action(test, node, 3);
	mark = node_action(test, node, 4);
	mark->then = remove_other_action;
	mark->arg = node;
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a2 f1");
}

/* 1 [a2, a3, a4]; a4 calls a2 now */
static void action_may_release_an_older_one(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node->arg = node_action(test, node, 2);
	node_action(test, node, 3);
	mark = node_action(test, node, 4);
	mark->then = release_other_action;
	mark->arg = node;
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a2 a3 f1");
}

static void remove_myself(struct test_mark *mark)
{
	struct test_node *node = mark->arg;
	bool removed = kobjtree_remove_action(obj(node), test_action, mark);

	log_event(mark->log, removed ? 'y' : 'n', mark->id);
}

/* 1 [a2]; a2: - a2, which is off the list when it runs */
static void running_action_is_no_longer_there(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 2);

	mark->then = remove_myself;
	mark->arg = node;
	node_put(node);
	expect_log(test, test->priv, "r1 a2 n2 f1");
}

/* === Sharing === */

/* 1, 2 -> plain [a3, memory]: what two need is an object of its own */
static void plain_object_shares_an_action(struct kunit *test)
{
	struct plain {
		struct kobjtree tree;
	} *shared = kobjtree_alloc(struct plain, tree, NULL, GFP_KERNEL);
	struct test_node *a = node_new(test, 1);
	struct test_node *b = node_new(test, 2);
	struct test_mark *mark = test_mark(test, 3);

	KUNIT_ASSERT_NOT_NULL(test, shared);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&shared->tree, test_action,
						  mark), 0);
	kobjtree_hold(obj(a), &shared->tree);
	kobjtree_hold_give(obj(b), &shared->tree);
	node_put(a);
	expect_log(test, test->priv, "r1 f1");
	node_put(b);
	expect_log(test, test->priv, "r2 a3 f2");
}

/* === Cost === */

/* 1 [a2, a3, embedded a4, memory]: taken off and torn down without memory */
static void taking_off_allocates_nothing(struct kunit *test)
{
	struct test_node *node;
	struct test_mark *removed, *released, *embedded;
	void *p, *left;

	fail_setup(test);
	node = node_new(test, 1);
	removed = node_action(test, node, 2);
	released = node_action(test, node, 3);
	embedded = test_mark(test, 4);
	p = kobjtree_kzalloc(obj(node), 8, GFP_KERNEL);
	left = kobjtree_kzalloc(obj(node), 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, left);
	kobjtree_embed_action(obj(node), &embedded->storage, test_action,
			      embedded);
	EXPECT_NO_ALLOC(test, kobjtree_remove_action(obj(node), test_action,
						     removed));
	EXPECT_NO_ALLOC(test, kobjtree_release_action(obj(node), test_action,
						      released));
	EXPECT_NO_ALLOC(test, kobjtree_kfree(obj(node), p));
	EXPECT_NO_ALLOC(test, node_put(node));
	expect_log(test, test->priv, "a3 r1 a4 f1");
}

static struct kunit_case managed_cases[] = {
	KUNIT_CASE(kzalloc_gives_zeroed_memory),
	KUNIT_CASE(kzalloc_is_aligned_as_kmalloc),
	KUNIT_CASE(kstrdup_copies_the_string),
	KUNIT_CASE(memory_comes_and_goes_in_any_context),
	KUNIT_CASE(kzalloc_without_memory_changes_nothing),
	KUNIT_CASE(kzalloc_of_too_much_is_null),
	KUNIT_CASE(memory_is_freed_with_its_object),
	KUNIT_CASE(kfree_frees_before_the_object_goes),
	KUNIT_CASE(kfree_leaves_the_other_memory),
	KUNIT_CASE(release_may_free_memory),
	KUNIT_CASE(action_may_free_memory),
	KUNIT_CASE(actions_run_once_and_newest_first),
	KUNIT_CASE(action_that_was_added_twice_runs_twice),
	KUNIT_CASE(add_without_memory_calls_nothing),
	KUNIT_CASE(add_or_reset_without_memory_calls_it_now),
	KUNIT_CASE(add_or_reset_with_memory_calls_it_later),
	KUNIT_CASE(embedded_action_cannot_fail),
	KUNIT_CASE(embedded_actions_are_ordered_among_the_others),
	KUNIT_CASE(action_may_free_its_own_storage),
	KUNIT_CASE(removed_action_is_not_called),
	KUNIT_CASE(released_action_is_called_now),
	KUNIT_CASE(action_is_known_by_its_function_and_data),
	KUNIT_CASE(of_equal_actions_the_newest_is_removed),
	KUNIT_CASE(of_equal_actions_the_newest_is_released),
	KUNIT_CASE(removed_storage_can_be_used_again),
	KUNIT_CASE(release_may_remove_an_action),
	KUNIT_CASE(action_may_remove_the_next_one),
	KUNIT_CASE(action_may_release_an_older_one),
	KUNIT_CASE(running_action_is_no_longer_there),
	KUNIT_CASE(plain_object_shares_an_action),
	KUNIT_CASE(taking_off_allocates_nothing),
	{}
};

static struct kunit_suite managed_suite = {
	.name = "kobjtree_managed",
	.init = test_init,
	.exit = test_exit,
	.test_cases = managed_cases,
};

kunit_test_suite(managed_suite);

MODULE_DESCRIPTION("kobjtree: tests of managed memory and actions");
MODULE_LICENSE("GPL");
