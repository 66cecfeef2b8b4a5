// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other object systems promise or test, as kobjtree promises it: the
 * cases of talloc's test suite, the documented rules of the Windows Driver
 * Frameworks (WDF), and some of Qt and ccan. A name says where it is from.
 *
 * Not here: what kobjtree refuses to have (a release that vetoes, objects that
 * move in memory, limits, an implicit holder that could not be seen), and what
 * the other suites test as rules of its own.
 *
 *   talloc ref*, unlink*, misc, unref_reparent      edges, here
 *   talloc lifeless, loop, steal                    cycles: here, cycle
 *   talloc pool*                                    member
 *   talloc free_in_destructor, free_children        order, here
 *   talloc pthread_talloc_passing                   here
 *   talloc speed, depth                             scale
 *   WDF 1, 2, 4, 7 to 10, 14, 15                    here
 *   WDF 5, 13                                       edge, object
 *   WDF 11, 12, 20, 21                              context, module
 *   Qt QPointer                                     weak, here
 *   ccan run-allocfail                              here
 */
#include <linux/completion.h>
#include <linux/kthread.h>

#include "helpers.h"

static struct kobjtree *obj(struct test_node *node)
{
	return &node->tree;
}

/* === talloc: references === */

/* p1 (1), r1 (2) -> 3 */
static void talloc_ref1_single_reference_free(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *r1 = node_new(test, 2);
	struct test_node *child = node_child(test, p1, 0, 3);

	node_child(test, p1, 1, 4);
	node_child(test, r1, 1, 5);
	KUNIT_ASSERT_EQ(test, node_link(r1, 0, child), 0);
	KUNIT_EXPECT_EQ(test, node_refs(child), 2);

	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(r1), obj(child)));
	KUNIT_EXPECT_EQ(test, node_refs(child), 1);
	expect_log(test, test->priv, "");
	node_put(p1);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 f1");
	KUNIT_EXPECT_EQ(test, node_refs(r1), 1);
	node_put(r1);
	expect_log(test, test->priv, "r2 r5 f5 f2");
}

/* p1 (1), r1 (2) -> 3: the later holder lets go first, then the first */
static void talloc_ref2_double_reference_free(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *r1 = node_new(test, 2);
	struct test_node *child = node_child(test, p1, 0, 3);

	KUNIT_ASSERT_EQ(test, node_link(r1, 0, child), 0);
	KUNIT_EXPECT_TRUE(test, node_unlink(r1, 0));
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_TRUE(test, node_unlink(p1, 0));
	expect_log(test, test->priv, "r3 f3");
	KUNIT_EXPECT_EQ(test, node_refs(p1), 1);
	KUNIT_EXPECT_EQ(test, node_refs(r1), 1);
	node_put(p1);
	node_put(r1);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

/* p1 (1), r1 (2) -> 3: the first holder goes; no edge has to be promoted */
static void talloc_ref3_parent_reference_free(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *r1 = node_new(test, 2);
	struct test_node *child = node_child(test, p1, 0, 3);

	KUNIT_ASSERT_EQ(test, node_link(r1, 0, child), 0);
	node_put(p1);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_EQ(test, node_refs(child), 1);
	node_put(r1);
	expect_log(test, test->priv, "r2 r3 f3 f2");
}

/* p1 (1) -> 3 -> 4, r1 (2) -> 3: r1 goes, and nothing else changes */
static void talloc_ref4_referrer_reference_free(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *r1 = node_new(test, 2);
	struct test_node *child = node_new(test, 3);

	node_child(test, child, 0, 4);
	kobjtree_hold_give(obj(p1), obj(child));
	kobjtree_hold(obj(r1), obj(child));
	node_put(r1);
	expect_log(test, test->priv, "r2 f2");
	KUNIT_EXPECT_EQ(test, node_refs(child), 1);
	node_put(p1);
	expect_log(test, test->priv, "r1 r3 r4 f4 f3 f1");
}

/* root (1) -> p1 (2) -> r1 (3) -> p2 (4), p1 -> p2: p1 drops p2 */
static void talloc_unlink1_sibling_edge(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *r1 = node_child(test, p1, 0, 3);
	struct test_node *p2 = node_child(test, p1, 1, 4);

	KUNIT_ASSERT_EQ(test, node_link(r1, 0, p2), 0);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(p1), obj(p2)));
	KUNIT_EXPECT_EQ(test, node_refs(p2), 1);
	node_put(root);
	expect_log(test, test->priv, "r1 r2 r3 r4 f4 f3 f2 f1");
}

