// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cycles on purpose: what the collector takes apart, in which order, and what keeps
 * an object from it, whenever that comes.
 *
 * In the drawings, objects are numbered by age, and ``1 => 2`` is an edge.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/kobjtree_cyclic.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../internal.h"
#include "helpers.h"

/* What each refusal may say, and the first one does. */
#define REFUSAL		"kobjtree: "

#define GRAPHS		(IS_ENABLED(CONFIG_KASAN) ? 10 : 1000)
#define GRAPH_OBJECTS	10
#define MANY_EDGES	100		/* more than are looked at under one lock */
#define STORM_OPS	20		/* of others, in a round */
#define MANY_RINGS	12		/* more than times that a pass begins anew */

/* === Cyclic objects that write themselves down === */

struct peer {
	struct kobjtree_cyclic cyclic;
	struct kobjtree_edge edge[NODE_EDGES];
	struct test_log *log;
	int id;
	void (*in_release)(struct peer *peer);
	struct kobjtree_weak weak;
	void *arg;
};

static struct peer *to_peer(struct kobjtree *obj)
{
	return container_of(obj, struct peer, cyclic.tree);
}

static void peer_release(struct kobjtree *obj)
{
	struct peer *peer = to_peer(obj);

	might_sleep();
	log_event(peer->log, 'r', peer->id);
	if (peer->in_release)
		peer->in_release(peer);
}

static void peer_free(struct kobjtree *obj)
{
	struct peer *peer = to_peer(obj);

	log_event(peer->log, 'f', peer->id);
	atomic_dec(&peer->log->live);
	kobjtree_weak_clear(&peer->weak);
	kfree(peer);
}

DEFINE_KOBJTREE_CYCLIC_TYPE(peer_type, struct peer, cyclic,
			    .release = peer_release, .free = peer_free);

static struct peer *peer_new(struct kunit *test, int id)
{
	struct peer *peer = kobjtree_alloc(struct peer, cyclic.tree, &peer_type,
					   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, peer);
	peer->log = test->priv;
	peer->id = id;
	atomic_inc(&peer->log->live);
	return peer;
}

static void peer_put(struct peer *peer)
{
	kobjtree_put(&peer->cyclic.tree);
}

static unsigned int peer_refs(struct peer *peer)
{
	return kref_read(&peer->cyclic.tree.ref);
}

static void peer_link(struct kunit *test, struct peer *holder, int i,
		      struct peer *held)
{
	KUNIT_ASSERT_EQ(test, 0, kobjtree_link(&holder->cyclic.tree,
					       &holder->edge[i],
					       &held->cyclic.tree));
}

static bool peer_unlink(struct peer *holder, int i)
{
	return kobjtree_unlink(&holder->cyclic.tree, &holder->edge[i]);
}

/* first => first + 1 => ... => first; the test has a reference to each. */
static void make_ring(struct kunit *test, struct peer **peer, int first, int n)
{
	int i;

	for (i = 0; i < n; i++)
		peer[i] = peer_new(test, first + i);
	for (i = 0; i < n; i++)
		peer_link(test, peer[i], 0, peer[(i + 1) % n]);
}

static void put_ring(struct peer **peer, int n)
{
	int i;

	for (i = 0; i < n; i++)
		peer_put(peer[i]);
}

static void expect_collected(struct kunit *test, int nr, const char *order)
{
	KUNIT_EXPECT_EQ(test, kobjtree_cyclic_collect(), nr);
	expect_log(test, test->priv, order);
}

/* === What is garbage === */

/* 1 => 2 => 3 => 1 */
static void ring_goes_when_it_is_collected(struct kunit *test)
{
	struct peer *peer[3];

	make_ring(test, peer, 1, 3);
	put_ring(peer, 3);
	expect_log(test, test->priv, "");
	expect_collected(test, 3, "r1 r2 r3 f3 f2 f1");
	expect_collected(test, 0, "");
}

/* The same, and a reference to each in turn. */
static void reference_to_any_object_keeps_the_ring(struct kunit *test)
{
	struct peer *peer[3];
	int i;

	make_ring(test, peer, 1, 3);
	for (i = 0; i < 3; i++)
		kobjtree_get(&peer[i]->cyclic.tree);
	put_ring(peer, 3);
	for (i = 0; i < 3; i++) {
		expect_collected(test, 0, "");
		peer_put(peer[i]);
	}
	expect_collected(test, 3, "r1 r2 r3 f3 f2 f1");
}

