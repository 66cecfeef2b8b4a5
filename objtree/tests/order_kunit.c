// SPDX-License-Identifier: GPL-2.0-only
/*
 * The total order of a teardown: dead, release, actions, edges, managed
 * memory, memory; and what the last puts of callbacks add to it.
 *
 * Drawn above a test: -[i]-> is the edge in storage i, -[slot]-> the one inside
 * the object; a1 is action 1; (put 9) is what a callback does, where 9 has one
 * reference.
 */
#include "helpers.h"

static struct kobjtree *obj(struct test_node *node)
{
	return &node->tree;
}

/* === The six steps of one object === */

/* 1 [a4, a5, memory] -[0]-> 2, -[1]-> 3, added in mixed order */
static void steps_have_one_order(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	KUNIT_ASSERT_NOT_NULL(test, kobjtree_kzalloc(obj(node), 8, GFP_KERNEL));
	node_action(test, node, 4);
	node_child(test, node, 0, 2);
	KUNIT_ASSERT_NOT_NULL(test, kobjtree_kzalloc(obj(node), 8, GFP_KERNEL));
	node_child(test, node, 1, 3);
	node_action(test, node, 5);
	KUNIT_ASSERT_NOT_NULL(test, kobjtree_kzalloc(obj(node), 8, GFP_KERNEL));
	node_put(node);
	expect_log(test, test->priv, "r1 a5 a4 r3 f3 r2 f2 f1");
}

static void expect_alive(struct test_node *held)
{
	log_event(held->log, node_refs(held) ? 'v' : '!', held->id);
}

static void expect_my_held_alive(struct test_node *node)
{
	expect_alive(node->arg);
}

static void expect_held_alive(struct test_mark *mark)
{
	expect_alive(mark->arg);
}

/* 1 -[0]-> 2: v2 is a look at 2 by whom it must be valid for */
static void held_is_valid_in_the_release(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->arg = node_child(test, node, 0, 2);
	node->in_release = expect_my_held_alive;
	node_put(node);
	expect_log(test, test->priv, "r1 v2 r2 f2 f1");
}

/* 1 [a3, a4] -[0]-> 2 */
static void held_is_valid_in_the_actions(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;
	int id;

	for (id = 3; id <= 4; id++) {
		mark = node_action(test, node, id);
		mark->then = expect_held_alive;
	}
	mark->arg = node_child(test, node, 0, 2);
	mark[-1].arg = mark->arg;
	node_put(node);
	expect_log(test, test->priv, "r1 a4 v2 a3 v2 r2 f2 f1");
}

/* 1 [a4] -[slot]-> 2 -[slot]-> 3: what 2 holds is valid in 1's callbacks too */
static void all_below_is_valid_in_the_callbacks(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 2);
	struct test_node *leaf = node_new(test, 3);
	struct test_mark *mark = node_action(test, node, 4);

	kobjtree_hold_give(obj(held), obj(leaf));
	kobjtree_hold_give(obj(node), obj(held));
	node->in_release = expect_my_held_alive;
	node->arg = leaf;
	mark->then = expect_held_alive;
	mark->arg = leaf;
	node_put(node);
	expect_log(test, test->priv, "r1 v3 a4 v3 r2 r3 f3 f2 f1");
}

#define PATTERN		0x5a
#define PATTERN_SIZE	64

/* Freed memory has a pointer of the allocator's in it, if nothing worse. */
static void expect_memory_of_the_holder(struct test_node *held)
{
	bool valid = !memchr_inv(held->arg, PATTERN, PATTERN_SIZE);

	log_event(held->log, valid ? 'm' : '!', held->id);
}

/* 1 [memory] -[0]-> 2, of which 2's release and free read 1's memory */
static void managed_memory_outlives_what_the_object_held(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_child(test, node, 0, 2);
	u8 *memory = kobjtree_kzalloc(obj(node), PATTERN_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory, PATTERN, PATTERN_SIZE);
	held->arg = memory;
	held->in_release = expect_memory_of_the_holder;
	held->in_free = expect_memory_of_the_holder;
	node->arg = memory;
	node->in_release = expect_memory_of_the_holder;
	node_put(node);
	expect_log(test, test->priv, "r1 m1 r2 m2 f2 m2 f1");
}