/* the same, and p1 keeps p2: nobody goes twice */
static void talloc_unlink1_sibling_edge_that_stays(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *p2 = node_child(test, p1, 0, 4);
	struct test_node *r1 = node_child(test, p1, 1, 3);

	KUNIT_ASSERT_EQ(test, node_link(r1, 0, p2), 0);
	node_put(root);
	expect_log(test, test->priv, "r1 r2 r3 f3 r4 f4 f2 f1");
}

/* root (1) -> p1 (2), with three references from outside */
static void talloc_misc_increase_ref_count(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	int i;

	for (i = 0; i < 3; i++)
		kobjtree_get(obj(p1));
	KUNIT_EXPECT_EQ(test, node_refs(p1), 4);
	for (i = 0; i < 3; i++) {
		node_put(p1);
		expect_log(test, test->priv, "");
	}
	KUNIT_EXPECT_TRUE(test, node_unlink(root, 0));
	expect_log(test, test->priv, "r2 f2");
	node_put(root);
	expect_log(test, test->priv, "r1 f1");
}

/* root (1) -> p1 (2), other (3): who does not hold it cannot drop it */
static void talloc_misc_unlink_by_a_stranger(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *other = node_new(test, 3);

	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(other), obj(p1)));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(p1), obj(root)));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(p1), obj(p1)));
	KUNIT_EXPECT_EQ(test, node_refs(p1), 1);
	node_put(other);
	node_put(root);
	expect_log(test, test->priv, "r3 f3 r1 r2 f2 f1");
}

/* root (1) -> 2, with the creator's reference first, then without */
static void talloc_free_ref_null_context(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *child = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, node_link(root, 0, child), 0);
	node_put(child);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_TRUE(test, node_unlink(root, 0));
	expect_log(test, test->priv, "r2 f2");
	node_put(root);
	expect_log(test, test->priv, "r1 f1");
}

/* root (1) -> p1 (2) -> 3, and 3 is referred to from outside */
static void talloc_rusty_reference_outlives_the_root(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *leaf = node_child(test, p1, 0, 3);

	kobjtree_get(obj(leaf));
	node_put(root);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	KUNIT_EXPECT_EQ(test, node_refs(leaf), 1);
	/* It is a root now, and as good as any. */
	node_child(test, leaf, 0, 4);
	node_put(leaf);
	expect_log(test, test->priv, "r3 r4 f4 f3");
}

/* === talloc: steal, move, reparent === */

/* root (1) -> p1 (2) -> p2 (3): p1 to itself, and under its own child */
static void talloc_steal_into_a_descendant(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *p2 = node_child(test, p1, 0, 3);

	MAY_WARN(test, MISUSE_LOOP);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(root), &root->edge[0], obj(p1),
					    NULL), -ELOOP);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(root), &root->edge[0], obj(p2),
					    NULL), -ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(p1), 1);
	KUNIT_EXPECT_EQ(test, node_refs(p2), 1);
	/* Nothing has vanished from the root. */
	node_put(root);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* root (1) -> p1 (2) -> p2 (3): p2 to root, by which p1 outlives nothing */
static void talloc_steal_to_another_holder(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *p1 = node_child(test, root, 0, 2);
	struct test_node *p2 = node_child(test, p1, 0, 3);

	node_child(test, p2, 0, 4);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(p1), &p1->edge[0], obj(root),
					    &root->edge[1]), 0);
	KUNIT_EXPECT_EQ(test, node_refs(p2), 1);
	KUNIT_EXPECT_TRUE(test, node_unlink(root, 0));
	expect_log(test, test->priv, "r2 f2");
	node_put(root);
	expect_log(test, test->priv, "r1 r3 r4 f4 f3 f1");
}

