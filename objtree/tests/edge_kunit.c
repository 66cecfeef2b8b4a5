// SPDX-License-Identifier: GPL-2.0-only
/*
 * Edges: each is one reference, taken or given, and dropped once.
 *
 * Drawn above a test: (n) is an object with n references, -> an edge, -[i]->
 * the edge in storage i, -[slot]-> the one inside the object, -[*]-> an
 * allocated one.
 */
#include <linux/irqflags.h>

#include "helpers.h"

static struct kobjtree *obj(struct test_node *node)
{
	return &node->tree;
}

/* === Hold === */

/* 1 -[slot]-> 2 (2): the edge's and the caller's */
static void hold_takes_a_reference(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold(obj(holder), obj(held));
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_EQ(test, node_refs(holder), 1);

	node_put(held);
	expect_log(test, test->priv, "");
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -[slot]-> 2 (1): the caller's became the edge's */
static void hold_give_takes_over_the_callers_reference(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_give(obj(holder), obj(held));
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -[0]-> 2 (2), 1 -[1]-> 3 (1) */
static void hold_edge_does_the_same_in_storage(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *taken = node_new(test, 2);
	struct test_node *given = node_new(test, 3);

	kobjtree_hold_edge(obj(holder), &holder->edge[0], obj(taken));
	kobjtree_hold_edge_give(obj(holder), &holder->edge[1], obj(given));
	KUNIT_EXPECT_EQ(test, node_refs(taken), 2);
	KUNIT_EXPECT_EQ(test, node_refs(given), 1);

	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_EQ(test, node_refs(taken), 1);
	node_put(taken);
	expect_log(test, test->priv, "r2 f2");
	node_put(holder);
	expect_log(test, test->priv, "r1 r3 f3 f1");
}

/* 1 -[slot]-> 2, 1 -[0..7]-> 3..10, with irqs off and no memory */
static void hold_cannot_fail(struct kunit *test)
{
	struct test_node *held[NODE_EDGES + 1];
	struct test_node *holder;
	int i;

	fail_setup(test);
	holder = node_new(test, 1);
	for (i = 0; i < ARRAY_SIZE(held); i++)
		held[i] = node_new(test, i + 2);

	no_sleep_begin();
	WITHOUT_MEMORY(kobjtree_hold_give(obj(holder), obj(held[0])));
	for (i = 0; i < NODE_EDGES; i++)
		WITHOUT_MEMORY(kobjtree_hold_edge_give(obj(holder),
						       &holder->edge[i],
						       obj(held[i + 1])));
	no_sleep_end();
	node_put(holder);
	expect_log(test, test->priv,
		   "r1 r10 f10 r9 f9 r8 f8 r7 f7 r6 f6 r5 f5 r4 f4 r3 f3 r2 f2 f1");
}

/* === Link === */

/* 1 -[0]-> 2 (2) */
static void link_takes_a_reference(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_EXPECT_EQ(test, node_link(holder, 0, held), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -[0]-> 2 (1) */
static void link_give_takes_over_the_callers_reference(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_EXPECT_EQ(test, kobjtree_link_give(obj(holder), &holder->edge[0],
						 obj(held)), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -[*]-> 2 (2) */
static void link_without_storage_allocates_it(struct kunit *test)
{
	struct test_node *holder, *held;

	fail_setup(test);
	holder = node_new(test, 1);
	held = node_new(test, 2);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, kobjtree_link(obj(holder), NULL, obj(held)),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);

	KUNIT_EXPECT_EQ(test, kobjtree_link(obj(holder), NULL, obj(held)), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -/[*]-> 2 (1): the caller still owns 2 */
static void link_give_without_memory_gives_nothing(struct kunit *test)
{
	struct test_node *holder, *held;

	fail_setup(test);
	holder = node_new(test, 1);
	held = node_new(test, 2);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, kobjtree_link_give(obj(holder), NULL, obj(held)),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);

	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
	node_put(held);
	expect_log(test, test->priv, "r2 f2");
}

/* 1 -[0]-> 2 with irqs off, where no path can lead to 1 */
static void link_of_a_never_held_holder_is_legal_in_any_context(struct kunit *test)
{
	struct test_node *holder, *held;
	int ret;

	fail_setup(test);
	holder = node_new(test, 1);
	held = node_new(test, 2);
	no_sleep_begin();
	WITHOUT_MEMORY(ret = node_link(holder, 0, held));
	no_sleep_end();
	KUNIT_EXPECT_EQ(test, ret, 0);
	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -[0]-> 2 -[0]-> 3, the second edge after the first: with a walk */
static void link_of_a_held_holder_needs_no_memory(struct kunit *test)
{
	struct test_node *top, *middle, *bottom;
	int ret;

	fail_setup(test);
	top = node_new(test, 1);
	middle = node_new(test, 2);
	bottom = node_new(test, 3);
	KUNIT_ASSERT_EQ(test, node_link(top, 0, middle), 0);
	WITHOUT_MEMORY(ret = node_link(middle, 0, bottom));
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, node_refs(top), 1);
	KUNIT_EXPECT_EQ(test, node_refs(middle), 2);
	KUNIT_EXPECT_EQ(test, node_refs(bottom), 2);

	node_put(bottom);
	node_put(middle);
	node_put(top);
	expect_log(test, test->priv, "r1 r2 r3 f3 f2 f1");
}

/* 1 -[0]-> 2 (2), and again into [0]: to 2, to 3 */
static void link_into_a_linked_edge_changes_nothing(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);
	struct test_node *other = node_new(test, 3);

	KUNIT_ASSERT_EQ(test, node_link(holder, 0, held), 0);
	MAY_WARN(test, MISUSE_BUSY);
	KUNIT_EXPECT_EQ(test, node_link(holder, 0, held), -EBUSY);
	KUNIT_EXPECT_EQ(test, node_link(holder, 0, other), -EBUSY);
	KUNIT_EXPECT_EQ(test, kobjtree_link_give(obj(holder), &holder->edge[0],
						 obj(other)), -EBUSY);
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);

	node_put(other);
	expect_log(test, test->priv, "r3 f3");
	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

struct dead_link {
	struct test_node *other;
	int from;
	int from_given;
	int to;
	int to_given;
};

static void link_from_and_to_me(struct test_node *dead)
{
	struct dead_link *ret = dead->arg;
	struct test_node *other = ret->other;

	ret->from = kobjtree_link(obj(dead), &dead->edge[0], obj(other));
	ret->from_given = kobjtree_link_give(obj(dead), NULL, obj(other));
	ret->to = kobjtree_link(obj(other), &other->edge[0], obj(dead));
	ret->to_given = kobjtree_link_give(obj(other), NULL, obj(dead));
}

static void link_from_and_to_my_object(struct test_mark *mark)
{
	link_from_and_to_me(mark->arg);
}

static void expect_dead(struct kunit *test, struct dead_link *ret)
{
	KUNIT_EXPECT_EQ(test, ret->from, -ENODEV);
	KUNIT_EXPECT_EQ(test, ret->from_given, -ENODEV);
	KUNIT_EXPECT_EQ(test, ret->to, -ENODEV);
	KUNIT_EXPECT_EQ(test, ret->to_given, -ENODEV);
	KUNIT_EXPECT_EQ(test, node_refs(ret->other), 1);
}

/* in the release of 1: 1 -/-> 2 and 2 -/-> 1 */
static void link_from_and_to_a_released_object_changes_nothing(struct kunit *test)
{
	struct test_node *dead = node_new(test, 1);
	struct dead_link ret = { .other = node_new(test, 2) };

	dead->in_release = link_from_and_to_me;
	dead->arg = &ret;
	MAY_WARN(test, MISUSE_NODEV);
	node_put(dead);
	expect_log(test, test->priv, "r1 f1");
	expect_dead(test, &ret);
	node_put(ret.other);
	expect_log(test, test->priv, "r2 f2");
}

/* the same in an action of 1 */
static void link_from_and_to_an_acting_object_changes_nothing(struct kunit *test)
{
	struct test_node *dead = node_new(test, 1);
	struct test_mark *mark = node_action(test, dead, 3);
	struct dead_link ret = { .other = node_new(test, 2) };

	mark->then = link_from_and_to_my_object;
	mark->arg = dead;
	dead->arg = &ret;
	MAY_WARN(test, MISUSE_NODEV);
	node_put(dead);
	expect_log(test, test->priv, "r1 a3 f1");
	expect_dead(test, &ret);
	node_put(ret.other);
	expect_log(test, test->priv, "r2 f2");
}

/* === Many of each === */

/* 1, 2, 3 -[0]-> 4: gone after the last of them */
static void held_lives_as_long_as_any_of_its_holders(struct kunit *test)
{
	struct test_node *held = node_new(test, 4);
	struct test_node *holder[3];
	int i;

	for (i = 0; i < 3; i++) {
		holder[i] = node_new(test, i + 1);
		KUNIT_ASSERT_EQ(test, node_link(holder[i], 0, held), 0);
	}
	KUNIT_EXPECT_EQ(test, node_refs(held), 4);
	node_put(held);
	node_put(holder[1]);
	expect_log(test, test->priv, "r2 f2");
	node_put(holder[0]);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	node_put(holder[2]);
	expect_log(test, test->priv, "r3 r4 f4 f3");
}

/* 1 -[slot]-> 2, 1 -[0]-> 2, 1 -[1]-> 2, 1 -[*]-> 2 (5) */
static void several_edges_between_two_objects_all_count(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold(obj(holder), obj(held));
	KUNIT_ASSERT_EQ(test, node_link(holder, 0, held), 0);
	KUNIT_ASSERT_EQ(test, node_link(holder, 1, held), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_link(obj(holder), NULL, obj(held)), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 5);

	node_put(held);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_EQ(test, node_refs(held), 3);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -> 2 (2) with an outside reference: 2 stays when 1 goes */
static void outside_reference_outlives_the_holder(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_child(test, holder, 0, 2);

	kobjtree_get(obj(held));
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	node_put(held);
	expect_log(test, test->priv, "r2 f2");
}

/* === Unlink === */

/* 1 -[0]-> 2 (1): unlinked, 2 goes before the call returns */
static void unlink_of_the_last_reference_tears_down(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);

	node_child(test, holder, 0, 2);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	expect_log(test, test->priv, "r2 f2");
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 -[0]-> 2 (2): one true, one put; [1] was never linked */
static void unlink_drops_an_edge_once(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_EXPECT_FALSE(test, node_unlink(holder, 0));
	KUNIT_ASSERT_EQ(test, node_link(holder, 0, held), 0);
	KUNIT_EXPECT_FALSE(test, node_unlink(holder, 1));
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	KUNIT_EXPECT_FALSE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);

	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
	node_put(held);
	expect_log(test, test->priv, "r2 f2");
}

/* 1 -[0]-> 2, unlinked, 1 -[0]-> 3 */
static void unlinked_edge_can_be_linked_again(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);

	node_child(test, holder, 0, 2);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	expect_log(test, test->priv, "r2 f2");
	node_child(test, holder, 0, 3);
	node_put(holder);
	expect_log(test, test->priv, "r1 r3 f3 f1");
}

/* 1 -[0..4]-> 2..6, of which the newest, the middle and the oldest go */
static void unlink_leaves_the_other_edges_in_order(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	int i;

	for (i = 0; i < 5; i++)
		node_child(test, holder, i, i + 2);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 2));
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 4));
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	expect_log(test, test->priv, "r4 f4 r6 f6 r2 f2");
	node_put(holder);
	expect_log(test, test->priv, "r1 r5 f5 r3 f3 f1");
}