/* 1 -> 2 -> 3 */
static void memory_outlives_what_it_held(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	node_child(test, held, 0, 3);
	kobjtree_hold_give(obj(node), obj(held));
	node_put(node);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* === Edges === */

/* 1 -[0]-> 2, -[1]-> 3, -[2]-> 4 */
static void edges_are_dropped_newest_first(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	int i;

	for (i = 0; i < 3; i++)
		node_child(test, node, i, i + 2);
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[2]-> 2, -[0]-> 3, -[1]-> 4: by when they were linked, not by place */
static void place_of_an_edge_does_not_order_it(struct kunit *test)
{
	static const int place[] = { 2, 0, 1 };
	struct test_node *node = node_new(test, 1);
	int i;

	for (i = 0; i < 3; i++)
		node_child(test, node, place[i], i + 2);
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[0]-> 2, -[*]-> 3, -[1]-> 4: one order for embedded and allocated ones */
static void allocated_edges_are_ordered_among_the_others(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 3);

	node_child(test, node, 0, 2);
	KUNIT_ASSERT_EQ(test, kobjtree_link_give(obj(node), NULL, obj(held)),
			0);
	node_child(test, node, 1, 4);
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[slot]-> 2, -[0]-> 3, -[1]-> 4 */
static void slot_that_was_linked_first_is_dropped_last(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_give(obj(node), obj(held));
	node_child(test, node, 0, 3);
	node_child(test, node, 1, 4);
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[0]-> 2, -[slot]-> 3, -[1]-> 4 */
static void slot_is_ordered_among_the_edges(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 3);

	node_child(test, node, 0, 2);
	kobjtree_hold_give(obj(node), obj(held));
	node_child(test, node, 1, 4);
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[0]-> 2, -[1]-> 3, -[slot]-> 4 */
static void slot_that_was_linked_last_is_dropped_first(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 4);

	node_child(test, node, 0, 2);
	node_child(test, node, 1, 3);
	kobjtree_hold_give(obj(node), obj(held));
	node_put(node);
	expect_log(test, test->priv, "r1 r4 f4 r3 f3 r2 f2 f1");
}

/* 1 -[0]-> 2, -[slot]-> 3, dropped, -[1]-> 4: still newest first */
static void empty_slot_leaves_the_order(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 3);

	node_child(test, node, 0, 2);
	kobjtree_hold_give(obj(node), obj(held));
	node_child(test, node, 1, 4);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(node), obj(held)));
	node_child(test, node, 2, 5);
	expect_log(test, test->priv, "r3 f3");
	node_put(node);
	expect_log(test, test->priv, "r1 r5 f5 r4 f4 r2 f2 f1");
}

/*
 * 1 -[0]-> 2 -[0]-> 3, -[1]-> 4
 * 1 -[1]-> 5 -[0]-> 6, -[1]-> 7
 */
static void child_is_torn_down_before_the_next_edge_is_dropped(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *left = node_child(test, node, 0, 2);
	struct test_node *right = node_child(test, node, 1, 5);

	node_child(test, left, 0, 3);
	node_child(test, left, 1, 4);
	node_child(test, right, 0, 6);
	node_child(test, right, 1, 7);
	node_put(node);
	expect_log(test, test->priv,
		   "r1 r5 r7 f7 r6 f6 f5 r2 r4 f4 r3 f3 f2 f1");
}

/* 1 -[0]-> 2 -> 4, 1 -[1]-> 3 -> 4: 4 goes with 2, the later of its holders */
static void shared_child_goes_after_its_last_holder(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *left = node_child(test, node, 0, 2);
	struct test_node *right = node_child(test, node, 1, 3);
	struct test_node *shared = node_child(test, left, 0, 4);

	KUNIT_ASSERT_EQ(test, node_link(right, 0, shared), 0);
	node_put(node);
	expect_log(test, test->priv, "r1 r3 f3 r2 r4 f4 f2 f1");
}