/* 1 => 1, and what is held twice */
static void object_may_hold_itself(struct kunit *test)
{
	struct peer *peer = peer_new(test, 1);

	peer_link(test, peer, 0, peer);
	peer_link(test, peer, 1, peer);
	KUNIT_EXPECT_EQ(test, peer_refs(peer), 3);
	expect_collected(test, 0, "");
	peer_put(peer);
	expect_collected(test, 1, "r1 f1");
}

/* 1 => 2, no cycle */
static void without_a_cycle_the_last_put_does_it(struct kunit *test)
{
	struct peer *one = peer_new(test, 1), *two = peer_new(test, 2);

	peer_link(test, one, 0, two);
	peer_put(two);
	peer_put(one);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	expect_collected(test, 0, "");
}

/* 1 => 2 => 1, and then 2 => 1 is no more */
static void cycle_that_is_opened_goes_with_the_last_put(struct kunit *test)
{
	struct peer *peer[2];

	make_ring(test, peer, 1, 2);
	peer_put(peer[1]);
	KUNIT_EXPECT_TRUE(test, peer_unlink(peer[1], 0));
	peer_put(peer[0]);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* The ring in the places inside the objects. */
static void place_inside_counts(struct kunit *test)
{
	struct peer *one = peer_new(test, 1), *two = peer_new(test, 2);

	kobjtree_hold(&one->cyclic.tree, &two->cyclic.tree);
	kobjtree_hold_give(&two->cyclic.tree, &one->cyclic.tree);
	peer_put(two);
	expect_collected(test, 2, "r1 r2 f2 f1");
}

/* 1 => 1 and each of 2 to 101, of which 2 => 1; the edges are allocated. */
static void all_edges_are_looked_at(struct kunit *test)
{
	struct peer *one = peer_new(test, 1), *leaf, *two = NULL;
	int i;

	for (i = 2; i < 2 + MANY_EDGES; i++) {
		leaf = peer_new(test, i);
		KUNIT_ASSERT_EQ(test, 0, kobjtree_link(&one->cyclic.tree, NULL,
						       &leaf->cyclic.tree));
		two = two ?: leaf;
		peer_put(leaf);
	}
	peer_link(test, two, 0, one);
	peer_put(one);
	KUNIT_EXPECT_EQ(test, kobjtree_cyclic_collect(), 1 + MANY_EDGES);
	log_take(test->priv);
}

/* === The order === */

/* 1 => 2 => 1, 1 => 3 => 1: two rings share 1; its newest edge leads to 3 */
static void shared_object_drops_its_newest_edge_first(struct kunit *test)
{
	struct peer *peer[3];

	make_ring(test, peer, 1, 2);
	peer[2] = peer_new(test, 3);
	peer_link(test, peer[0], 1, peer[2]);
	peer_link(test, peer[2], 0, peer[0]);
	put_ring(peer, 3);
	expect_collected(test, 3, "r1 r3 f3 r2 f2 f1");
}

/* 1 => 2, 3 => 4 => 3, 4 => 1: what the ring holds is older, and goes after it */
static void ring_goes_before_what_it_holds(struct kunit *test)
{
	struct peer *tail[2], *ring[2];

	tail[0] = peer_new(test, 1);
	tail[1] = peer_new(test, 2);
	peer_link(test, tail[0], 0, tail[1]);
	make_ring(test, ring, 3, 2);
	peer_link(test, ring[1], 1, tail[0]);
	put_ring(tail, 2);
	put_ring(ring, 2);
	expect_collected(test, 4, "r3 r4 r1 r2 f2 f1 f4 f3");
}

/* 1 => 2 => 1, 3 => 4 => 3: they have nothing to do with each other */
static void of_two_rings_the_older_goes_first(struct kunit *test)
{
	struct peer *peer[4];

	make_ring(test, peer, 1, 2);
	make_ring(test, peer + 2, 3, 2);
	put_ring(peer, 4);
	expect_collected(test, 4, "r1 r2 f2 f1 r3 r4 f4 f3");
}

/* 1 => 2 => 1, 3 => 4 => 3, 3 => 1 */
static void ring_that_holds_a_ring_goes_first(struct kunit *test)
{
	struct peer *peer[4];

	make_ring(test, peer, 1, 2);
	make_ring(test, peer + 2, 3, 2);
	peer_link(test, peer[2], 1, peer[0]);
	put_ring(peer, 4);
	expect_collected(test, 4, "r3 r1 r2 f2 f1 r4 f4 f3");
}

/* 1 => 2 => 1, 2 => ordinary 3 => ordinary 4, 2 held by nobody else */
static void ordinary_objects_go_with_the_ring(struct kunit *test)
{
	struct test_node *three = node_new(test, 3);
	struct peer *peer[2];

	node_child(test, three, 0, 4);
	make_ring(test, peer, 1, 2);
	KUNIT_ASSERT_EQ(test, 0, kobjtree_link_give(&peer[1]->cyclic.tree,
						    &peer[1]->edge[1],
						    &three->tree));
	put_ring(peer, 2);
	expect_collected(test, 2, "r1 r2 r3 r4 f4 f3 f2 f1");
}

/* Random acyclic graph, of either kind: @ring makes object 0 hold itself. */
static void make_dag(struct kunit *test, struct rnd_state rnd, struct kobjtree **obj,
		     bool ring)
{
	int order[GRAPH_OBJECTS], i, j, n;

	for (i = 0; i < GRAPH_OBJECTS; i++)
		order[i] = i;
	for (i = GRAPH_OBJECTS - 1; i > 0; i--) {
		j = prandom_u32_state(&rnd) % (i + 1);
		swap(order[i], order[j]);
	}
	for (i = 0; i < GRAPH_OBJECTS; i++) {
		j = order[i];
		obj[j] = ring ? &peer_new(test, j)->cyclic.tree :
				&node_new(test, j)->tree;
	}
	for (n = 0; n < 3 * GRAPH_OBJECTS; n++) {
		i = prandom_u32_state(&rnd) % (GRAPH_OBJECTS - 1);
		j = i + 1 + prandom_u32_state(&rnd) % (GRAPH_OBJECTS - 1 - i);
		KUNIT_ASSERT_EQ(test, 0, kobjtree_link(obj[i], NULL, obj[j]));
	}
	/* So that all of it is held by 0. */
	for (j = GRAPH_OBJECTS - 1; j > 0; j--)
		KUNIT_ASSERT_EQ(test, 0, kobjtree_link_give(obj[0], NULL, obj[j]));
	if (ring)
		KUNIT_ASSERT_EQ(test, 0, kobjtree_link(obj[0], NULL, obj[0]));
}

static void order_is_that_of_an_ordinary_cascade(struct kunit *test)
{
	struct kobjtree *obj[GRAPH_OBJECTS];
	struct test_log *log = test->priv;
	struct rnd_state rnd;
	char *expected;
	int i;

	expected = kunit_kzalloc(test, TEST_LOG_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, expected);
	for (i = 0; i < GRAPHS; i++) {
		prandom_seed_state(&rnd, i);
		make_dag(test, rnd, obj, false);
		kobjtree_put(obj[0]);
		strscpy(expected, log_take(log), TEST_LOG_SIZE);
		make_dag(test, rnd, obj, true);
		kobjtree_put(obj[0]);
		KUNIT_ASSERT_EQ(test, kobjtree_cyclic_collect(), GRAPH_OBJECTS);
		KUNIT_ASSERT_STREQ(test, log_take(log), (const char *)expected);
	}
}

/* === At random === */

/* Bit i: what object i leads to, itself included. */
static void close_over(u32 *leads)
{
	int i, j, k;

	for (k = 0; k < GRAPH_OBJECTS; k++) {
		for (i = 0; i < GRAPH_OBJECTS; i++) {
			for (j = 0; j < GRAPH_OBJECTS; j++) {
				if (leads[i] & BIT(j))
					leads[i] |= leads[j];
			}
		}
	}
}

/* The test has a reference to the objects of *@kept. */
static void make_graph(struct kunit *test, struct rnd_state *rnd,
		       struct peer **peer, u32 *kept, u32 *expected)
{
	u32 leads[GRAPH_OBJECTS];
	int i, j, n;

	for (i = 0; i < GRAPH_OBJECTS; i++) {
		peer[i] = peer_new(test, i);
		leads[i] = BIT(i);
	}
	for (i = 0; i < GRAPH_OBJECTS; i++) {
		for (n = prandom_u32_state(rnd) % 3; n; n--) {
			j = prandom_u32_state(rnd) % GRAPH_OBJECTS;
			leads[i] |= BIT(j);
			KUNIT_ASSERT_EQ(test, 0,
					kobjtree_link(&peer[i]->cyclic.tree, NULL,
						      &peer[j]->cyclic.tree));
		}
	}
	close_over(leads);
	*kept = 0;
	*expected = 0;
	for (i = 0; i < GRAPH_OBJECTS; i++) {
		if (prandom_u32_state(rnd) % 4)
			continue;
		*kept |= BIT(i);
		*expected |= leads[i];
	}
	for (i = 0; i < GRAPH_OBJECTS; i++) {
		if (!(*kept & BIT(i)))
			peer_put(peer[i]);
	}
}

static void what_no_reference_leads_to_goes_and_nothing_else(struct kunit *test)
{
	struct peer *peer[GRAPH_OBJECTS];
	struct test_log *log = test->priv;
	struct rnd_state rnd;
	u32 kept, expected;
	int i, graph;

	prandom_seed_state(&rnd, 1);
	for (graph = 0; graph < GRAPHS; graph++) {
		make_graph(test, &rnd, peer, &kept, &expected);
		KUNIT_ASSERT_GE(test, kobjtree_cyclic_collect(), 0);
		KUNIT_ASSERT_EQ(test, atomic_read(&log->live), hweight32(expected));
		for (i = 0; i < GRAPH_OBJECTS; i++) {
			if (kept & BIT(i))
				peer_put(peer[i]);
		}
		KUNIT_ASSERT_GE(test, kobjtree_cyclic_collect(), 0);
		KUNIT_ASSERT_EQ(test, atomic_read(&log->live), 0);
		KUNIT_ASSERT_EQ(test, kobjtree_cyclic_collect(), 0);
		log_take(log);
	}
}

/* === What a callback may do === */

static void weak_get_next(struct peer *peer)
{
	struct kunit *test = peer->arg;

	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&peer->weak));
}

