// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members: several objects in one allocation, which goes once, after all.
 *
 * Drawn above a test: 1{2, 3} is object 1 with the members 2 and 3 in its
 * memory. A member has an f of its own nowhere: what goes is 1.
 */
#include "helpers.h"

struct test_box;

/**
 * struct test_part - a member that writes itself down
 * @tree: the object
 * @edge: storage for its edge
 * @box: its container
 * @id: its name in the log
 */
struct test_part {
	struct kobjtree tree;
	struct kobjtree_edge edge;
	struct test_box *box;
	int id;
};

/**
 * struct test_box - a container that writes itself down
 * @before: so that nothing sits at the start of the memory
 * @part: the members
 * @node: the container
 */
struct test_box {
	u8 before[24];
	struct test_part part[3];
	struct test_node node;
};

static struct test_box *to_box(struct kobjtree *obj)
{
	return container_of(obj, struct test_box, node.tree);
}

static void box_free(struct kobjtree *obj)
{
	struct test_box *box = to_box(obj);

	log_event(box->node.log, 'f', box->node.id);
	atomic_dec(&box->node.log->live);
	kfree(box);
}

DEFINE_KOBJTREE_TYPE(box_type, struct test_box, node.tree,
		     .release = node_release, .free = box_free);

static void part_release(struct kobjtree *obj)
{
	struct test_part *part = container_of(obj, struct test_part, tree);

	might_sleep();
	log_event(part->box->node.log, 'r', part->id);
	/* Its container is alive. */
	if (!kref_read(&part->box->node.tree.ref))
		log_event(part->box->node.log, '!', part->id);
}

static void part_free(struct kobjtree *obj)
{
	struct test_part *part = container_of(obj, struct test_part, tree);

	log_event(part->box->node.log, '!', part->id);
}

DEFINE_KOBJTREE_TYPE(part_type, struct test_part, tree,
		     .release = part_release, .free = part_free);

static void part_init(struct test_box *box, int i)
{
	struct test_part *part = &box->part[i];

	part->box = box;
	part->id = box->node.id + i + 1;
	kobjtree_init_member(&part->tree, &part_type, &box->node.tree);
}

/* Return: 1{2, 3, 4} or less, each with one reference. */
static struct test_box *box_new(struct kunit *test, int parts)
{
	struct test_box *box = kobjtree_alloc(struct test_box, node.tree,
					      &box_type, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, box);
	box->node.log = test->priv;
	box->node.id = 1;
	atomic_inc(&box->node.log->live);
	for (i = 0; i < parts; i++)
		part_init(box, i);
	return box;
}

static void part_put(struct test_box *box, int i)
{
	kobjtree_put(&box->part[i].tree);
}

/* === One member === */

/* 1 (2) {2 (1)}: a new reference, the caller keeps its own */
static void member_takes_a_reference_to_its_container(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);

	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&box->part[0].tree.ref), 1);
	part_put(box, 0);
	expect_log(test, test->priv, "r2");
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 1);
	node_put(&box->node);
	expect_log(test, test->priv, "r1 f1");
}

/* 1{2}: the creator's reference to 1 goes first */
static void container_lives_as_long_as_its_member(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);

	node_put(&box->node);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 1);
	part_put(box, 0);
	expect_log(test, test->priv, "r2 r1 f1");
}

/* 1{2}, 2 with an outside reference */
static void reference_to_a_member_keeps_the_container(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);

	kobjtree_get(&box->part[0].tree);
	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 1);
	part_put(box, 0);
	expect_log(test, test->priv, "r2 r1 f1");
}

/* 1{2}, 2 -> 9 */
static void container_is_dropped_after_what_its_member_held(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct test_node *held = node_new(test, 9);

	kobjtree_hold_edge_give(&box->part[0].tree, &box->part[0].edge,
				&held->tree);
	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "r2 r9 f9 r1 f1");
}

#define PATTERN		0x5a
#define PATTERN_SIZE	64

/* Freed memory has a pointer of the allocator's in it, if nothing worse. */
static void expect_memory_of_the_member(struct test_node *held)
{
	bool valid = !memchr_inv(held->arg, PATTERN, PATTERN_SIZE);

	log_event(held->log, valid ? 'm' : '!', held->id);
}

/* 1{2 [a5, memory]}, 2 -[*]-> 9: all six steps, and the container last */
static void member_makes_every_step_before_the_last(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct kobjtree *part = &box->part[0].tree;
	struct test_node *held = node_new(test, 9);
	u8 *memory = kobjtree_kzalloc(part, PATTERN_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory, PATTERN, PATTERN_SIZE);
	held->arg = memory;
	held->in_free = expect_memory_of_the_member;
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(part, test_action,
						  test_mark(test, 5)), 0);
	KUNIT_ASSERT_EQ(test, kobjtree_link_give(part, NULL, &held->tree), 0);
	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "r2 a5 r9 f9 m9 r1 f1");
}