/* 1 -[0]-> 2, 1 -[1]-> 3 -> 2: the object's own edge to 2 is the last one */
static void child_of_a_child_may_be_held_directly_too(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *shared = node_child(test, node, 0, 2);
	struct test_node *held = node_child(test, node, 1, 3);

	KUNIT_ASSERT_EQ(test, node_link(held, 0, shared), 0);
	node_put(node);
	expect_log(test, test->priv, "r1 r3 f3 r2 f2 f1");
}

/* 1 [a3, a4] -> 2 [a5, a6]: each object's actions are its own step */
static void actions_of_a_child_run_in_its_own_teardown(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_child(test, node, 0, 2);

	node_action(test, held, 5);
	node_action(test, node, 3);
	node_action(test, held, 6);
	node_action(test, node, 4);
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a3 r2 a6 a5 f2 f1");
}

/* === Last puts of callbacks === */

static void put_arg(struct test_node *node)
{
	node_put(node->arg);
	log_event(node->log, 'p', node->id);
}

static void put_arg_of_action(struct test_mark *mark)
{
	node_put(mark->arg);
	log_event(mark->log, 'p', mark->id);
}

/* 1 [a3] -> 2; the release of 1: (put 9) */
static void put_in_a_release_takes_place_when_it_has_returned(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node_action(test, node, 3);
	node_child(test, node, 0, 2);
	node->in_release = put_arg;
	node->arg = node_new(test, 9);
	node_put(node);
	expect_log(test, test->priv, "r1 p1 r9 f9 a3 r2 f2 f1");
}

/* 1 [a3, a4] -> 2; a4: (put 9) */
static void put_in_an_action_takes_place_before_the_next_one(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node_child(test, node, 0, 2);
	node_action(test, node, 3);
	mark = node_action(test, node, 4);
	mark->then = put_arg_of_action;
	mark->arg = node_new(test, 9);
	node_put(node);
	expect_log(test, test->priv, "r1 a4 p4 r9 f9 a3 r2 f2 f1");
}

/* 1 -[0]-> 2, -[1]-> 3; the free of 3: (put 9) */
static void put_in_a_free_takes_place_before_the_next_edge(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held;

	node_child(test, node, 0, 2);
	held = node_child(test, node, 1, 3);
	held->in_free = put_arg;
	held->arg = node_new(test, 9);
	node_put(node);
	expect_log(test, test->priv, "r1 r3 f3 p3 r9 f9 r2 f2 f1");
}

/* the free of 1, the last of the cascade: (put 9) */
static void put_in_the_last_free_is_not_lost(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node->in_free = put_arg;
	node->arg = node_new(test, 9);
	node_put(node);
	expect_log(test, test->priv, "r1 f1 p1 r9 f9");
}

static void put_three(struct test_node *node)
{
	struct test_node **put = node->arg;
	int i;

	for (i = 0; i < 3; i++)
		node_put(put[i]);
}

/* the release of 1: (put 7), (put 8), (put 9), where 8 -> 6 */
static void puts_of_a_release_keep_their_order(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *put[] = {
		node_new(test, 7), node_new(test, 8), node_new(test, 9),
	};

	node_child(test, node, 0, 2);
	node_child(test, put[1], 0, 6);
	node->in_release = put_three;
	node->arg = put;
	node_put(node);
	expect_log(test, test->priv, "r1 r7 f7 r8 r6 f6 f8 r9 f9 r2 f2 f1");
}

/* the release of 1: (put 8), the release of 8: (put 9), then 8's edge */
static void puts_of_releases_nest(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *put = node_new(test, 8);

	node_child(test, node, 0, 2);
	node_child(test, put, 0, 7);
	put->in_release = put_arg;
	put->arg = node_new(test, 9);
	node->in_release = put_arg;
	node->arg = put;
	node_put(node);
	expect_log(test, test->priv,
		   "r1 p1 r8 p8 r9 f9 r7 f7 f8 r2 f2 f1");
}

/* the release of 1: (put 9) where 9 has another reference */
static void put_in_a_release_is_a_put_like_any_other(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *other = node_new(test, 9);

	kobjtree_get(obj(other));
	node->in_release = put_arg;
	node->arg = other;
	node_put(node);
	expect_log(test, test->priv, "r1 p1 f1");
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);
	node_put(other);
	expect_log(test, test->priv, "r9 f9");
}

