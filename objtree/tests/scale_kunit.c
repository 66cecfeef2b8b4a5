// SPDX-License-Identifier: GPL-2.0-only
/*
 * Size: any graph goes with the same stack, and with interrupts on.
 *
 * Invariant of each test: every object is released exactly once, before the
 * put of the first one returns.
 *
 * A million objects where nothing but the core is slow, fewer under KASAN,
 * where an allocation alone costs a fraction of a millisecond, and with
 * DEBUG_OBJECTS, which finds each of them in a list.
 */
#include <kunit/test.h>
#include <linux/kobjtree.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define SCALE		(IS_ENABLED(CONFIG_KASAN) || \
			 IS_ENABLED(CONFIG_DEBUG_OBJECTS) ? 1000UL : 1000000UL)
#define SCALE_EDGES	3
#define SCALE_STACK	512

struct scale_node {
	struct kobjtree tree;
	struct kobjtree_edge edge[SCALE_EDGES - 1];
	struct scale_node *next;
};

/* What the releases saw; one test runs at a time. */
static unsigned long scale_released, scale_irqs_off, scale_lowest;

static void scale_release(struct kobjtree *obj)
{
	struct scale_node *node = container_of(obj, struct scale_node, tree);

	scale_released++;
	scale_irqs_off += irqs_disabled();
	scale_lowest = min_t(unsigned long, scale_lowest,
			     (unsigned long)__builtin_frame_address(0));
	if (node->next)
		kobjtree_put(&node->next->tree);
}

DEFINE_KOBJTREE_TYPE(scale_type, struct scale_node, tree,
		     .release = scale_release);

static struct scale_node *scale_new(struct kunit *test)
{
	struct scale_node *node = kobjtree_alloc(struct scale_node, tree,
						 &scale_type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, node);
	return node;
}

/* Put @obj, and expect all of @n objects to go; returns the stack it took. */
static noinline unsigned long scale_put(struct kunit *test,
					struct kobjtree *obj, unsigned long n)
{
	unsigned long entry = (unsigned long)__builtin_frame_address(0);

	scale_released = 0;
	scale_irqs_off = 0;
	scale_lowest = ULONG_MAX;
	kobjtree_put(obj);
	KUNIT_EXPECT_EQ(test, scale_released, n);
	KUNIT_EXPECT_EQ(test, scale_irqs_off, 0UL);
	return entry - scale_lowest;
}

/* The same stack for a large graph as for the smallest of its shape. */
static void scale_expect_stack(struct kunit *test, unsigned long large,
			       unsigned long small)
{
	kunit_info(test, "stack %lu bytes, for the smallest graph %lu\n",
		   large, small);
	KUNIT_EXPECT_EQ(test, large, small);
	if (!IS_ENABLED(CONFIG_KASAN))
		KUNIT_EXPECT_LT(test, large, SCALE_STACK);
}

static unsigned long scale_chain(struct kunit *test, unsigned long n)
{
	struct scale_node *top = NULL, *node;
	unsigned long i;

	for (i = 0; i < n; i++) {
		node = scale_new(test);
		if (top)
			kobjtree_hold_give(&node->tree, &top->tree);
		top = node;
	}
	return scale_put(test, &top->tree, n);
}

/* top -> node -> node -> ... */
static void a_chain_of_any_length_needs_the_same_stack(struct kunit *test)
{
	scale_expect_stack(test, scale_chain(test, SCALE), scale_chain(test, 2));
}

static unsigned long scale_release_chain(struct kunit *test, unsigned long n)
{
	struct scale_node *top = NULL, *node;
	unsigned long i;

	for (i = 0; i < n; i++) {
		node = scale_new(test);
		node->next = top;
		top = node;
	}
	return scale_put(test, &top->tree, n);
}

/* top: release puts node: release puts node: ... */
static void puts_in_release_need_the_same_stack_at_any_depth(struct kunit *test)
{
	scale_expect_stack(test, scale_release_chain(test, SCALE),
			   scale_release_chain(test, 2));
}