/* p1 (1) -> 3, moved to p2 (2): what the old edge was is empty */
static void talloc_move_nulls_the_source(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *p2 = node_new(test, 2);

	node_child(test, p1, 0, 3);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(p1), &p1->edge[0], obj(p2),
					    &p2->edge[0]), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(p1), &p1->edge[0], obj(p2),
					    &p2->edge[1]), -ENOENT);
	node_child(test, p1, 0, 4);
	node_put(p1);
	node_put(p2);
	expect_log(test, test->priv, "r1 r4 f4 f1 r2 r3 f3 f2");
}

/* p1 (1), p2 (2) -> 3: p1 goes, then p2 lets go, and lives */
static void talloc_unref_reparent(struct kunit *test)
{
	struct test_node *p1 = node_new(test, 1);
	struct test_node *p2 = node_new(test, 2);
	struct test_node *child = node_child(test, p1, 0, 3);

	KUNIT_ASSERT_EQ(test, node_link(p2, 0, child), 0);
	node_put(p1);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(p2), obj(child)));
	expect_log(test, test->priv, "r3 f3");
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(p2), obj(child)));
	node_put(p2);
	expect_log(test, test->priv, "r2 f2");
}

/* root (1) -> 2 -/-> 1 */
static void talloc_lifeless_child_references_its_parent(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *child = node_child(test, root, 0, 2);

	MAY_WARN(test, MISUSE_LOOP);
	KUNIT_EXPECT_EQ(test, node_link(child, 0, root), -ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(root), 1);
	node_put(root);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* top (1) -> 2 -> 3 -/-> 2, and each is released once */
static void talloc_loop_through_an_ancestor(struct kunit *test)
{
	struct test_node *top = node_new(test, 1);
	struct test_node *req1 = node_child(test, top, 0, 2);
	struct test_node *req3 = node_child(test, req1, 0, 3);

	MAY_WARN(test, MISUSE_LOOP);
	KUNIT_EXPECT_EQ(test, kobjtree_link(obj(req3), NULL, obj(req1)),
			-ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(req1), 1);
	node_put(top);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* === talloc: in a destructor === */

/* level1 (1) -> 2 -> 3: no veto, but a reference keeps 3 */
static void talloc_free_parent_deny_child(struct kunit *test)
{
	struct test_node *level1 = node_new(test, 1);
	struct test_node *level2 = node_child(test, level1, 0, 2);
	struct test_node *level3 = node_child(test, level2, 0, 3);

	kobjtree_get(obj(level3));
	node_put(level1);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	node_put(level3);
	expect_log(test, test->priv, "r3 f3");
}

struct rescue {
	struct test_node *to;
	struct test_node *held;
	int ret;
};

static void rescue_held(struct test_node *node)
{
	struct rescue *rescue = node->arg;

	rescue->ret = kobjtree_link(obj(rescue->to), NULL, obj(rescue->held));
}

/* level1 (1) -> 2 -> 3: the release of 2 gives 3 to top (4) */
static void talloc_free_parent_reparent_child(struct kunit *test)
{
	struct test_node *top = node_new(test, 4);
	struct test_node *level1 = node_new(test, 1);
	struct test_node *level2 = node_child(test, level1, 0, 2);
	struct rescue rescue = {
		.to = top,
		.held = node_child(test, level2, 0, 3),
		.ret = -EINVAL,
	};

	level2->in_release = rescue_held;
	level2->arg = &rescue;
	node_put(level1);
	KUNIT_EXPECT_EQ(test, rescue.ret, 0);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	KUNIT_EXPECT_EQ(test, node_refs(rescue.held), 1);
	node_put(top);
	expect_log(test, test->priv, "r4 r3 f3 f4");
}

static void put_arg(struct test_node *node)
{
	node_put(node->arg);
}

/* level0 (1) -> 2 -> 3, unlinked from 2: its release puts level0 */
static void talloc_free_in_destructor_of_an_ancestor(struct kunit *test)
{
	struct test_node *level0 = node_new(test, 1);
	struct test_node *level1 = node_child(test, level0, 0, 2);
	struct test_node *level2 = node_child(test, level1, 0, 3);

	node_child(test, level1, 1, 4);
	kobjtree_get(obj(level1));
	level2->in_release = put_arg;
	level2->arg = level0;
	KUNIT_EXPECT_TRUE(test, node_unlink(level1, 0));
	expect_log(test, test->priv, "r3 r1 f1 f3");
	KUNIT_EXPECT_EQ(test, node_refs(level1), 1);
	node_put(level1);
	expect_log(test, test->priv, "r2 r4 f4 f2");
}

/* root (1) -> 2, 3, 4: all dropped, and root is as new */
static void talloc_free_children(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct test_node *held[3];
	int i;

	for (i = 0; i < 3; i++)
		held[i] = node_child(test, root, i, i + 2);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(root), obj(held[i])));
	expect_log(test, test->priv, "r2 f2 r3 f3 r4 f4");
	for (i = 0; i < 3; i++)
		node_child(test, root, i, i + 5);
	node_put(root);
	expect_log(test, test->priv, "r1 r7 f7 r6 f6 r5 f5 f1");
}

