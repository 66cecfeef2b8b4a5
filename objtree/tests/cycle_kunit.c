// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cycles: a link that would close one is refused and changes nothing; every
 * other link is made, however large the graph.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "helpers.h"

#define LONG_CYCLE	100
#define DEEP		(IS_ENABLED(CONFIG_KASAN) ? 1000 : 10000)
#define WIDE		(IS_ENABLED(CONFIG_KASAN) ? 1000 : 100000)
#define LAYERS		40
#define LAYER_WIDTH	4
#define CUTS		(IS_ENABLED(CONFIG_KASAN) ? 300 : 3000)

/* What each refusal may say, and the first one does. */
#define REFUSAL		"kobjtree: node_type:"
#define PLAIN_REFUSAL	"kobjtree: plain:"

/* @holder cannot hold @held: -ELOOP, and the caller keeps what it had. */
static void expect_refused_again(struct kunit *test, struct test_node *holder,
				 int i, struct test_node *held)
{
	unsigned int holder_refs = node_refs(holder);
	unsigned int held_refs = node_refs(held);

	KUNIT_EXPECT_EQ(test, node_link(holder, i, held), -ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(holder), holder_refs);
	KUNIT_EXPECT_EQ(test, node_refs(held), held_refs);
	KUNIT_EXPECT_FALSE(test, node_unlink(holder, i));
}

static void expect_refused(struct kunit *test, struct test_node *holder, int i,
			   struct test_node *held)
{
	MAY_WARN(test, REFUSAL);
	expect_refused_again(test, holder, i, held);
}

/* Return: ids 1 to @n, each holding the next in edge 0, node[0] being 1. */
static struct test_node **new_chain(struct kunit *test, int n)
{
	struct test_node **node = kunit_kcalloc(test, n, sizeof(*node),
						GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, node);
	node[0] = node_new(test, 1);
	for (i = 1; i < n; i++)
		node[i] = node_child(test, node[i - 1], 0, i + 1);
	return node;
}

/* === What is refused === */