static unsigned long scale_star(struct kunit *test, unsigned long n)
{
	struct kobjtree_edge *edges = kvcalloc(n, sizeof(*edges), GFP_KERNEL);
	struct scale_node *top = scale_new(test);
	unsigned long i, stack;

	KUNIT_ASSERT_NOT_NULL(test, edges);
	for (i = 0; i < n; i++)
		kobjtree_hold_edge_give(&top->tree, &edges[i],
					&scale_new(test)->tree);
	stack = scale_put(test, &top->tree, n + 1);
	kvfree(edges);
	return stack;
}

/* top -> node, top -> node, ... */
static void a_star_of_any_breadth_needs_the_same_stack(struct kunit *test)
{
	scale_expect_stack(test, scale_star(test, SCALE), scale_star(test, 1));
}

/*
 * Each node holds the one before it, so that all are reached, and some random
 * earlier ones: deep and shared.
 */
static unsigned long scale_dag(struct kunit *test, unsigned long n)
{
	struct scale_node **nodes = kvcalloc(n, sizeof(*nodes), GFP_KERNEL);
	struct rnd_state rnd;
	unsigned long i, stack;
	int e;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	prandom_seed_state(&rnd, 7);
	for (i = 0; i < n; i++) {
		nodes[i] = scale_new(test);
		if (!i)
			continue;
		for (e = 0; e < SCALE_EDGES - 1; e++)
			kobjtree_hold_edge(&nodes[i]->tree, &nodes[i]->edge[e],
					   &nodes[prandom_u32_state(&rnd) % i]->tree);
		kobjtree_hold_give(&nodes[i]->tree, &nodes[i - 1]->tree);
	}
	stack = scale_put(test, &nodes[n - 1]->tree, n);
	kvfree(nodes);
	return stack;
}

static void a_graph_of_any_size_needs_the_same_stack(struct kunit *test)
{
	scale_expect_stack(test, scale_dag(test, SCALE), scale_dag(test, 2));
}

static void scale_count(void *data)
{
	unsigned long *n = data;

	(*n)++;
	scale_irqs_off += irqs_disabled();
}

/* One object, all of its actions and memory mixed with edges. */
static void any_number_of_actions_and_memory_goes(struct kunit *test)
{
	struct scale_node *top = scale_new(test);
	unsigned long i, n = SCALE / 4, called = 0;

	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_NOT_NULL(test, kobjtree_kzalloc(&top->tree, 8,
							     GFP_KERNEL));
		KUNIT_ASSERT_EQ(test, kobjtree_add_action(&top->tree, scale_count,
							  &called), 0);
	}
	scale_put(test, &top->tree, 1);
	KUNIT_EXPECT_EQ(test, called, n);
}

/* top -> node -> ... -> last: a link from last to a new object is legal. */
static void a_legal_graph_of_any_size_is_not_refused(struct kunit *test)
{
	struct scale_node *last = scale_new(test), *top, *node, *other;
	unsigned long i;

	top = last;
	for (i = 1; i < SCALE; i++) {
		node = scale_new(test);
		kobjtree_hold_give(&node->tree, &top->tree);
		top = node;
	}
	/* other was held, so that its link to the top has to walk it all. */
	other = scale_new(test);
	node = scale_new(test);
	kobjtree_hold(&node->tree, &other->tree);
	KUNIT_EXPECT_EQ(test, kobjtree_link(&other->tree, &other->edge[0],
					    &top->tree), 0);
	kobjtree_put(&top->tree);
	kobjtree_put(&other->tree);
	scale_put(test, &node->tree, SCALE + 2);
	/* What the walk had a reference to may have gone in its put. */
	kobjtree_owner_barrier();
}

static struct kunit_case scale_cases[] = {
	KUNIT_CASE_SLOW(a_chain_of_any_length_needs_the_same_stack),
	KUNIT_CASE_SLOW(puts_in_release_need_the_same_stack_at_any_depth),
	KUNIT_CASE_SLOW(a_star_of_any_breadth_needs_the_same_stack),
	KUNIT_CASE_SLOW(a_graph_of_any_size_needs_the_same_stack),
	KUNIT_CASE_SLOW(any_number_of_actions_and_memory_goes),
	KUNIT_CASE_SLOW(a_legal_graph_of_any_size_is_not_refused),
	{}
};

static struct kunit_suite scale_suite = {
	.name = "kobjtree_scale",
	.test_cases = scale_cases,
};

kunit_test_suite(scale_suite);

MODULE_DESCRIPTION("Tests of kobjtree: size");
MODULE_LICENSE("GPL");