/* === Threads === */

#define N_THREADS	8
#define N_OBJECTS	50

struct counted {
	struct kobjtree tree;
	atomic_t *released;
};

static void counted_release(struct kobjtree *obj)
{
	atomic_inc(container_of(obj, struct counted, tree)->released);
}

DEFINE_KOBJTREE_TYPE(counted_type, struct counted, tree,
		     .release = counted_release);

/**
 * struct passing - what one thread does, and what of it comes back
 * @start: when all may
 * @done: when it has
 * @released: how many of the objects are gone
 * @tree: what it made, or what it puts
 * @error: of what it did
 */
struct passing {
	struct completion *start;
	struct completion done;
	atomic_t *released;
	struct kobjtree *tree;
	int error;
};

static struct kobjtree *counted_new(atomic_t *released)
{
	struct counted *counted = kobjtree_alloc(struct counted, tree,
						 &counted_type, GFP_KERNEL);

	if (!counted)
		return NULL;
	counted->released = released;
	return &counted->tree;
}

/* A star of N_OBJECTS, with a chain on each of its points but the first. */
static int build_and_pass(void *data)
{
	struct passing *passing = data;
	struct kobjtree *held, *last = NULL;
	int i;

	wait_for_completion(passing->start);
	passing->tree = counted_new(passing->released);
	for (i = 1; passing->tree && i < N_OBJECTS && !passing->error; i++) {
		held = counted_new(passing->released);
		if (!held) {
			passing->error = -ENOMEM;
			break;
		}
		if (last)
			kobjtree_hold(held, last);
		last = held;
		passing->error = kobjtree_link_give(passing->tree, NULL, held);
	}
	kthread_complete_and_exit(&passing->done, 0);
}

static int put_it(void *data)
{
	struct passing *passing = data;

	wait_for_completion(passing->start);
	kobjtree_put(passing->tree);
	kthread_complete_and_exit(&passing->done, 0);
}

/* Let @fn run in all of @passing at a time, and wait for them. */
static void run_threads(struct kunit *test, struct passing *passing,
			int (*fn)(void *data), atomic_t *released)
{
	DECLARE_COMPLETION_ONSTACK(start);
	struct task_struct *task;
	int i, n = 0;

	for (i = 0; i < N_THREADS; i++) {
		passing[i].start = &start;
		passing[i].released = released;
		init_completion(&passing[i].done);
		task = kthread_run(fn, &passing[i], "kobjtree-port/%d", i);
		if (IS_ERR(task))
			break;
		n++;
	}
	complete_all(&start);
	for (i = 0; i < n; i++)
		wait_for_completion(&passing[i].done);
	KUNIT_ASSERT_EQ(test, n, N_THREADS);
}