/* 1 -[0..2]-> 2..4, each unlinked where an allocation would fail */
static void unlink_allocates_nothing(struct kunit *test)
{
	struct test_node *holder;
	int i;

	fail_setup(test);
	holder = node_new(test, 1);
	for (i = 0; i < 3; i++)
		node_child(test, holder, i, i + 2);
	for (i = 0; i < 3; i++)
		EXPECT_NO_ALLOC(test, node_unlink(holder, i));
	expect_log(test, test->priv, "r2 f2 r3 f3 r4 f4");
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
}

/* === Drop === */

/* 1 -[*]-> 2 (1): found by the pair */
static void drop_finds_an_allocated_edge(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, kobjtree_link_give(obj(holder), NULL, obj(held)),
			0);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	expect_log(test, test->priv, "r2 f2");
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 -[slot]-> 2 (1) */
static void drop_finds_the_slot(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_give(obj(holder), obj(held));
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	expect_log(test, test->priv, "r2 f2");
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
}

/* 1 -> 2, 3 -> 4: no edge from 1 to 4, nor to 3, nor from 4 to 3 */
static void drop_of_no_edge_changes_nothing(struct kunit *test)
{
	struct test_node *a = node_new(test, 1);
	struct test_node *c = node_new(test, 3);
	struct test_node *b = node_child(test, a, 0, 2);
	struct test_node *d = node_child(test, c, 0, 4);

	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(a), obj(d)));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(a), obj(c)));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(d), obj(c)));
	KUNIT_EXPECT_EQ(test, node_refs(a), 1);
	KUNIT_EXPECT_EQ(test, node_refs(b), 1);
	KUNIT_EXPECT_EQ(test, node_refs(c), 1);
	KUNIT_EXPECT_EQ(test, node_refs(d), 1);

	node_put(a);
	node_put(c);
	expect_log(test, test->priv, "r1 r2 f2 f1 r3 r4 f4 f3");
}