/* 1 => 2 => 3 => 1, each with a weak reference to the next */
static void release_finds_no_sibling_by_weak_reference(struct kunit *test)
{
	struct peer *peer[3];
	int i;

	make_ring(test, peer, 1, 3);
	for (i = 0; i < 3; i++) {
		peer[i]->in_release = weak_get_next;
		peer[i]->arg = test;
		kobjtree_weak_set(&peer[i]->weak, &peer[(i + 1) % 3]->cyclic.tree);
	}
	put_ring(peer, 3);
	expect_collected(test, 3, "r1 r2 r3 f3 f2 f1");
}

static void get_and_link_held(struct peer *peer)
{
	struct kobjtree *held = kobjtree_edge_held(&peer->edge[0]);
	struct kunit *test = peer->arg;

	KUNIT_EXPECT_NULL(test, kobjtree_cyclic_get(held));
	KUNIT_EXPECT_EQ(test, kobjtree_cyclic_collect(), -EDEADLK);
	MAY_WARN(test, REFUSAL);
	KUNIT_EXPECT_EQ(test, -ENODEV,
			kobjtree_link(&peer->cyclic.tree, &peer->edge[1], held));
}

/* 1 => 2 => 1: both are dead from the first release on */
static void release_brings_nothing_back(struct kunit *test)
{
	struct peer *peer[2];

	make_ring(test, peer, 1, 2);
	peer[0]->in_release = get_and_link_held;
	peer[0]->arg = test;
	peer[1]->in_release = get_and_link_held;
	peer[1]->arg = test;
	put_ring(peer, 2);
	expect_collected(test, 2, "r1 r2 f2 f1");
}