/* 8 threads build, one object holds all of it, and its put takes all of it */
static void talloc_pthread_talloc_passing(struct kunit *test)
{
	struct test_node *root = node_new(test, 1);
	struct passing *passing;
	atomic_t released = ATOMIC_INIT(0);
	int i;

	passing = kunit_kcalloc(test, N_THREADS, sizeof(*passing), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, passing);
	run_threads(test, passing, build_and_pass, &released);
	for (i = 0; i < N_THREADS; i++) {
		KUNIT_ASSERT_NOT_NULL(test, passing[i].tree);
		KUNIT_EXPECT_EQ(test, passing[i].error, 0);
		KUNIT_EXPECT_EQ(test, kobjtree_link_give(obj(root), NULL,
							 passing[i].tree), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&released), 0);
	node_put(root);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_EQ(test, atomic_read(&released), N_THREADS * N_OBJECTS);
}

/* WDF 7: 8 threads put the last 8 references, and one release runs */
static void wdf_delete_runs_once_whoever_starts_it(struct kunit *test)
{
	atomic_t released = ATOMIC_INIT(0);
	struct passing *passing;
	struct kobjtree *shared;
	int i, round;

	passing = kunit_kcalloc(test, N_THREADS, sizeof(*passing), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, passing);
	for (round = 1; round <= 10; round++) {
		shared = counted_new(&released);
		KUNIT_ASSERT_NOT_NULL(test, shared);
		for (i = 0; i < N_THREADS; i++)
			passing[i].tree = kobjtree_get(shared);
		kobjtree_put(shared);
		run_threads(test, passing, put_it, &released);
		KUNIT_EXPECT_EQ(test, atomic_read(&released), round);
	}
}

/* === WDF === */