/* 1{2} of type NULL, with an action to see it go */
static void member_needs_no_type(struct kunit *test)
{
	struct test_box *box = box_new(test, 0);
	struct kobjtree *part = &box->part[0].tree;

	kobjtree_init_member(part, NULL, &box->node.tree);
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 2);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(part, test_action,
						  test_mark(test, 5)), 0);
	node_put(&box->node);
	expect_log(test, test->priv, "");
	kobjtree_put(part);
	expect_log(test, test->priv, "a5 r1 f1");
}

/* 8 -> 2 in 1{2} */
static void holder_of_a_member_keeps_the_container(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct test_node *holder = node_new(test, 8);

	kobjtree_hold_give(&holder->tree, &box->part[0].tree);
	node_put(&box->node);
	expect_log(test, test->priv, "");
	node_put(holder);
	expect_log(test, test->priv, "r8 r2 r1 f1 f8");
}

/* 1{2}, and 1 -/-> 2: 2 keeps 1, so 1 would keep itself */
static void container_cannot_hold_its_member(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct kobjtree *part = &box->part[0].tree;

	MAY_WARN(test, MISUSE_LOOP);
	KUNIT_EXPECT_EQ(test, kobjtree_link(&box->node.tree, NULL, part),
			-ELOOP);
	KUNIT_EXPECT_EQ(test, kref_read(&part->ref), 1);
	part_put(box, 0);
	node_put(&box->node);
	expect_log(test, test->priv, "r2 r1 f1");
}

/* 1{2}, 2 -[edge]-> 9, which another one holds as well; and dropped again */
static void member_links_and_unlinks_as_any_object(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct kobjtree *part = &box->part[0].tree;
	struct test_node *holder = node_new(test, 8);
	struct test_node *held = node_child(test, holder, 0, 9);

	KUNIT_ASSERT_EQ(test, node_link(holder, 1, held), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_link(part, &box->part[0].edge,
					    &held->tree), 0);
	KUNIT_EXPECT_EQ(test, node_refs(held), 3);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(part, &held->tree));
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(part, &held->tree));
	/* The container is not on the list of edges. */
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(part, &box->node.tree));
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 2);
	node_put(holder);
	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "r8 r9 f9 f8 r2 r1 f1");
}

/* === Several members === */

/* 1{2, 3}, put in all six orders: 1 goes once, after the last release */
static void container_goes_after_the_last_in_any_order(struct kunit *test)
{
	static const int orders[][3] = {
		{ 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
		{ 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 },
	};
	static const char * const expected[][3] = {
		{ "", "r2", "r3 r1 f1" }, { "", "r3", "r2 r1 f1" },
		{ "r2", "", "r3 r1 f1" }, { "r2", "r3", "r1 f1" },
		{ "r3", "", "r2 r1 f1" }, { "r3", "r2", "r1 f1" },
	};
	struct test_box *box;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		box = box_new(test, 2);
		for (j = 0; j < 3; j++) {
			if (orders[i][j] == 1)
				node_put(&box->node);
			else
				part_put(box, orders[i][j] - 2);
			expect_log(test, test->priv, expected[i][j]);
		}
	}
}

/* 1{2, 3}: 2 is dead, which 3 keeps readable */
static void dead_member_is_readable_beside_its_sibling(struct kunit *test)
{
	struct test_box *box = box_new(test, 2);

	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "r2");
	KUNIT_EXPECT_FALSE(test, kobjtree_get_unless_zero(&box->part[0].tree));
	KUNIT_EXPECT_EQ(test, box->part[0].id, 2);
	part_put(box, 1);
	expect_log(test, test->priv, "r3 r1 f1");
}

/* 1{2, 3, 4}, of which 4 was never initialised */
static void part_that_never_was_is_not_waited_for(struct kunit *test)
{
	struct test_box *box = box_new(test, 2);

	part_put(box, 1);
	part_put(box, 0);
	node_put(&box->node);
	expect_log(test, test->priv, "r3 r2 r1 f1");
}

/* 1{2, 3}, 2 -> 3: siblings hold each other as any two objects */
static void member_may_hold_its_sibling(struct kunit *test)
{
	struct test_box *box = box_new(test, 2);

	KUNIT_ASSERT_EQ(test, kobjtree_link_give(&box->part[0].tree,
						 &box->part[0].edge,
						 &box->part[1].tree), 0);
	node_put(&box->node);
	expect_log(test, test->priv, "");
	part_put(box, 0);
	expect_log(test, test->priv, "r2 r3 r1 f1");
}