static void unlink_first(struct peer *peer)
{
	peer_unlink(peer, 0);
}

/* 1 => 2 => 1, and each drops its edge itself */
static void release_may_drop_the_edge_that_closes_the_cycle(struct kunit *test)
{
	struct peer *peer[2];

	make_ring(test, peer, 1, 2);
	peer[0]->in_release = unlink_first;
	peer[1]->in_release = unlink_first;
	put_ring(peer, 2);
	expect_collected(test, 2, "r1 r2 f2 f1");
}

/*
 * 1 => 2, 1 => 3, 1 => 1; 2 => 3 => 2. The release of 1 drops its oldest edge:
 * 2 goes early, and 3, which holds it, after it.
 */
static void memory_waits_for_the_last_edge_to_it(struct kunit *test)
{
	struct peer *peer[3];
	int i;

	for (i = 0; i < 3; i++)
		peer[i] = peer_new(test, i + 1);
	peer_link(test, peer[0], 0, peer[1]);
	peer_link(test, peer[0], 1, peer[2]);
	peer_link(test, peer[0], 2, peer[0]);
	peer_link(test, peer[1], 0, peer[2]);
	peer_link(test, peer[2], 0, peer[1]);
	peer[0]->in_release = unlink_first;
	put_ring(peer, 3);
	expect_collected(test, 3, "r1 r2 r3 f2 f3 f1");
}

/* === Who comes between === */