/* === Unlinking in callbacks === */

static void unlink_my_first(struct test_node *node)
{
	log_event(node->log, node_unlink(node, 0) ? 'y' : 'n', node->id);
	log_event(node->log, node_unlink(node, 0) ? 'y' : 'n', node->id);
}

static void unlink_first(struct test_mark *mark)
{
	unlink_my_first(mark->arg);
}

/* 1 [a4] -[0]-> 2, -[1]-> 3; the release of 1 unlinks [0] */
static void unlink_in_a_release_drops_the_edge_once(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);

	node_child(test, node, 0, 2);
	node_child(test, node, 1, 3);
	node_action(test, node, 4);
	node->in_release = unlink_my_first;
	node_put(node);
	expect_log(test, test->priv, "r1 y1 n1 r2 f2 a4 r3 f3 f1");
}

/* 1 [a4, a5] -[0]-> 2, -[1]-> 3; a5 unlinks [0] */
static void unlink_in_an_action_drops_the_edge_once(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark;

	node_child(test, node, 0, 2);
	node_child(test, node, 1, 3);
	node_action(test, node, 4);
	mark = node_action(test, node, 5);
	mark->then = unlink_first;
	mark->arg = node;
	node_put(node);
	expect_log(test, test->priv, "r1 a5 y1 n1 r2 f2 a4 r3 f3 f1");
}

static void drop_arg(struct test_node *node)
{
	bool dropped = kobjtree_drop(obj(node), node->arg);

	log_event(node->log, dropped ? 'y' : 'n', node->id);
}

/* 1 -[slot]-> 2, -[0]-> 3; the release of 1 drops 2 */
static void drop_in_a_release_drops_the_edge_once(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_give(obj(node), obj(held));
	node_child(test, node, 0, 3);
	node->in_release = drop_arg;
	node->arg = obj(held);
	node_put(node);
	expect_log(test, test->priv, "r1 y1 r2 f2 r3 f3 f1");
}

static void unlink_others_first(struct test_node *node)
{
	struct test_node *other = node->arg;

	log_event(node->log, node_unlink(other, 0) ? 'y' : 'n', other->id);
}

/* 1, and 8 -[0]-> 9; the release of 1 unlinks 9 from 8, which stays */
static void unlink_of_a_live_object_joins_too(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *other = node_new(test, 8);

	node_child(test, node, 0, 2);
	node_child(test, other, 0, 9);
	node->in_release = unlink_others_first;
	node->arg = other;
	node_put(node);
	expect_log(test, test->priv, "r1 y8 r9 f9 r2 f2 f1");
	node_put(other);
	expect_log(test, test->priv, "r8 f8");
}

/* === Nothing is added to a dead object === */

struct dead_adds {
	int action;
	int reset;
	void *memory;
	char *string;
	struct test_mark *mark[2];
};

static void add_to_me(struct test_node *node)
{
	struct dead_adds *adds = node->arg;

	adds->action = kobjtree_add_action(obj(node), test_action,
					   adds->mark[0]);
	adds->reset = kobjtree_add_action_or_reset(obj(node), test_action,
						   adds->mark[1]);
	adds->memory = kobjtree_kzalloc(obj(node), 8, GFP_KERNEL);
	adds->string = kobjtree_kstrdup(obj(node), "dead", GFP_KERNEL);
}

static void add_to_object(struct test_mark *mark)
{
	add_to_me(mark->arg);
}

static void expect_refusals(struct kunit *test, struct dead_adds *adds)
{
	KUNIT_EXPECT_EQ(test, adds->action, -ENODEV);
	KUNIT_EXPECT_EQ(test, adds->reset, -ENODEV);
	KUNIT_EXPECT_NULL(test, adds->memory);
	KUNIT_EXPECT_NULL(test, adds->string);
}

/* the release of 1 adds a3, a4 or else, memory and a string */
static void release_adds_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct dead_adds adds = {
		.mark = { test_mark(test, 3), test_mark(test, 4) },
		.memory = node, .string = (char *)node,
	};

	node_action(test, node, 2);
	node->in_release = add_to_me;
	node->arg = &adds;
	node_put(node);
	expect_log(test, test->priv, "r1 a4 a2 f1");
	expect_refusals(test, &adds);
}