static void cycle_of_one_is_refused(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	expect_refused(test, node, 0, node);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 -> 2, 2 -/-> 1 */
static void cycle_of_two_is_refused(struct kunit *test)
{
	struct test_node **node = new_chain(test, 2);

	expect_refused(test, node[1], 0, node[0]);
	node_put(node[0]);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -> 2 -> 3, 3 -/-> 1 */
static void cycle_of_three_is_refused(struct kunit *test)
{
	struct test_node **node = new_chain(test, 3);

	expect_refused(test, node[2], 0, node[0]);
	node_put(node[0]);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* Wherever in the chain the new edge leads. */
static void cycle_of_any_length_is_refused(struct kunit *test)
{
	struct test_node **node = new_chain(test, LONG_CYCLE);
	struct test_log *log = test->priv;
	int i;

	expect_refused(test, node[LONG_CYCLE - 1], 1, node[0]);
	for (i = 1; i < LONG_CYCLE; i++)
		expect_refused_again(test, node[LONG_CYCLE - 1], 1, node[i]);
	node_put(node[0]);
	KUNIT_EXPECT_EQ(test, atomic_read(&log->live), 0);
	log_take(log);
}

/* 1 -> 2 by the slot of 1 */
static void cycle_through_a_slot_is_refused(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_give(&holder->tree, &held->tree);
	expect_refused(test, held, 0, holder);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -> 2 -> 3, the last by an edge without storage of the caller's */
static void cycle_through_allocated_edges_is_refused(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_child(test, one, 0, 2);
	struct test_node *three = node_new(test, 3);

	KUNIT_ASSERT_EQ(test, kobjtree_link_give(&two->tree, NULL,
						 &three->tree), 0);
	MAY_WARN(test, REFUSAL);
	KUNIT_EXPECT_EQ(test, kobjtree_link(&three->tree, NULL, &one->tree),
			-ELOOP);
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(&three->tree, &one->tree));
	KUNIT_EXPECT_EQ(test, node_refs(one), 1);
	node_put(one);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

static void cycle_refused_leaves_the_reference_to_the_giver(struct kunit *test)
{
	struct test_node **node = new_chain(test, 2);
	int ret;

	MAY_WARN(test, REFUSAL);
	kobjtree_get(&node[0]->tree);
	ret = kobjtree_link_give(&node[1]->tree, &node[1]->edge[0],
				 &node[0]->tree);
	KUNIT_EXPECT_EQ(test, ret, -ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(node[0]), 2);
	node_put(node[0]);
	node_put(node[0]);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -> 2 -> 3; 1's edge to 2 cannot move to 3 */
static void cycle_by_a_move_is_refused(struct kunit *test)
{
	struct test_node **node = new_chain(test, 3);
	int ret;

	MAY_WARN(test, REFUSAL);
	ret = kobjtree_move(&node[0]->tree, &node[0]->edge[0],
			    &node[2]->tree, &node[2]->edge[0]);
	KUNIT_EXPECT_EQ(test, ret, -ELOOP);
	KUNIT_EXPECT_EQ(test, node_refs(node[1]), 1);
	KUNIT_EXPECT_FALSE(test, node_unlink(node[2], 0));
	node_put(node[0]);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* A walk that found something must not spoil the next one. */
static void cycle_refused_leaves_no_trace_in_the_graph(struct kunit *test)
{
	struct test_node **node = new_chain(test, 4);

	expect_refused(test, node[3], 0, node[0]);
	expect_refused_again(test, node[3], 0, node[0]);
	expect_refused_again(test, node[2], 1, node[1]);

	/* 2 -> 4 beside 2 -> 3 -> 4 */
	KUNIT_EXPECT_EQ(test, node_link(node[1], 1, node[3]), 0);
	expect_refused_again(test, node[3], 0, node[1]);
	node_put(node[0]);
	expect_log(test, test->priv, "r1 r2 r3 r4 f4 f3 f2 f1");
}

/* === Members === */

static struct kobjtree *new_member(struct kunit *test,
				   struct test_node *container)
{
	struct kobjtree *member;

	member = kobjtree_kzalloc(&container->tree, sizeof(*member),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, member);
	kobjtree_init_member(member, NULL, &container->tree);
	return member;
}

/* member -> container */
static void cycle_of_container_and_member_is_refused(struct kunit *test)
{
	struct test_node *container = node_new(test, 1);
	struct kobjtree *member = new_member(test, container);

	MAY_WARN(test, REFUSAL);
	KUNIT_EXPECT_EQ(test, kobjtree_link(&container->tree,
					    &container->edge[0], member),
			-ELOOP);
	KUNIT_EXPECT_EQ(test, kref_read(&member->ref), 1);
	kobjtree_put(member);
	KUNIT_EXPECT_EQ(test, node_refs(container), 1);
	node_put(container);
	expect_log(test, test->priv, "r1 f1");
}

/* 2 -> member -> container 1, 1 -/-> 2 */
static void cycle_through_a_member_is_refused(struct kunit *test)
{
	struct test_node *container = node_new(test, 1);
	struct kobjtree *member = new_member(test, container);
	struct test_node *other = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, kobjtree_link_give(&other->tree, &other->edge[0],
						 member), 0);
	expect_refused(test, container, 0, other);
	node_put(container);
	expect_log(test, test->priv, "");
	node_put(other);
	expect_log(test, test->priv, "r2 r1 f1 f2");
}

/* member -> 2 -> container 1, beside member -> 1: a diamond */
static void member_may_reach_its_container_twice(struct kunit *test)
{
	struct test_node *container = node_new(test, 1);
	struct kobjtree *member = new_member(test, container);
	struct test_node *other = node_new(test, 2);
	struct kobjtree_edge *edge;

	edge = kobjtree_kzalloc(&container->tree, sizeof(*edge), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, edge);
	KUNIT_EXPECT_EQ(test, node_link(other, 0, container), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_link_give(member, edge, &other->tree),
			0);
	node_put(container);
	expect_log(test, test->priv, "");
	kobjtree_put(member);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

/* === What is allowed === */

/* 1 -> 2, 3; 2 -> 4; 3 -> 4 */
static void diamond_is_no_cycle(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_child(test, one, 0, 2);
	struct test_node *three = node_child(test, one, 1, 3);
	struct test_node *four = node_child(test, two, 0, 4);

	KUNIT_EXPECT_EQ(test, node_link(three, 0, four), 0);
	expect_refused(test, four, 0, one);
	node_put(one);
	expect_log(test, test->priv, "r1 r3 f3 r2 r4 f4 f2 f1");
}

static void two_edges_between_two_objects_are_no_cycle(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_child(test, one, 0, 2);

	KUNIT_EXPECT_EQ(test, node_link(one, 1, two), 0);
	KUNIT_EXPECT_EQ(test, node_refs(two), 2);
	node_put(one);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

static void edge_may_turn_round_once_unlinked(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, node_link(one, 0, two), 0);
	expect_refused(test, two, 0, one);
	KUNIT_EXPECT_TRUE(test, node_unlink(one, 0));
	KUNIT_EXPECT_EQ(test, node_link(two, 0, one), 0);
	expect_refused(test, one, 0, two);
	node_put(one);
	node_put(two);
	expect_log(test, test->priv, "r2 r1 f1 f2");
}

/* 1 was held, holds 2, and nothing leads back: no false alarm */
static void holder_that_was_held_may_hold(struct kunit *test)
{
	struct test_node *top = node_new(test, 1);
	struct test_node *one = node_child(test, top, 0, 2);
	struct test_node *two = node_new(test, 3);

	KUNIT_EXPECT_EQ(test, node_link(one, 0, two), 0);
	kobjtree_get(&one->tree);
	KUNIT_EXPECT_TRUE(test, node_unlink(top, 0));
	KUNIT_EXPECT_EQ(test, node_link(one, 1, two), 0);
	node_put(two);
	node_put(one);
	node_put(top);
	expect_log(test, test->priv, "r2 r3 f3 f2 r1 f1");
}

static void link_in_release(struct test_node *node)
{
	struct test_node *held = node->arg;

	MAY_WARN(NULL, REFUSAL);
	log_event(node->log, 'e', -node_link(held, 0, node));
}

/* 1 -> 2: in the release of 1, 2 cannot hold it, for a nearer reason */
static void cycle_with_a_dead_object_is_no_device(struct kunit *test)
{
	struct test_node **node = new_chain(test, 2);

	node[0]->in_release = link_in_release;
	node[0]->arg = node[1];
	node_put(node[0]);
	expect_log(test, test->priv, "r1 e19 r2 f2 f1");
}

/* === Of any size === */

struct small {
	struct kobjtree tree;
	struct kobjtree_edge edge;
};

static struct small *new_small(struct kunit *test)
{
	struct small *small = kobjtree_alloc(struct small, tree, NULL,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, small);
	return small;
}

static int small_link(struct small *holder, struct small *held)
{
	return kobjtree_link(&holder->tree, &holder->edge, &held->tree);
}

/* top -> 1 -> 2 -> ... -> DEEP, built downwards: each holder was held */
static void legal_chain_of_any_depth_is_linked(struct kunit *test)
{
	struct small *top = new_small(test), *extra = new_small(test);
	struct small *last = top, *small;
	int i;

	for (i = 0; i < DEEP; i++) {
		small = new_small(test);
		KUNIT_ASSERT_EQ(test, kobjtree_link_give(&last->tree,
							 &last->edge,
							 &small->tree), 0);
		last = small;
	}
	/* extra was held: the walk takes the whole chain */
	KUNIT_ASSERT_EQ(test, kobjtree_link(&top->tree, NULL, &extra->tree), 0);
	KUNIT_ASSERT_TRUE(test, kobjtree_drop(&top->tree, &extra->tree));
	KUNIT_EXPECT_EQ(test, small_link(extra, top), 0);

	/* and the one that is refused at its far end */
	MAY_WARN(test, PLAIN_REFUSAL);
	KUNIT_EXPECT_EQ(test, small_link(last, extra), -ELOOP);
	kobjtree_put(&top->tree);
	kobjtree_put(&extra->tree);
}

/* other -> hub -> WIDE leaves */
static void legal_star_of_any_breadth_is_linked(struct kunit *test)
{
	struct small *hub = new_small(test), *other = new_small(test);
	struct small *leaf = NULL;
	int i;

	for (i = 0; i < WIDE; i++) {
		leaf = new_small(test);
		KUNIT_ASSERT_EQ(test, kobjtree_link_give(&hub->tree, NULL,
							 &leaf->tree), 0);
	}
	KUNIT_ASSERT_EQ(test, kobjtree_link(&leaf->tree, NULL, &other->tree), 0);
	KUNIT_ASSERT_TRUE(test, kobjtree_drop(&leaf->tree, &other->tree));

	/* other was held: the walk looks at each leaf */
	KUNIT_EXPECT_EQ(test, small_link(other, hub), 0);
	MAY_WARN(test, PLAIN_REFUSAL);
	KUNIT_EXPECT_EQ(test, small_link(leaf, other), -ELOOP);
	kobjtree_put(&hub->tree);
	kobjtree_put(&other->tree);
}

/* All of the layer hold @next, and nothing else does. */
static void link_layer(struct kunit *test, struct small **layer,
		       struct small *next)
{
	int i;

	for (i = 0; i < LAYER_WIDTH; i++)
		KUNIT_ASSERT_EQ(test, kobjtree_link(&layer[i]->tree, NULL,
						    &next->tree), 0);
	kobjtree_put(&next->tree);
}

/* Each of a layer holds all of the next: 4^40 paths, and one walk of 160. */
static void legal_graph_of_many_paths_is_linked(struct kunit *test)
{
	struct small *layer[LAYER_WIDTH], *next[LAYER_WIDTH];
	struct small *top = new_small(test), *bottom = new_small(test);
	int i, n;

	for (i = 0; i < LAYER_WIDTH; i++) {
		layer[i] = new_small(test);
		KUNIT_ASSERT_EQ(test, kobjtree_link_give(&top->tree, NULL,
							 &layer[i]->tree), 0);
	}
	for (n = 1; n < LAYERS; n++) {
		for (i = 0; i < LAYER_WIDTH; i++) {
			next[i] = new_small(test);
			link_layer(test, layer, next[i]);
		}
		memcpy(layer, next, sizeof(layer));
	}
	KUNIT_ASSERT_EQ(test, small_link(layer[0], bottom), 0);
	MAY_WARN(test, PLAIN_REFUSAL);
	KUNIT_EXPECT_EQ(test, small_link(bottom, top), -ELOOP);
	kobjtree_put(&bottom->tree);
	kobjtree_put(&top->tree);
}

/* === While the graph changes === */

struct cutter {
	struct test_node *holder, *held;
	struct completion start;
	unsigned long cuts, refused;
	bool lost;
};

/* Cut the chain and mend it; while it is closed elsewhere, wait. */
static int cut_and_mend(void *data)
{
	struct cutter *cutter = data;
	int ret;

	wait_for_completion(&cutter->start);
	while (!kthread_should_stop()) {
		if (!node_unlink(cutter->holder, 0))
			cutter->lost = true;
		cutter->cuts++;
		do {
			cond_resched();
			ret = node_link(cutter->holder, 0, cutter->held);
			cutter->refused += ret == -ELOOP;
		} while (ret == -ELOOP);
		if (ret)
			cutter->lost = true;
	}
	return 0;
}

/*
 * 1 -> ... -> 50 -> 51 -> ... -> 100. One thread cuts between 50 and 51 and
 * mends, the other links 100 to 1 and unlinks: never both are linked, which
 * the end shows: a cycle would leak.
 */
static void walk_beside_an_unlink_refuses_every_cycle(struct kunit *test)
{
	struct test_node **node = new_chain(test, LONG_CYCLE);
	struct cutter cutter = { .holder = node[49], .held = node[50] };
	struct test_node *last = node[LONG_CYCLE - 1];
	unsigned long closed = 0, refused = 0;
	struct task_struct *task;
	int i, ret;

	MAY_WARN(test, REFUSAL);
	for (i = 1; i < LONG_CYCLE; i++)
		kobjtree_get(&node[i]->tree);
	init_completion(&cutter.start);
	task = kthread_run(cut_and_mend, &cutter, "kobjtree-cutter");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	complete(&cutter.start);
	for (i = 0; i < CUTS; i++) {
		ret = node_link(last, 0, node[0]);
		closed += !ret;
		refused += ret == -ELOOP;
		if (!ret)
			KUNIT_EXPECT_TRUE(test, node_unlink(last, 0));
		cond_resched();
	}
	kthread_stop(task);

	kunit_info(test, "%lu cuts, %lu refused; %lu closed, %lu refused",
		   cutter.cuts, cutter.refused, closed, refused);
	KUNIT_EXPECT_FALSE(test, cutter.lost);
	KUNIT_EXPECT_EQ(test, closed + refused, CUTS);
	for (i = LONG_CYCLE - 1; i > 0; i--)
		node_put(node[i]);
	expect_log(test, test->priv, "");
	node_put(node[0]);
	KUNIT_EXPECT_STRNEQ(test, log_take(test->priv), "");
}

static struct kunit_case cycle_cases[] = {
	KUNIT_CASE(cycle_of_one_is_refused),
	KUNIT_CASE(cycle_of_two_is_refused),
	KUNIT_CASE(cycle_of_three_is_refused),
	KUNIT_CASE(cycle_of_any_length_is_refused),
	KUNIT_CASE(cycle_through_a_slot_is_refused),
	KUNIT_CASE(cycle_through_allocated_edges_is_refused),
	KUNIT_CASE(cycle_refused_leaves_the_reference_to_the_giver),
	KUNIT_CASE(cycle_by_a_move_is_refused),
	KUNIT_CASE(cycle_refused_leaves_no_trace_in_the_graph),
	KUNIT_CASE(cycle_of_container_and_member_is_refused),
	KUNIT_CASE(cycle_through_a_member_is_refused),
	KUNIT_CASE(member_may_reach_its_container_twice),
	KUNIT_CASE(diamond_is_no_cycle),
	KUNIT_CASE(two_edges_between_two_objects_are_no_cycle),
	KUNIT_CASE(edge_may_turn_round_once_unlinked),
	KUNIT_CASE(holder_that_was_held_may_hold),
	KUNIT_CASE(cycle_with_a_dead_object_is_no_device),
	KUNIT_CASE(legal_chain_of_any_depth_is_linked),
	KUNIT_CASE(legal_star_of_any_breadth_is_linked),
	KUNIT_CASE(legal_graph_of_many_paths_is_linked),
	KUNIT_CASE(walk_beside_an_unlink_refuses_every_cycle),
	{}
};

static struct kunit_suite cycle_suite = {
	.name = "kobjtree_cycle",
	.init = test_init,
	.exit = test_exit,
	.test_cases = cycle_cases,
};

kunit_test_suite(cycle_suite);

MODULE_DESCRIPTION("KUnit tests of the refusal of cycles in kobjtree");
MODULE_LICENSE("GPL");