/* WDF 1, 3: (1), held by nobody */
static void wdf_object_is_created_with_one_reference(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* WDF 2: 1 -> 2 (1) */
static void wdf_parent_takes_over_the_initial_reference(struct kunit *test)
{
	struct test_node *parent = node_new(test, 1);
	struct test_node *child = node_new(test, 2);

	KUNIT_EXPECT_EQ(test, kobjtree_link_give(obj(parent), NULL, obj(child)),
			0);
	KUNIT_EXPECT_EQ(test, node_refs(child), 1);
	node_put(parent);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* WDF 4, relaxed: a child gets a second parent long after its first */
static void wdf_child_may_get_more_parents_at_any_time(struct kunit *test)
{
	struct test_node *first = node_new(test, 1);
	struct test_node *child = node_child(test, first, 0, 3);
	struct test_node *late = node_new(test, 2);

	node_child(test, child, 0, 4);
	KUNIT_EXPECT_EQ(test, node_link(late, 0, child), 0);
	node_put(first);
	expect_log(test, test->priv, "r1 f1");
	node_put(late);
	expect_log(test, test->priv, "r2 r3 r4 f4 f3 f2");
}

/*
 * WDF 8, reversed and without exceptions: who uses is released before what it
 * uses, at any depth; 1 -> 2 -> 3 -> 5, 1 -> 4 -> 5
 */
static void wdf_release_order_has_no_exceptions(struct kunit *test)
{
	struct test_node *top = node_new(test, 1);
	struct test_node *left = node_child(test, top, 0, 2);
	struct test_node *right = node_child(test, top, 1, 4);
	struct test_node *below = node_child(test, left, 0, 3);
	struct test_node *shared = node_child(test, below, 0, 5);

	KUNIT_ASSERT_EQ(test, node_link(right, 0, shared), 0);
	node_put(top);
	expect_log(test, test->priv, "r1 r4 f4 r2 r3 r5 f5 f3 f2 f1");
}

static void log_id_of_arg(struct test_node *node)
{
	struct test_node *holder = node->arg;

	log_event(node->log, 'p', holder->id);
}

/* WDF 9: 1 -> 2 -> 3, whose callbacks read 1 */
static void wdf_parent_memory_is_valid_in_its_childs_callbacks(struct kunit *test)
{
	struct test_node *top = node_new(test, 1);
	struct test_node *middle = node_child(test, top, 0, 2);
	struct test_node *leaf = node_child(test, middle, 0, 3);

	leaf->in_release = log_id_of_arg;
	leaf->in_free = log_id_of_arg;
	leaf->arg = top;
	node_put(top);
	expect_log(test, test->priv, "r1 r2 r3 p1 f3 p1 f2 f1");
}

/* WDF 10: 1 -> 2 (2): the parent's memory goes, and 2 never touches it */
static void wdf_referenced_child_outlives_its_parent(struct kunit *test)
{
	struct test_node *parent = node_new(test, 1);
	struct test_node *child = node_child(test, parent, 0, 2);

	kobjtree_get(obj(child));
	node_put(parent);
	expect_log(test, test->priv, "r1 f1");
	node_child(test, child, 0, 3);
	KUNIT_EXPECT_TRUE(test, node_unlink(child, 0));
	node_put(child);
	expect_log(test, test->priv, "r3 f3 r2 f2");
}

static void put_arg_and_unlink(struct test_node *node)
{
	node_put(node->arg);
	node_unlink(node, 0);
}

/* WDF 14: 1 -[0]-> 2, -[1]-> 3; the cleanup of 1 lets go of 2 and of 9 */
static void wdf_cleanup_drops_what_the_driver_took(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node_child(test, node, 0, 2);
	node_child(test, node, 1, 3);
	node->in_release = put_arg_and_unlink;
	node->arg = node_new(test, 9);
	node_put(node);
	expect_log(test, test->priv, "r1 r9 f9 r2 f2 r3 f3 f1");
}

/* WDF 15: from its release on nobody gets 1, not even what it holds */
static void wdf_nobody_gets_an_object_after_its_cleanup(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak *weak;

	weak = kunit_kzalloc(test, sizeof(*weak), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, weak);
	kobjtree_weak_set(weak, obj(node));
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(weak));
	kobjtree_weak_clear(weak);
}

/* === Qt === */

static void unlink_second_of_arg(struct test_node *node)
{
	node_unlink(node->arg, 1);
}

/* 1 -[0]-> 2, -[1]-> 3: unlinked, the release of 2 unlinks 3 */
static void qt_child_deletes_its_sibling(struct kunit *test)
{
	struct test_node *parent = node_new(test, 1);
	struct test_node *child = node_child(test, parent, 0, 2);

	node_child(test, parent, 1, 3);
	child->in_release = unlink_second_of_arg;
	child->arg = parent;
	KUNIT_EXPECT_TRUE(test, node_unlink(parent, 0));
	expect_log(test, test->priv, "r2 r3 f3 f2");
	node_put(parent);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 -[0]-> 2 (2), -[1]-> 3: the release of 3 puts 2, which 1 still holds */
static void qt_child_puts_its_sibling_in_the_parents_teardown(struct kunit *test)
{
	struct test_node *parent = node_new(test, 1);
	struct test_node *sibling = node_child(test, parent, 0, 2);
	struct test_node *child = node_child(test, parent, 1, 3);

	kobjtree_get(obj(sibling));
	child->in_release = put_arg;
	child->arg = sibling;
	node_put(parent);
	expect_log(test, test->priv, "r1 r3 f3 r2 f2 f1");
}

static void look_through_weak(struct test_node *node)
{
	struct kobjtree *found = kobjtree_weak_get(node->arg);

	log_event(node->log, found ? '!' : 'n', node->id);
}

/* 1 -> 2: a weak reference to 1 is empty in the release of 1, and of 2 */
static void qt_qpointer_is_reset_before_the_destroyed_signal(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_child(test, node, 0, 2);
	struct kobjtree_weak *weak;

	weak = kunit_kzalloc(test, sizeof(*weak), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, weak);
	kobjtree_weak_set(weak, obj(node));
	node->in_release = look_through_weak;
	node->arg = weak;
	held->in_release = look_through_weak;
	held->arg = weak;
	node_put(node);
	expect_log(test, test->priv, "r1 n1 r2 n2 f2 f1");
}

static void put_arg_of_action(struct test_mark *mark)
{
	node_put(mark->arg);
}

/* 1 [a3] -> 2: a3, called early, puts the last reference to 1 */
static void qt_delete_self_in_slot(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 3);

	node_child(test, node, 0, 2);
	mark->then = put_arg_of_action;
	mark->arg = node;
	KUNIT_EXPECT_TRUE(test, kobjtree_release_action(obj(node), test_action,
							mark));
	expect_log(test, test->priv, "a3 r1 r2 f2 f1");
}

/* === ccan run-allocfail === */

#define N_STEPS	8

/* What a run logs that fails in a step, up to and with its error path. */
static const char * const build_failed[N_STEPS] = {
	"", "r1 f1", "r1 f1", "r1 f1", "r1 a3 f1",
	"r2 f2 r1 a3 f1", "r1 a3 r2 f2 f1", "a4 r1 a3 r8 f8 r2 f2 f1",
};

/**
 * struct built - what a run gets to
 * @fails: the step whose first allocation fails, none if there is none such
 * @step: that it has come to, from 0
 * @from: whose edge it moves
 * @node: the object with what it was given, NULL if there is none
 * @mark: for its actions
 */
struct built {
	int fails;
	int step;
	struct test_node *from;
	struct test_node *node;
	struct test_mark *mark;
};

static void next_step(struct built *built)
{
	if (++built->step == built->fails)
		fail_nth(1);
}

/*
 * Every call that allocates, in the order in which a driver makes them. The
 * one error path is the put of what there is.
 */
static int build(struct test_log *log, struct built *built)
{
	struct test_node *held;
	struct kobjtree *tree;
	int ret;

	next_step(built);
	built->node = node_alloc(log, 1);
	if (!built->node)
		return -ENOMEM;
	tree = obj(built->node);
	next_step(built);
	if (!kobjtree_kzalloc(tree, 16, GFP_KERNEL))
		return -ENOMEM;
	next_step(built);
	if (!kobjtree_kstrdup(tree, "cam0", GFP_KERNEL))
		return -ENOMEM;
	next_step(built);
	ret = kobjtree_add_action(tree, test_action, &built->mark[0]);
	if (ret)
		return ret;
	next_step(built);
	held = node_alloc(log, 2);
	if (!held)
		return -ENOMEM;
	next_step(built);
	ret = kobjtree_link(tree, NULL, obj(held));
	node_put(held);
	if (ret)
		return ret;
	next_step(built);
	ret = kobjtree_move(obj(built->from), &built->from->edge[0], tree,
			    NULL);
	if (ret)
		return ret;
	next_step(built);
	return kobjtree_add_action_or_reset(tree, test_action, &built->mark[1]);
}

/*
 * 9 -> 8, and 1 [a3, a4] -> 2, 1 -> 8 by a move, with a failure in step @fails
 * or of the @nth allocation. Return: what is left to count of @nth.
 */
static unsigned int build_failing(struct kunit *test, int fails,
				  unsigned int nth, int *ret)
{
	struct test_log *log = test->priv;
	struct built built = {
		.fails = fails,
		.step = -1,
		.from = node_new(test, 9),
		.mark = log->marks,
	};
	unsigned int left;

	node_child(test, built.from, 0, 8);
	if (nth)
		fail_nth(nth);
	*ret = build(log, &built);
	left = fail_none();
	if (built.node)
		node_put(built.node);
	expect_log(test, log, *ret ? build_failed[built.step] :
				     "r1 a4 a3 r8 f8 r2 f2 f1");

	/* 8 has moved, or is where it was. */
	node_put(built.from);
	expect_log(test, log, built.step < N_STEPS - 1 ? "r9 r8 f8 f9" :
							 "r9 f9");
	return left;
}

/* each step leaves what was there, and nothing else */
static void ccan_every_call_may_fail(struct kunit *test)
{
	int i, ret;

	fail_setup(test);
	test_mark(test, 3);
	test_mark(test, 4);
	for (i = 0; i < N_STEPS; i++) {
		build_failing(test, i, 0, &ret);
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	}
}

/* the same with the first, second, ... allocation, whose ever it is */
static void ccan_every_allocation_may_fail(struct kunit *test)
{
	unsigned int n = 1, left;
	int ret;

	fail_setup(test);
	test_mark(test, 3);
	test_mark(test, 4);
	do {
		left = build_failing(test, -1, n++, &ret);
		/* Inside the allocator it may be made up for. */
		KUNIT_EXPECT_TRUE(test, !ret || (ret == -ENOMEM && !left));
	} while (!left);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, n, N_STEPS);
}