/* The pass of this test stops at @where for the @nth time, and does @fn. */
static struct {
	const char *where;
	int nth;
	void (*fn)(struct kunit *test);
	struct kunit *test;
	struct peer *peer[MANY_RINGS];
	struct kobjtree_weak weak[MANY_RINGS];
	struct kobjtree *got;
	int calls;
} between;

static void between_point(const char *where, struct kobjtree_gate *gate)
{
	if (!strcmp(where, between.where) && ++between.calls == between.nth)
		between.fn(between.test);
}

/* Before anything is made: collect_between() comes between. */
static void needs_points(struct kunit *test)
{
#ifdef COMPAT_NO_KUNIT_STUBS
	kunit_skip(test, "KUnit has no static stubs in this kernel");
#endif
}

static void collect_between(struct kunit *test, const char *where, int nth,
			    void (*fn)(struct kunit *test), int nr)
{
	between.where = where;
	between.nth = nth;
	between.fn = fn;
	between.test = test;
	between.calls = 0;
	kunit_activate_static_stub(test, kobjtree_point, between_point);
	KUNIT_EXPECT_EQ(test, kobjtree_cyclic_collect(), nr);
	kunit_deactivate_static_stub(test, kobjtree_point);
	KUNIT_EXPECT_GE(test, between.calls, nth);
}

static void weak_get_first(struct kunit *test)
{
	between.got = kobjtree_weak_get(&between.weak[0]);
}

/* 1 => 2 => 1, 3 => 4 => 3, weak reference to 1 */
static void two_rings(struct kunit *test)
{
	make_ring(test, between.peer, 1, 2);
	make_ring(test, between.peer + 2, 3, 2);
	kobjtree_weak_set(&between.weak[0], &between.peer[0]->cyclic.tree);
	put_ring(between.peer, 4);
}

static const char * const before_death[] = {
	"collect: gathered", "collect: sees", "collect: seen", "collect: condemned",
};

/* Whenever it comes, the other ring goes in the same pass. */
static void weak_get_until_the_death_keeps_the_ring(struct kunit *test)
{
	int i;

	needs_points(test);
	for (i = 0; i < ARRAY_SIZE(before_death); i++) {
		two_rings(test);
		collect_between(test, before_death[i], 1, weak_get_first, 2);
		expect_log(test, test->priv, "r3 r4 f4 f3");
		KUNIT_ASSERT_PTR_EQ(test, between.got, &between.peer[0]->cyclic.tree);
		KUNIT_EXPECT_EQ(test, peer_refs(between.peer[0]), 2);
		kobjtree_put(between.got);
		expect_collected(test, 2, "r1 r2 f2 f1");
	}
}

static void weak_get_after_the_death_finds_nothing(struct kunit *test)
{
	needs_points(test);
	two_rings(test);
	collect_between(test, "collect: committed", 1, weak_get_first, 4);
	KUNIT_EXPECT_NULL(test, between.got);
	expect_log(test, test->priv, "r1 r2 f2 f1 r3 r4 f4 f3");
}

static void weak_get_and_put_first(struct kunit *test)
{
	kobjtree_put(kobjtree_weak_get(&between.weak[0]));
}

/* The pass cannot know whether it led on to others meanwhile. */
static void weak_get_keeps_for_this_pass(struct kunit *test)
{
	needs_points(test);
	two_rings(test);
	collect_between(test, "collect: seen", 1, weak_get_and_put_first, 2);
	expect_log(test, test->priv, "r3 r4 f4 f3");
	expect_collected(test, 2, "r1 r2 f2 f1");
}

static void go_along_edge(struct kunit *test)
{
	between.got = kobjtree_cyclic_get(kobjtree_edge_held(&between.peer[0]->edge[0]));
	peer_put(between.peer[0]);
}

/*
 * 1 => 2 => 1, reference to 1. 2 was looked at when somebody goes along the edge
 * from 1 to 2, and drops 1.
 */
static void reference_along_an_edge_keeps_the_ring(struct kunit *test)
{
	needs_points(test);
	make_ring(test, between.peer, 1, 2);
	peer_put(between.peer[1]);
	collect_between(test, "collect: sees", 2, go_along_edge, 0);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, peer_refs(between.peer[1]), 2);
	kobjtree_put(between.got);
	expect_collected(test, 2, "r1 r2 f2 f1");
}

static void link_and_drop_holder(struct kunit *test)
{
	peer_link(test, between.peer[0], 1, between.peer[1]);
	peer_put(between.peer[0]);
}

/*
 * 1 => 1, and 2, references to both. 2 was looked at when 1 => 2 is linked and 1
 * dropped: the edge seems to be the reference that the test has to 2.
 */