/* the same in an action of 1 */
static void action_adds_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct dead_adds adds = {
		.mark = { test_mark(test, 3), test_mark(test, 4) },
		.memory = node, .string = (char *)node,
	};
	struct test_mark *mark = node_action(test, node, 2);

	mark->then = add_to_object;
	mark->arg = node;
	node->arg = &adds;
	node_put(node);
	expect_log(test, test->priv, "r1 a2 a4 f1");
	expect_refusals(test, &adds);
}

/* === Cost === */

/* 1 [a4, a5, memory] -[slot]-> 2 -[0]-> 3, -[*]-> 6 */
static void teardown_allocates_nothing(struct kunit *test)
{
	struct test_node *node, *held, *last;

	fail_setup(test);
	node = node_new(test, 1);
	held = node_new(test, 2);
	last = node_new(test, 6);
	node_child(test, held, 0, 3);
	kobjtree_hold_give(obj(node), obj(held));
	KUNIT_ASSERT_EQ(test, kobjtree_link_give(obj(node), NULL, obj(last)),
			0);
	node_action(test, node, 4);
	node_action(test, node, 5);
	KUNIT_ASSERT_NOT_NULL(test, kobjtree_kzalloc(obj(node), 8, GFP_KERNEL));
	EXPECT_NO_ALLOC(test, node_put(node));
	expect_log(test, test->priv, "r1 a5 a4 r6 f6 r2 r3 f3 f2 f1");
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(steps_have_one_order),
	KUNIT_CASE(held_is_valid_in_the_release),
	KUNIT_CASE(held_is_valid_in_the_actions),
	KUNIT_CASE(all_below_is_valid_in_the_callbacks),
	KUNIT_CASE(managed_memory_outlives_what_the_object_held),
	KUNIT_CASE(memory_outlives_what_it_held),
	KUNIT_CASE(edges_are_dropped_newest_first),
	KUNIT_CASE(place_of_an_edge_does_not_order_it),
	KUNIT_CASE(allocated_edges_are_ordered_among_the_others),
	KUNIT_CASE(slot_that_was_linked_first_is_dropped_last),
	KUNIT_CASE(slot_is_ordered_among_the_edges),
	KUNIT_CASE(slot_that_was_linked_last_is_dropped_first),
	KUNIT_CASE(empty_slot_leaves_the_order),
	KUNIT_CASE(child_is_torn_down_before_the_next_edge_is_dropped),
	KUNIT_CASE(shared_child_goes_after_its_last_holder),
	KUNIT_CASE(child_of_a_child_may_be_held_directly_too),
	KUNIT_CASE(actions_of_a_child_run_in_its_own_teardown),
	KUNIT_CASE(put_in_a_release_takes_place_when_it_has_returned),
	KUNIT_CASE(put_in_an_action_takes_place_before_the_next_one),
	KUNIT_CASE(put_in_a_free_takes_place_before_the_next_edge),
	KUNIT_CASE(put_in_the_last_free_is_not_lost),
	KUNIT_CASE(puts_of_a_release_keep_their_order),
	KUNIT_CASE(puts_of_releases_nest),
	KUNIT_CASE(put_in_a_release_is_a_put_like_any_other),
	KUNIT_CASE(unlink_in_a_release_drops_the_edge_once),
	KUNIT_CASE(unlink_in_an_action_drops_the_edge_once),
	KUNIT_CASE(drop_in_a_release_drops_the_edge_once),
	KUNIT_CASE(unlink_of_a_live_object_joins_too),
	KUNIT_CASE(release_adds_nothing),
	KUNIT_CASE(action_adds_nothing),
	KUNIT_CASE(teardown_allocates_nothing),
	{}
};

static struct kunit_suite order_suite = {
	.name = "kobjtree_order",
	.init = test_init,
	.exit = test_exit,
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);

MODULE_DESCRIPTION("kobjtree: tests of the order of teardown");
MODULE_LICENSE("GPL");