static struct kunit_case port_cases[] = {
	KUNIT_CASE(talloc_ref1_single_reference_free),
	KUNIT_CASE(talloc_ref2_double_reference_free),
	KUNIT_CASE(talloc_ref3_parent_reference_free),
	KUNIT_CASE(talloc_ref4_referrer_reference_free),
	KUNIT_CASE(talloc_unlink1_sibling_edge),
	KUNIT_CASE(talloc_unlink1_sibling_edge_that_stays),
	KUNIT_CASE(talloc_misc_increase_ref_count),
	KUNIT_CASE(talloc_misc_unlink_by_a_stranger),
	KUNIT_CASE(talloc_free_ref_null_context),
	KUNIT_CASE(talloc_rusty_reference_outlives_the_root),
	KUNIT_CASE(talloc_steal_into_a_descendant),
	KUNIT_CASE(talloc_steal_to_another_holder),
	KUNIT_CASE(talloc_move_nulls_the_source),
	KUNIT_CASE(talloc_unref_reparent),
	KUNIT_CASE(talloc_lifeless_child_references_its_parent),
	KUNIT_CASE(talloc_loop_through_an_ancestor),
	KUNIT_CASE(talloc_free_parent_deny_child),
	KUNIT_CASE(talloc_free_parent_reparent_child),
	KUNIT_CASE(talloc_free_in_destructor_of_an_ancestor),
	KUNIT_CASE(talloc_free_children),
	KUNIT_CASE(talloc_pthread_talloc_passing),
	KUNIT_CASE(wdf_object_is_created_with_one_reference),
	KUNIT_CASE(wdf_parent_takes_over_the_initial_reference),
	KUNIT_CASE(wdf_child_may_get_more_parents_at_any_time),
	KUNIT_CASE(wdf_delete_runs_once_whoever_starts_it),
	KUNIT_CASE(wdf_release_order_has_no_exceptions),
	KUNIT_CASE(wdf_parent_memory_is_valid_in_its_childs_callbacks),
	KUNIT_CASE(wdf_referenced_child_outlives_its_parent),
	KUNIT_CASE(wdf_cleanup_drops_what_the_driver_took),
	KUNIT_CASE(wdf_nobody_gets_an_object_after_its_cleanup),
	KUNIT_CASE(qt_child_deletes_its_sibling),
	KUNIT_CASE(qt_child_puts_its_sibling_in_the_parents_teardown),
	KUNIT_CASE(qt_qpointer_is_reset_before_the_destroyed_signal),
	KUNIT_CASE(qt_delete_self_in_slot),
	KUNIT_CASE(ccan_every_call_may_fail),
	KUNIT_CASE(ccan_every_allocation_may_fail),
	{}
};

static struct kunit_suite port_suite = {
	.name = "kobjtree_port",
	.init = test_init,
	.exit = test_exit,
	.test_cases = port_cases,
};

kunit_test_suite(port_suite);

MODULE_DESCRIPTION("kobjtree: tests of other object systems");
MODULE_LICENSE("GPL");