static void link_does_not_hide_a_reference(struct kunit *test)
{
	needs_points(test);
	between.peer[0] = peer_new(test, 1);
	between.peer[1] = peer_new(test, 2);
	peer_link(test, between.peer[0], 0, between.peer[0]);
	collect_between(test, "collect: sees", 2, link_and_drop_holder, 1);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_EQ(test, peer_refs(between.peer[1]), 1);
	peer_put(between.peer[1]);
	expect_log(test, test->priv, "r2 f2");
}

static void unlink_and_drop_holder(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, peer_unlink(between.peer[1], 1));
	peer_put(between.peer[1]);
}

/* 2 => 2, 2 => 1, references to both: 2 was looked at when 2 => 1 is unlinked. */
static void unlink_does_not_hide_a_reference(struct kunit *test)
{
	needs_points(test);
	between.peer[0] = peer_new(test, 1);
	between.peer[1] = peer_new(test, 2);
	peer_link(test, between.peer[1], 0, between.peer[1]);
	peer_link(test, between.peer[1], 1, between.peer[0]);
	collect_between(test, "collect: sees", 2, unlink_and_drop_holder, 0);
	expect_collected(test, 1, "r2 f2");
	KUNIT_EXPECT_EQ(test, peer_refs(between.peer[0]), 1);
	peer_put(between.peer[0]);
	expect_log(test, test->priv, "r1 f1");
}

static void make_and_link(struct kunit *test)
{
	between.peer[1] = peer_new(test, 2);
	peer_link(test, between.peer[1], 0, between.peer[0]);
	peer_put(between.peer[0]);
}

/* 1 => 1, reference to it; 2, which the pass does not know, takes it over. */
static void new_object_keeps_what_it_holds(struct kunit *test)
{
	needs_points(test);
	between.peer[0] = peer_new(test, 1);
	peer_link(test, between.peer[0], 0, between.peer[0]);
	collect_between(test, "collect: gathered", 1, make_and_link, 0);
	expect_log(test, test->priv, "");
	peer_put(between.peer[1]);
	expect_log(test, test->priv, "r2 f2");
	expect_collected(test, 1, "r1 f1");
}

static void put_first(struct kunit *test)
{
	peer_put(between.peer[0]);
}

/* The pass drops it to a worker, which the barrier waits for. */
static void last_put_during_a_pass_is_the_workers(struct kunit *test)
{
	needs_points(test);
	between.peer[0] = peer_new(test, 1);
	collect_between(test, "collect: seen", 1, put_first, 0);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

static void put_three(struct kunit *test)
{
	put_ring(between.peer, 3);
}

/* 1, 2, 3: nothing leads to any of them, and the pass has the last reference. */
static void last_put_before_it_is_seen_is_the_passes(struct kunit *test)
{
	int i;

	needs_points(test);
	for (i = 0; i < 3; i++)
		between.peer[i] = peer_new(test, i + 1);
	collect_between(test, "collect: gathered", 1, put_three, 3);
	expect_log(test, test->priv, "r1 f1 r2 f2 r3 f3");
}

static void weak_get_and_put_next(struct kunit *test)
{
	between.nth++;
	if (between.calls <= MANY_RINGS)
		kobjtree_put(kobjtree_weak_get(&between.weak[between.calls - 1]));
}

/* 1 => 1, 2 => 2, ...; each round, another one of them is found. */
static void pass_gives_up_and_changes_nothing(struct kunit *test)
{
	int i;

	needs_points(test);
	for (i = 0; i < MANY_RINGS; i++) {
		make_ring(test, &between.peer[i], i + 1, 1);
		kobjtree_weak_set(&between.weak[i], &between.peer[i]->cyclic.tree);
		peer_put(between.peer[i]);
	}
	collect_between(test, "collect: condemned", 1, weak_get_and_put_next, -EAGAIN);
	expect_log(test, test->priv, "");
	for (i = 0; i < MANY_RINGS; i++)
		KUNIT_EXPECT_EQ(test, peer_refs(between.peer[i]), 1);
	KUNIT_EXPECT_EQ(test, kobjtree_cyclic_collect(), MANY_RINGS);
	log_take(test->priv);
}

/* === Races === */

/* What other threads do to two rings while they are collected. */
static struct storm {
	struct peer *peer[4];
	struct kobjtree_weak weak[4];
	atomic_t budget;		/* what they still do in this round */
	int found, lost;
} storm;

/* Along the edge, as the rule says, while the holder is ours. */
static struct kobjtree *get_next(struct kobjtree *obj)
{
	struct peer *peer = to_peer(obj);
	struct kobjtree *next = kobjtree_cyclic_get(kobjtree_edge_held(&peer->edge[0]));

	kobjtree_put(obj);
	return next;
}

static bool storm_once(struct rnd_state *rnd)
{
	struct kobjtree *obj, *other;
	struct peer *peer;

	obj = kobjtree_weak_get(&storm.weak[prandom_u32_state(rnd) % 4]);
	if (!obj)
		return false;
	if (prandom_u32_state(rnd) % 2)
		obj = get_next(obj);
	peer = to_peer(obj);
	other = kobjtree_weak_get(&storm.weak[prandom_u32_state(rnd) % 4]);
	/* This thread is the only one that has to do with these edges. */
	if (other && !peer->edge[1].node.pprev &&
	    kobjtree_link(obj, &peer->edge[1], other))
		pr_err("kobjtree_cyclic: link failed\n");
	if (other)
		kobjtree_put(other);
	if (prandom_u32_state(rnd) % 2)
		peer_unlink(peer, 1);
	if (READ_ONCE(peer->cyclic.state) >= KOBJTREE_CYCLIC_DEAD)
		pr_err("kobjtree_cyclic: dead, and somebody has it\n");
	kobjtree_put(obj);
	return true;
}

static int storm_thread(void *data)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, (unsigned long)data);
	while (!kthread_should_stop()) {
		if (atomic_dec_if_positive(&storm.budget) < 0)
			cond_resched();
		else if (storm_once(&rnd))
			storm.found++;
		else
			storm.lost++;
	}
	return 0;
}