/* 1 -[0]-> 2, then 1 -[1]-> 2: [1] is dropped first */
static void drop_takes_the_newest_edge_to_it(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, node_link(holder, 0, held), 0);
	KUNIT_ASSERT_EQ(test, node_link(holder, 1, held), 0);
	node_child(test, holder, 2, 3);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_FALSE(test, node_unlink(holder, 1));
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));

	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r2 f2 r1 r3 f3 f1");
}

/* 1 -[slot]-> 2, then 1 -[0]-> 2: [0] is dropped first */
static void drop_takes_an_edge_that_is_newer_than_the_slot(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold(obj(holder), obj(held));
	KUNIT_ASSERT_EQ(test, node_link(holder, 0, held), 0);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	KUNIT_EXPECT_FALSE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(holder), obj(held)));
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);

	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

/* 1 -[0]-> 2, then 1 -[slot]-> 2: the slot is dropped first */
static void drop_takes_the_slot_where_it_is_newer(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	kobjtree_hold_edge(obj(holder), &holder->edge[0], obj(held));
	kobjtree_hold(obj(holder), obj(held));
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(holder), obj(held)));
	KUNIT_EXPECT_EQ(test, node_refs(held), 2);
	KUNIT_EXPECT_TRUE(test, node_unlink(holder, 0));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(obj(holder), obj(held)));

	node_put(held);
	node_put(holder);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