/* 1{2{3}}: 3's container is 2, itself a member */
static void container_may_be_a_member(struct kunit *test)
{
	struct test_box *box = box_new(test, 1);
	struct test_part *inner = &box->part[1];

	inner->box = box;
	inner->id = 3;
	kobjtree_init_member(&inner->tree, &part_type, &box->part[0].tree);
	KUNIT_EXPECT_EQ(test, node_refs(&box->node), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&box->part[0].tree.ref), 2);

	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "");
	part_put(box, 1);
	expect_log(test, test->priv, "r3 r2 r1 f1");
}

/* 9 holds 2 and 3 of 1{2, 3}: one cascade takes all, newest first */
static void one_cascade_takes_members_and_container(struct kunit *test)
{
	struct test_box *box = box_new(test, 2);
	struct test_node *holder = node_new(test, 9);

	kobjtree_hold_give(&holder->tree, &box->node.tree);
	kobjtree_hold_edge_give(&holder->tree, &holder->edge[0],
				&box->part[0].tree);
	kobjtree_hold_edge_give(&holder->tree, &holder->edge[1],
				&box->part[1].tree);
	node_put(holder);
	expect_log(test, test->priv, "r9 r3 r2 r1 f1 f9");
}

/* 1 -> 8, 1{2}: what the container holds is valid for its member */
static void container_keeps_what_it_holds_for_its_member(struct kunit *test)
{
	struct test_box *box = box_new(test, 0);

	node_child(test, &box->node, 0, 8);
	part_init(box, 0);
	node_put(&box->node);
	part_put(box, 0);
	expect_log(test, test->priv, "r2 r1 r8 f8 f1");
}

struct plain_box {
	u8 before[24];
	struct kobjtree part;
	struct kobjtree tree;
};

/* plain{plain}: the one kfree() is of the start of the memory */
static void plain_container_is_freed_whole(struct kunit *test)
{
	struct test_node *held = node_new(test, 9);
	struct plain_box *box = kobjtree_alloc(struct plain_box, tree, NULL,
					       GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, box);
	kobjtree_hold_give(&box->tree, &held->tree);
	kobjtree_init_member(&box->part, NULL, &box->tree);
	kobjtree_put(&box->tree);
	expect_log(test, test->priv, "");
	kobjtree_put(&box->part);
	expect_log(test, test->priv, "r9 f9");
}

/* 1{2, 3}: made and torn down where an allocation would fail */
static void members_need_no_memory(struct kunit *test)
{
	struct test_box *box;

	fail_setup(test);
	box = box_new(test, 0);
	WITHOUT_MEMORY(part_init(box, 0));
	WITHOUT_MEMORY(part_init(box, 1));
	EXPECT_NO_ALLOC(test, part_put(box, 0));
	EXPECT_NO_ALLOC(test, node_put(&box->node));
	EXPECT_NO_ALLOC(test, part_put(box, 1));
	expect_log(test, test->priv, "r2 r3 r1 f1");
}

static struct kunit_case member_cases[] = {
	KUNIT_CASE(member_takes_a_reference_to_its_container),
	KUNIT_CASE(container_lives_as_long_as_its_member),
	KUNIT_CASE(reference_to_a_member_keeps_the_container),
	KUNIT_CASE(container_is_dropped_after_what_its_member_held),
	KUNIT_CASE(member_makes_every_step_before_the_last),
	KUNIT_CASE(member_needs_no_type),
	KUNIT_CASE(holder_of_a_member_keeps_the_container),
	KUNIT_CASE(container_cannot_hold_its_member),
	KUNIT_CASE(member_links_and_unlinks_as_any_object),
	KUNIT_CASE(container_goes_after_the_last_in_any_order),
	KUNIT_CASE(dead_member_is_readable_beside_its_sibling),
	KUNIT_CASE(part_that_never_was_is_not_waited_for),
	KUNIT_CASE(member_may_hold_its_sibling),
	KUNIT_CASE(container_may_be_a_member),
	KUNIT_CASE(one_cascade_takes_members_and_container),
	KUNIT_CASE(container_keeps_what_it_holds_for_its_member),
	KUNIT_CASE(plain_container_is_freed_whole),
	KUNIT_CASE(members_need_no_memory),
	{}
};

static struct kunit_suite member_suite = {
	.name = "kobjtree_member",
	.init = test_init,
	.exit = test_exit,
	.test_cases = member_cases,
};

kunit_test_suite(member_suite);

MODULE_DESCRIPTION("kobjtree: tests of members");
MODULE_LICENSE("GPL");