static void storm_round(struct kunit *test)
{
	struct test_log *log = test->priv;
	int i, n = 0, ret;

	make_ring(test, storm.peer, 1, 2);
	make_ring(test, storm.peer + 2, 3, 2);
	for (i = 0; i < 4; i++)
		kobjtree_weak_set(&storm.weak[i], &storm.peer[i]->cyclic.tree);
	put_ring(storm.peer, 4);
	atomic_set(&storm.budget, STORM_OPS);
	while (n < 4) {
		ret = kobjtree_cyclic_collect();
		if (ret == -EAGAIN)
			continue;
		KUNIT_ASSERT_GE(test, ret, 0);
		n += ret;
		cond_resched();
	}
	atomic_set(&storm.budget, 0);
	KUNIT_ASSERT_EQ(test, n, 4);
	KUNIT_ASSERT_EQ(test, atomic_read(&log->live), 0);
	log_take(log);
}

static bool storm_goes_on(int rounds, unsigned long end)
{
	if (!storm.found)
		end += 10 * HZ;
	return rounds < 5 || time_before(jiffies, end);
}

/* Whatever it finds, links, goes along and drops meanwhile, each goes once. */
static void race_collect_against_all_others(struct kunit *test)
{
	struct task_struct *thread;
	unsigned long end;
	int rounds = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	storm.found = 0;
	storm.lost = 0;
	thread = kthread_run(storm_thread, (void *)1UL, "kobjtree_storm");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	end = jiffies + HZ / 2;
	for (; storm_goes_on(rounds, end); rounds++)
		storm_round(test);
	kthread_stop(thread);
	kunit_info(test, "%d rounds, %d found one, %d none\n", rounds, storm.found,
		   storm.lost);
	KUNIT_EXPECT_GT(test, storm.found, 0);
}

/* === Misuse, and no memory === */