/* 1 -[slot]-> 2, 1 -[0]-> 3, 1 -[*]-> 4, all dropped without memory */
static void drop_allocates_nothing(struct kunit *test)
{
	struct test_node *holder;
	struct test_node *held[3];
	int i;

	fail_setup(test);
	holder = node_new(test, 1);
	for (i = 0; i < 3; i++)
		held[i] = node_new(test, i + 2);
	kobjtree_hold_give(obj(holder), obj(held[0]));
	kobjtree_hold_edge_give(obj(holder), &holder->edge[0], obj(held[1]));
	KUNIT_ASSERT_EQ(test, kobjtree_link_give(obj(holder), NULL,
						 obj(held[2])), 0);
	for (i = 0; i < 3; i++)
		EXPECT_NO_ALLOC(test, kobjtree_drop(obj(holder), obj(held[i])));
	expect_log(test, test->priv, "r2 f2 r3 f3 r4 f4");
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
}

/* === Move === */

static int node_move(struct test_node *from, int i, struct test_node *to, int j)
{
	return kobjtree_move(obj(from), &from->edge[i], obj(to), &to->edge[j]);
}

/* 1 -[0]-> 3 (1), 2: moved, 2 -[0]-> 3 (1) */
static void move_keeps_the_reference(struct kunit *test)
{
	struct test_node *from = node_new(test, 1);
	struct test_node *to = node_new(test, 2);
	struct test_node *held = node_child(test, from, 0, 3);

	KUNIT_EXPECT_EQ(test, node_move(from, 0, to, 0), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_FALSE(test, node_unlink(from, 0));

	node_put(from);
	expect_log(test, test->priv, "r1 f1");
	node_put(to);
	expect_log(test, test->priv, "r2 r3 f3 f2");
}

/* 1 -[0]-> 3, moved to 2 -[*]-> 3 */
static void move_without_storage_allocates_it(struct kunit *test)
{
	struct test_node *from, *to, *held;

	fail_setup(test);
	from = node_new(test, 1);
	to = node_new(test, 2);
	held = node_child(test, from, 0, 3);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(from), &from->edge[0], obj(to),
					    NULL), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_none(), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);

	KUNIT_EXPECT_EQ(test, kobjtree_move(obj(from), &from->edge[0], obj(to),
					    NULL), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	KUNIT_EXPECT_FALSE(test, node_unlink(from, 0));
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(obj(to), obj(held)));
	expect_log(test, test->priv, "r3 f3");
	node_put(from);
	node_put(to);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

/* 1 -[0] linked to nothing */
static void move_of_no_edge_is_refused(struct kunit *test)
{
	struct test_node *from = node_new(test, 1);
	struct test_node *to = node_new(test, 2);

	KUNIT_EXPECT_EQ(test, node_move(from, 0, to, 0), -ENOENT);
	KUNIT_EXPECT_FALSE(test, node_unlink(to, 0));
	node_put(from);
	node_put(to);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

/* 1 -[0]-> 3 (1), 2 -[0]-> 4 (1): [0] of 2 is taken */
static void refused_move_changes_nothing(struct kunit *test)
{
	struct test_node *from = node_new(test, 1);
	struct test_node *to = node_new(test, 2);
	struct test_node *held = node_child(test, from, 0, 3);
	struct test_node *other = node_child(test, to, 0, 4);

	MAY_WARN(test, MISUSE_BUSY);
	KUNIT_EXPECT_EQ(test, node_move(from, 0, to, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);

	node_put(from);
	expect_log(test, test->priv, "r1 r3 f3 f1");
	node_put(to);
	expect_log(test, test->priv, "r2 r4 f4 f2");
}

/* 1 -[0]-> 2, 1 -[1]-> 3: 2 moved to 1's [2] is the newest now */
static void move_within_a_holder_makes_the_edge_the_newest(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);

	node_child(test, holder, 0, 2);
	node_child(test, holder, 1, 3);
	KUNIT_EXPECT_EQ(test, node_move(holder, 0, holder, 2), 0);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 r3 f3 f1");
}

/* 1 -[0]-> 3 to 2, where an allocation would fail */
static void move_into_storage_needs_no_memory(struct kunit *test)
{
	struct test_node *from, *to;
	int ret;

	fail_setup(test);
	from = node_new(test, 1);
	to = node_new(test, 2);
	node_child(test, from, 0, 3);
	WITHOUT_MEMORY(ret = node_move(from, 0, to, 0));
	KUNIT_EXPECT_EQ(test, ret, 0);
	node_put(to);
	expect_log(test, test->priv, "r2 r3 f3 f2");
	node_put(from);
	expect_log(test, test->priv, "r1 f1");
}

static struct kunit_case edge_cases[] = {
	KUNIT_CASE(hold_takes_a_reference),
	KUNIT_CASE(hold_give_takes_over_the_callers_reference),
	KUNIT_CASE(hold_edge_does_the_same_in_storage),
	KUNIT_CASE(hold_cannot_fail),
	KUNIT_CASE(link_takes_a_reference),
	KUNIT_CASE(link_give_takes_over_the_callers_reference),
	KUNIT_CASE(link_without_storage_allocates_it),
	KUNIT_CASE(link_give_without_memory_gives_nothing),
	KUNIT_CASE(link_of_a_never_held_holder_is_legal_in_any_context),
	KUNIT_CASE(link_of_a_held_holder_needs_no_memory),
	KUNIT_CASE(link_into_a_linked_edge_changes_nothing),
	KUNIT_CASE(link_from_and_to_a_released_object_changes_nothing),
	KUNIT_CASE(link_from_and_to_an_acting_object_changes_nothing),
	KUNIT_CASE(held_lives_as_long_as_any_of_its_holders),
	KUNIT_CASE(several_edges_between_two_objects_all_count),
	KUNIT_CASE(outside_reference_outlives_the_holder),
	KUNIT_CASE(unlink_of_the_last_reference_tears_down),
	KUNIT_CASE(unlink_drops_an_edge_once),
	KUNIT_CASE(unlinked_edge_can_be_linked_again),
	KUNIT_CASE(unlink_leaves_the_other_edges_in_order),
	KUNIT_CASE(unlink_allocates_nothing),
	KUNIT_CASE(drop_finds_an_allocated_edge),
	KUNIT_CASE(drop_finds_the_slot),
	KUNIT_CASE(drop_of_no_edge_changes_nothing),
	KUNIT_CASE(drop_takes_the_newest_edge_to_it),
	KUNIT_CASE(drop_takes_an_edge_that_is_newer_than_the_slot),
	KUNIT_CASE(drop_takes_the_slot_where_it_is_newer),
	KUNIT_CASE(drop_allocates_nothing),
	KUNIT_CASE(move_keeps_the_reference),
	KUNIT_CASE(move_without_storage_allocates_it),
	KUNIT_CASE(move_of_no_edge_is_refused),
	KUNIT_CASE(refused_move_changes_nothing),
	KUNIT_CASE(move_within_a_holder_makes_the_edge_the_newest),
	KUNIT_CASE(move_into_storage_needs_no_memory),
	{}
};

static struct kunit_suite edge_suite = {
	.name = "kobjtree_edge",
	.init = test_init,
	.exit = test_exit,
	.test_cases = edge_cases,
};

kunit_test_suite(edge_suite);

MODULE_DESCRIPTION("kobjtree: tests of edges");
MODULE_LICENSE("GPL");