static void ordinary_object_cannot_hold_one(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct peer *peer = peer_new(test, 2);

	MAY_WARN(test, REFUSAL);
	KUNIT_EXPECT_EQ(test, -EINVAL, kobjtree_link(&node->tree, &node->edge[0],
						     &peer->cyclic.tree));
	KUNIT_EXPECT_EQ(test, peer_refs(peer), 1);
	node_put(node);
	peer_put(peer);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

struct container {
	struct test_node node;
	struct kobjtree_cyclic member;
};

static const struct kobjtree_type member_type = {
	.name = "member_type",
	.owner = &__kobjtree_owner,
	.cyclic = true,
};

/* It is an ordinary object, whose cycles are refused. */
static void member_is_never_on_a_cycle(struct kunit *test)
{
	struct container *container = kobjtree_alloc(struct container, node.tree,
						     &node_type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, container);
	MAY_WARN(test, REFUSAL);
	kobjtree_init_member(&container->member.tree, &member_type,
			     &container->node.tree);
	MAY_WARN(test, REFUSAL);
	KUNIT_EXPECT_EQ(test, -ELOOP, kobjtree_link(&container->node.tree, NULL,
						    &container->member.tree));
	kobjtree_put(&container->member.tree);
	kobjtree_put(&container->node.tree);
}

/*
 * 1 => 2 => 1, and 1 => 2 many times more: whichever allocation fails, of which some
 * are made amid the edges of 1, the ring stays, and goes later.
 */
static void without_memory_nothing_changes(struct kunit *test)
{
	struct peer *peer[2];
	int i, n, ret, failed = 0;
	bool end = false;

	fail_setup(test);
	for (n = 1; !end; n++) {
		make_ring(test, peer, 1, 2);
		for (i = 0; i < MANY_EDGES; i++)
			KUNIT_ASSERT_EQ(test, 0, kobjtree_link(&peer[0]->cyclic.tree,
							       NULL,
							       &peer[1]->cyclic.tree));
		put_ring(peer, 2);
		fail_nth(n);
		ret = kobjtree_cyclic_collect();
		end = fail_none();
		if (ret == -ENOMEM) {
			failed++;
			expect_log(test, test->priv, "");
			KUNIT_EXPECT_EQ(test, peer_refs(peer[0]), 1);
			KUNIT_EXPECT_EQ(test, peer_refs(peer[1]), 1 + MANY_EDGES);
			ret = kobjtree_cyclic_collect();
		}
		KUNIT_EXPECT_EQ(test, ret, 2);
		expect_log(test, test->priv, "r1 r2 f2 f1");
	}
	KUNIT_EXPECT_GE(test, failed, 6);
}

/* 1 => 2 => 1, and nobody calls the collector. */
static void barrier_of_the_module_collects(struct kunit *test)
{
	struct peer *peer[2];

	make_ring(test, peer, 1, 2);
	put_ring(peer, 2);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

static struct kunit_case cyclic_cases[] = {
	KUNIT_CASE(ring_goes_when_it_is_collected),
	KUNIT_CASE(reference_to_any_object_keeps_the_ring),
	KUNIT_CASE(object_may_hold_itself),
	KUNIT_CASE(without_a_cycle_the_last_put_does_it),
	KUNIT_CASE(cycle_that_is_opened_goes_with_the_last_put),
	KUNIT_CASE(place_inside_counts),
	KUNIT_CASE(all_edges_are_looked_at),
	KUNIT_CASE(shared_object_drops_its_newest_edge_first),
	KUNIT_CASE(ring_goes_before_what_it_holds),
	KUNIT_CASE(of_two_rings_the_older_goes_first),
	KUNIT_CASE(ring_that_holds_a_ring_goes_first),
	KUNIT_CASE(ordinary_objects_go_with_the_ring),
	KUNIT_CASE(order_is_that_of_an_ordinary_cascade),
	KUNIT_CASE(what_no_reference_leads_to_goes_and_nothing_else),
	KUNIT_CASE(release_finds_no_sibling_by_weak_reference),
	KUNIT_CASE(release_brings_nothing_back),
	KUNIT_CASE(release_may_drop_the_edge_that_closes_the_cycle),
	KUNIT_CASE(memory_waits_for_the_last_edge_to_it),
	KUNIT_CASE(weak_get_until_the_death_keeps_the_ring),
	KUNIT_CASE(weak_get_after_the_death_finds_nothing),
	KUNIT_CASE(weak_get_keeps_for_this_pass),
	KUNIT_CASE(reference_along_an_edge_keeps_the_ring),
	KUNIT_CASE(link_does_not_hide_a_reference),
	KUNIT_CASE(unlink_does_not_hide_a_reference),
	KUNIT_CASE(new_object_keeps_what_it_holds),
	KUNIT_CASE(last_put_during_a_pass_is_the_workers),
	KUNIT_CASE(last_put_before_it_is_seen_is_the_passes),
	KUNIT_CASE(pass_gives_up_and_changes_nothing),
	KUNIT_CASE(race_collect_against_all_others),
	KUNIT_CASE(ordinary_object_cannot_hold_one),
	KUNIT_CASE(member_is_never_on_a_cycle),
	KUNIT_CASE(without_memory_nothing_changes),
	KUNIT_CASE(barrier_of_the_module_collects),
	{}
};

static struct kunit_suite cyclic_suite = {
	.name = "kobjtree_cyclic",
	.init = test_init,
	.exit = test_exit,
	.test_cases = cyclic_cases,
};

kunit_test_suite(cyclic_suite);

MODULE_DESCRIPTION("Rules of objects that may hold each other in cycles");
MODULE_LICENSE("GPL");
