// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misuse: each kind warns once, with the name of the type and the document to
 * read, and leaves a state in which everything else goes on. A debug kernel tells
 * the history of the object as well.
 *
 * The warnings are counted, once in a boot each: this suite is to be the first
 * one that is loaded.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/kobjtree_bind.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "contexts.h"
#include "helpers.h"

#define DOCUMENT	"see Documentation/core-api/kobjtree.rst"

/* === What the console says === */

static struct {
	raw_spinlock_t lock;	/* guards the other members, in a tracepoint */
	const char *what;
	int seen;
	int histories;
	int expected;
	struct kunit *test;
} watch = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(watch.lock),
};

static void watch_console(void *data, const char *text, size_t len)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch.lock, flags);
	if (watch.what && strnstr(text, watch.what, len) &&
	    strnstr(text, DOCUMENT, len))
		watch.seen++;
	if (watch.what && strnstr(text, watch.what, len) &&
	    strnstr(text, ": init by ", len))
		watch.histories++;
	raw_spin_unlock_irqrestore(&watch.lock, flags);
}

static void watch_for(const char *what)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch.lock, flags);
	watch.what = what;
	watch.seen = 0;
	watch.histories = 0;
	raw_spin_unlock_irqrestore(&watch.lock, flags);
}

static void watch_start(struct kunit *test, int expected, const char *what)
{
	watch.test = test;
	watch.expected = expected;
	if (expected)
		EXPECT_WARN(test, what);
	watch_for(what);
}

static void watch_end(void)
{
	int seen = READ_ONCE(watch.seen), histories = READ_ONCE(watch.histories);

	KUNIT_EXPECT_EQ(watch.test, seen, watch.expected);
	KUNIT_EXPECT_EQ(watch.test, histories,
			IS_ENABLED(CONFIG_KOBJTREE_DEBUG) ? watch.expected : 0);
	watch_for(NULL);
}

/* @statement warns @n times, and names @type. */
#define EXPECT_MISUSE(test, n, type, statement) do {			\
	watch_start(test, n, "kobjtree: " #type ":");			\
	statement;							\
	watch_end();							\
} while (0)

/* Each test has a type of its own, so that the name tells whose warning it is. */
#define MISUSE_TYPE(name)						\
	DEFINE_KOBJTREE_TYPE(name, struct test_node, tree,		\
			     .release = node_release, .free = node_free)

static struct test_node *typed_new(struct kunit *test,
				   const struct kobjtree_type *type, int id)
{
	struct test_node *node = kobjtree_alloc(struct test_node, tree, type,
						GFP_KERNEL);
	struct test_log *log = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = log;
	node->id = id;
	atomic_inc(&log->live);
	return node;
}

/* The memory that a misuse leaked. */
static void free_leaked(struct test_node *node)
{
	atomic_dec(&node->log->live);
	kfree(node);
}

/* === Counts === */

static void put_self(struct test_node *node)
{
	node_put(node);
}

static void get_self(struct test_node *node)
{
	kobjtree_get(&node->tree);
}

MISUSE_TYPE(put_below_zero_type);

/* 1 -> 2: what 1 holds goes, the memory of 1 stays */
static void misuse_put_below_zero_leaks_the_memory(struct kunit *test)
{
	struct test_node *node = typed_new(test, &put_below_zero_type, 1);

	node_child(test, node, 0, 2);
	node->in_release = put_self;
	EXPECT_WARN(test, "refcount_t: underflow");
	EXPECT_MISUSE(test, 1, put_below_zero_type, node_put(node));
	expect_log(test, test->priv, "r1 r2 f2");
	free_leaked(node);
}

MISUSE_TYPE(get_of_dead_type);

static void misuse_get_of_a_dead_object_leaks_the_memory(struct kunit *test)
{
	struct test_node *node = typed_new(test, &get_of_dead_type, 1);

	node_child(test, node, 0, 2);
	node->in_release = get_self;
	EXPECT_WARN(test, "refcount_t: addition on 0");
	EXPECT_MISUSE(test, 0, get_of_dead_type, node_put(node));
	expect_log(test, test->priv, "r1 r2 f2");
	free_leaked(node);
}

/* === Links === */

struct attempt {
	struct test_node *other;
	int ret;
};

static void link_from_self(struct test_node *node)
{
	struct attempt *attempt = node->arg;

	attempt->ret = node_link(node, 0, attempt->other);
}

static void link_to_self(struct test_node *node)
{
	struct attempt *attempt = node->arg;

	attempt->ret = node_link(attempt->other, 0, node);
}

MISUSE_TYPE(link_from_dead_type);

static void misuse_link_from_a_dead_object_is_refused(struct kunit *test)
{
	struct test_node *node = typed_new(test, &link_from_dead_type, 1);
	struct attempt attempt = { .other = node_new(test, 2) };

	node->in_release = link_from_self;
	node->arg = &attempt;
	EXPECT_MISUSE(test, 1, link_from_dead_type, node_put(node));
	KUNIT_EXPECT_EQ(test, attempt.ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, node_refs(attempt.other), 1);
	node_put(attempt.other);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

MISUSE_TYPE(link_to_dead_type);

static void misuse_link_to_a_dead_object_is_refused(struct kunit *test)
{
	struct test_node *other = typed_new(test, &link_to_dead_type, 2);
	struct test_node *node = node_new(test, 1);
	struct attempt attempt = { .other = other };

	node->in_release = link_to_self;
	node->arg = &attempt;
	EXPECT_MISUSE(test, 0, link_to_dead_type, node_put(node));
	KUNIT_EXPECT_EQ(test, attempt.ret, -ENODEV);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_FALSE(test, node_unlink(other, 0));
	node_put(other);
	expect_log(test, test->priv, "r2 f2");
}

MISUSE_TYPE(link_to_itself_type);

static void misuse_link_to_itself_is_refused(struct kunit *test)
{
	struct test_node *node = typed_new(test, &link_to_itself_type, 1);

	EXPECT_MISUSE(test, 1, link_to_itself_type,
		      KUNIT_EXPECT_EQ(test, node_link(node, 0, node), -ELOOP));
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	KUNIT_EXPECT_FALSE(test, node_unlink(node, 0));
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

MISUSE_TYPE(link_cycle_type);

/* 2 -> 1, 1 -/-> 2 */
static void misuse_link_that_closes_a_cycle_is_refused(struct kunit *test)
{
	struct test_node *node = typed_new(test, &link_cycle_type, 1);
	struct test_node *other = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, node_link(other, 0, node), 0);
	EXPECT_MISUSE(test, 0, link_cycle_type,
		      KUNIT_EXPECT_EQ(test, node_link(node, 0, other), -ELOOP));
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);
	node_put(node);
	node_put(other);
	expect_log(test, test->priv, "r2 r1 f1 f2");
}

MISUSE_TYPE(link_linked_type);

/* 1 -> 2 by an edge, which cannot lead to 3 as well */
static void misuse_link_with_a_linked_edge_is_refused(struct kunit *test)
{
	struct test_node *node = typed_new(test, &link_linked_type, 1);
	struct test_node *held = node_child(test, node, 0, 2);
	struct test_node *other = node_new(test, 3);

	EXPECT_MISUSE(test, 1, link_linked_type,
		      KUNIT_EXPECT_EQ(test, node_link(node, 0, other), -EBUSY));
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);

	/* the edge is still the first one's */
	KUNIT_EXPECT_TRUE(test, node_unlink(node, 0));
	expect_log(test, test->priv, "r2 f2");
	KUNIT_EXPECT_EQ(test, node_link(node, 0, other), 0);
	node_put(other);
	node_put(node);
	expect_log(test, test->priv, "r1 r3 f3 f1");
}

/* === Holds: the reference leaks, so that who is held stays === */

/* @held has one reference more than anyone owns: it outlives its holder. */
static void expect_held_stays(struct kunit *test, struct test_node *held)
{
	KUNIT_EXPECT_EQ(test, node_refs(held), 1);
	expect_log(test, test->priv, "");
	node_put(held);
}

MISUSE_TYPE(hold_twice_type);

static void misuse_second_hold_leaks_its_reference(struct kunit *test)
{
	struct test_node *node = typed_new(test, &hold_twice_type, 1);
	struct test_node *first = node_new(test, 2);
	struct test_node *second = node_new(test, 3);

	kobjtree_hold_give(&node->tree, &first->tree);
	EXPECT_MISUSE(test, 0, hold_twice_type,
		      kobjtree_hold_give(&node->tree, &second->tree));
	node_put(node);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	expect_held_stays(test, second);
	expect_log(test, test->priv, "r3 f3");
}

MISUSE_TYPE(hold_after_drop_type);

/* The slot serves one edge in a holder's life, also when that was dropped. */
static void misuse_hold_after_a_drop_leaks_its_reference(struct kunit *test)
{
	struct test_node *node = typed_new(test, &hold_after_drop_type, 1);
	struct test_node *first = node_new(test, 2);
	struct test_node *second = node_new(test, 3);

	kobjtree_hold_give(&node->tree, &first->tree);
	KUNIT_EXPECT_TRUE(test, kobjtree_drop(&node->tree, &first->tree));
	expect_log(test, test->priv, "r2 f2");
	EXPECT_MISUSE(test, 0, hold_after_drop_type,
		      kobjtree_hold_give(&node->tree, &second->tree));
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	expect_held_stays(test, second);
	expect_log(test, test->priv, "r3 f3");
}

MISUSE_TYPE(hold_by_member_type);

/* A member has no slot: its container is there. */
static void misuse_hold_by_a_member_leaks_its_reference(struct kunit *test)
{
	struct test_node *container = node_new(test, 1);
	struct test_node *held = node_new(test, 2);
	struct test_node *member;

	member = kobjtree_kzalloc(&container->tree, sizeof(*member),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, member);
	member->log = test->priv;
	member->id = 3;
	kobjtree_init_member(&member->tree, &hold_by_member_type,
			     &container->tree);
	EXPECT_MISUSE(test, 0, hold_by_member_type,
		      kobjtree_hold_give(&member->tree, &held->tree));
	node_put(container);
	expect_log(test, test->priv, "");
	node_put(member);
	expect_log(test, test->priv, "r3 r1 f1");
	expect_held_stays(test, held);
	expect_log(test, test->priv, "r2 f2");
}

MISUSE_TYPE(hold_late_type);

/* 2 -> 1: what was held may be on a path, and only link() looks for one */
static void misuse_hold_by_what_was_held_leaks_its_reference(struct kunit *test)
{
	struct test_node *node = typed_new(test, &hold_late_type, 1);
	struct test_node *holder = node_new(test, 2);
	struct test_node *held = node_new(test, 3);

	kobjtree_hold_give(&holder->tree, &node->tree);
	EXPECT_MISUSE(test, 1, hold_late_type,
		      kobjtree_hold_give(&node->tree, &held->tree));
	node_put(holder);
	expect_log(test, test->priv, "r2 r1 f1 f2");
	expect_held_stays(test, held);
	expect_log(test, test->priv, "r3 f3");
}

MISUSE_TYPE(hold_itself_type);

static void misuse_hold_of_itself_leaks_its_reference(struct kunit *test)
{
	struct test_node *node = typed_new(test, &hold_itself_type, 1);

	EXPECT_MISUSE(test, 0, hold_itself_type,
		      kobjtree_hold(&node->tree, &node->tree));
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	node_put(node);
	expect_held_stays(test, node);
	expect_log(test, test->priv, "r1 f1");
}

static void hold_from_self(struct test_node *node)
{
	struct attempt *attempt = node->arg;

	kobjtree_hold_give(&node->tree, &attempt->other->tree);
}

static void hold_to_self(struct test_node *node)
{
	struct attempt *attempt = node->arg;

	kobjtree_hold(&attempt->other->tree, &node->tree);
}

MISUSE_TYPE(hold_by_dead_type);

static void misuse_hold_by_a_dead_object_leaks_its_reference(struct kunit *test)
{
	struct test_node *node = typed_new(test, &hold_by_dead_type, 1);
	struct attempt attempt = { .other = node_new(test, 2) };

	node->in_release = hold_from_self;
	node->arg = &attempt;
	EXPECT_MISUSE(test, 0, hold_by_dead_type, node_put(node));
	expect_log(test, test->priv, "r1 f1");
	expect_held_stays(test, attempt.other);
	expect_log(test, test->priv, "r2 f2");
}

MISUSE_TYPE(hold_of_dead_type);

/* There is no reference to leak: the dead one goes as if nothing had been. */
static void misuse_hold_of_a_dead_object_does_nothing(struct kunit *test)
{
	struct test_node *other = typed_new(test, &hold_of_dead_type, 2);
	struct test_node *node = node_new(test, 1);
	struct attempt attempt = { .other = other };

	node->in_release = hold_to_self;
	node->arg = &attempt;
	EXPECT_MISUSE(test, 0, hold_of_dead_type, node_put(node));
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_FALSE(test, kobjtree_drop(&other->tree, &node->tree));
	node_put(other);
	expect_log(test, test->priv, "r2 f2");
}

/* === Actions === */

static void embed_in_self(struct test_node *node)
{
	struct test_mark *mark = node->arg;

	kobjtree_embed_action(&node->tree, &mark->storage, test_action, mark);
}

MISUSE_TYPE(embed_dead_type);

static void misuse_action_of_a_dead_object_is_not_called(struct kunit *test)
{
	struct test_node *node = typed_new(test, &embed_dead_type, 1);

	node->in_release = embed_in_self;
	node->arg = test_mark(test, 9);
	EXPECT_MISUSE(test, 1, embed_dead_type, node_put(node));
	expect_log(test, test->priv, "r1 f1");

	/* nor does it wait for one */
	kobjtree_owner_barrier();
}

/* === Unlinking what is being taken apart === */

static void unlink_other(struct test_node *node)
{
	struct attempt *attempt = node->arg;

	attempt->ret = node_unlink(attempt->other, 0);
}

static void drop_other(struct test_node *node)
{
	struct attempt *attempt = node->arg;
	struct kobjtree_edge *edge = &attempt->other->edge[0];
	struct kobjtree *held = (struct kobjtree *)edge->held;

	attempt->ret = kobjtree_drop(&attempt->other->tree, held);
}

MISUSE_TYPE(unlink_late_type);

/* 1 -> 2, 3: while 3 goes, 1 is past its actions and has no edge to give */
static void misuse_unlink_without_a_reference_does_nothing(struct kunit *test)
{
	struct test_node *node = typed_new(test, &unlink_late_type, 1);
	struct attempt attempt = { .other = node, .ret = -1 };
	struct test_node *last;

	node_child(test, node, 0, 2);
	last = node_child(test, node, 1, 3);
	last->in_release = unlink_other;
	last->arg = &attempt;
	EXPECT_MISUSE(test, 1, unlink_late_type, node_put(node));
	KUNIT_EXPECT_EQ(test, attempt.ret, false);
	expect_log(test, test->priv, "r1 r3 f3 r2 f2 f1");
}

MISUSE_TYPE(drop_late_type);

static void misuse_drop_without_a_reference_does_nothing(struct kunit *test)
{
	struct test_node *node = typed_new(test, &drop_late_type, 1);
	struct attempt attempt = { .other = node, .ret = -1 };
	struct test_node *last;

	node_child(test, node, 0, 2);
	last = node_child(test, node, 1, 3);
	last->in_release = drop_other;
	last->arg = &attempt;
	EXPECT_MISUSE(test, 0, drop_late_type, node_put(node));
	KUNIT_EXPECT_EQ(test, attempt.ret, false);
	expect_log(test, test->priv, "r1 r3 f3 r2 f2 f1");
}

/* === Contexts === */

static void last_put_here(void *data)
{
	struct test_node *node = data;

	/* as kobjtree_put(), whose might_sleep() would warn as well */
	kref_put(&node->tree.ref, kobjtree_last_put);
}

static void note_worker(struct test_node *node)
{
	*(bool *)node->arg = current->flags & PF_WQ_WORKER;
}

/* Whether the kernel can tell that nobody may sleep there. */
static bool is_provable(enum test_context in)
{
	switch (in) {
	case IN_SPINLOCK:
		return IS_ENABLED(CONFIG_PREEMPT_COUNT);
	case IN_RCU_READ:
		return IS_ENABLED(CONFIG_PREEMPT_RCU);
	default:
		return true;
	}
}

MISUSE_TYPE(last_put_type);

static void misuse_last_put_in_atomic_context_is_deferred(struct kunit *test)
{
	struct test_node *node;
	static bool warned;
	bool worker = false;

	if (!is_provable(the_context(test)))
		kunit_skip(test, "this kernel cannot tell");
	node = typed_new(test, &last_put_type, 1);
	node->in_release = note_worker;
	node->arg = &worker;
	EXPECT_MISUSE(test, !warned, last_put_type,
		      run_in(test, the_context(test), last_put_here, node));
	warned = true;
	kobjtree_owner_barrier();
	KUNIT_EXPECT_TRUE(test, worker);
	expect_log(test, test->priv, "r1 f1");
}

/* === Types === */

static void misuse_init_without_a_type_leaks_the_memory(struct kunit *test)
{
	struct kobjtree *obj = kzalloc(sizeof(*obj), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	EXPECT_MISUSE(test, 1, untyped, kobjtree_init(obj, NULL));
	KUNIT_EXPECT_EQ(test, kref_read(&obj->ref), 1);
	kobjtree_put(obj);
	KUNIT_EXPECT_EQ(test, kref_read(&obj->ref), 0);
	kfree(obj);
}

/* What init without a type leaves is an object as any other. */
static void misuse_object_without_a_type_holds_and_is_held(struct kunit *test)
{
	struct kobjtree *obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_new(test, 2);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	EXPECT_MISUSE(test, 0, untyped, kobjtree_init(obj, NULL));
	kobjtree_hold_give(obj, &held->tree);
	kobjtree_hold_give(&holder->tree, obj);
	node_put(holder);
	expect_log(test, test->priv, "r1 r2 f2 f1");
	kfree(obj);
}

/* === What debugobjects sees === */

/* === Bindings === */

struct driverless {
	struct kobjtree_bound bound;
	struct completion *gone;
};

static void driverless_release(struct kobjtree *obj)
{
	complete(container_of(obj, struct driverless, bound.tree)->gone);
}

DEFINE_KOBJTREE_TYPE(driverless_type, struct driverless, bound.tree,
		     .release = driverless_release);

/* There is no unbind, so that all is as late as the end of the device. */
static void misuse_binding_without_a_driver_is_told(struct kunit *test)
{
	struct device *dev = root_device_register("kobjtree-misuse");
	DECLARE_COMPLETION_ONSTACK(gone);
	struct driverless *d;

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	EXPECT_MISUSE(test, 1, driverless_type,
		      d = kobjtree_alloc_bound(dev, struct driverless, bound,
					       &driverless_type));
	KUNIT_ASSERT_FALSE(test, IS_ERR(d));
	d->gone = &gone;
	KUNIT_EXPECT_EQ(test, kobjtree_publish(&d->bound), 0);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&d->bound.gate), 0);
	kobjtree_exit(&d->bound.gate);
	root_device_unregister(dev);
	wait_for_completion(&gone);
}

#ifdef CONFIG_DEBUG_OBJECTS

MISUSE_TYPE(second_init_type);

/* 1 -> 2, and two references: nothing of it is lost */
static void misuse_second_init_of_a_live_object_is_ignored(struct kunit *test)
{
	struct test_node *node = typed_new(test, &second_init_type, 1);

	node_child(test, node, 0, 2);
	kobjtree_get(&node->tree);
	EXPECT_WARN(test, "ODEBUG: init active");
	EXPECT_MISUSE(test, 1, second_init_type,
		      kobjtree_init(&node->tree, &node_type));
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	KUNIT_EXPECT_PTR_EQ(test, node->tree.type, &second_init_type);
	node_put(node);
	node_put(node);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

#ifdef CONFIG_DEBUG_OBJECTS_FREE

MISUSE_TYPE(edge_freed_type);

/* 1 -> 2 by an edge in managed memory, which is freed first */
static void misuse_free_of_a_linked_edge_is_told(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_node *held = typed_new(test, &edge_freed_type, 2);
	struct kobjtree_edge *edge;

	edge = kobjtree_kzalloc(&node->tree, sizeof(*edge), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, edge);
	KUNIT_ASSERT_EQ(test, kobjtree_link(&node->tree, edge, &held->tree), 0);
	EXPECT_WARN(test, "ODEBUG: free active");
	EXPECT_MISUSE(test, 1, edge_freed_type,
		      kobjtree_kfree(&node->tree, edge));

	/* the edge is off the list, and what it held stays */
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	node_put(held);
	expect_held_stays(test, held);
	expect_log(test, test->priv, "r2 f2");
}

MISUSE_TYPE(member_freed_type);

/*
 * A member of 1 in managed memory of 1, which is freed while the member lives.
 * Nothing can make that safe, but 1 and the count of its owner stay.
 */
static void misuse_free_of_a_live_member_is_told(struct kunit *test)
{
	struct test_node *container = node_new(test, 1);
	struct test_node *member;

	member = kobjtree_kzalloc(&container->tree, sizeof(*member),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, member);
	kobjtree_init_member(&member->tree, &member_freed_type,
			     &container->tree);
	EXPECT_WARN(test, "ODEBUG: free active");
	EXPECT_MISUSE(test, 1, member_freed_type,
		      kobjtree_kfree(&container->tree, member));
	node_put(container);
	expect_held_stays(test, container);
	expect_log(test, test->priv, "r1 f1");

	/* the lost member, so that the barrier in this module's exit ends */
	atomic_long_dec(&__kobjtree_owner.count);
}

MISUSE_TYPE(devres_type);

/* The unbind frees the memory; an object in it is told of. */
static void misuse_object_in_devres_memory_is_told(struct kunit *test)
{
	struct device *dev = root_device_register("kobjtree-misuse");
	struct test_node *node;

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	node = devm_kzalloc(dev, sizeof(*node), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, node);
	kobjtree_init(&node->tree, &devres_type);
	EXPECT_WARN(test, "ODEBUG: free active");
	EXPECT_MISUSE(test, 0, devres_type, devm_kfree(dev, node));
	root_device_unregister(dev);
	atomic_long_dec(&__kobjtree_owner.count);
}

MISUSE_TYPE(devres_member_type);

/* So is a part of an object, as a device node, that is not in its memory. */
static void misuse_member_in_devres_memory_is_told(struct kunit *test)
{
	struct device *dev = root_device_register("kobjtree-misuse");
	struct test_node *container = node_new(test, 1);
	struct test_node *member;

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	member = devm_kzalloc(dev, sizeof(*member), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, member);
	kobjtree_init_member(&member->tree, &devres_member_type,
			     &container->tree);
	EXPECT_WARN(test, "ODEBUG: free active");
	root_device_unregister(dev);
	node_put(container);
	expect_held_stays(test, container);
	expect_log(test, test->priv, "r1 f1");
	atomic_long_dec(&__kobjtree_owner.count);
}

#endif /* CONFIG_DEBUG_OBJECTS_FREE */
#endif /* CONFIG_DEBUG_OBJECTS */

static struct kunit_case misuse_cases[] = {
	KUNIT_CASE(misuse_put_below_zero_leaks_the_memory),
	KUNIT_CASE(misuse_get_of_a_dead_object_leaks_the_memory),
	KUNIT_CASE(misuse_link_from_a_dead_object_is_refused),
	KUNIT_CASE(misuse_link_to_a_dead_object_is_refused),
	KUNIT_CASE(misuse_link_to_itself_is_refused),
	KUNIT_CASE(misuse_link_that_closes_a_cycle_is_refused),
	KUNIT_CASE(misuse_link_with_a_linked_edge_is_refused),
	KUNIT_CASE(misuse_second_hold_leaks_its_reference),
	KUNIT_CASE(misuse_hold_after_a_drop_leaks_its_reference),
	KUNIT_CASE(misuse_hold_by_a_member_leaks_its_reference),
	KUNIT_CASE(misuse_hold_by_what_was_held_leaks_its_reference),
	KUNIT_CASE(misuse_hold_of_itself_leaks_its_reference),
	KUNIT_CASE(misuse_hold_by_a_dead_object_leaks_its_reference),
	KUNIT_CASE(misuse_hold_of_a_dead_object_does_nothing),
	KUNIT_CASE(misuse_action_of_a_dead_object_is_not_called),
	KUNIT_CASE(misuse_unlink_without_a_reference_does_nothing),
	KUNIT_CASE(misuse_drop_without_a_reference_does_nothing),
	KUNIT_CASE_PARAM(misuse_last_put_in_atomic_context_is_deferred,
			 context_gen_params),
	KUNIT_CASE(misuse_init_without_a_type_leaks_the_memory),
	KUNIT_CASE(misuse_object_without_a_type_holds_and_is_held),
	KUNIT_CASE(misuse_binding_without_a_driver_is_told),
#ifdef CONFIG_DEBUG_OBJECTS
	KUNIT_CASE(misuse_second_init_of_a_live_object_is_ignored),
#ifdef CONFIG_DEBUG_OBJECTS_FREE
	KUNIT_CASE(misuse_free_of_a_linked_edge_is_told),
	KUNIT_CASE(misuse_free_of_a_live_member_is_told),
	KUNIT_CASE(misuse_object_in_devres_memory_is_told),
	KUNIT_CASE(misuse_member_in_devres_memory_is_told),
#endif
#endif
	{}
};

static int misuse_suite_init(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return 0;
	return register_trace_console(watch_console, NULL);
}

static void misuse_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return;
	unregister_trace_console(watch_console, NULL);
	tracepoint_synchronize_unregister();
}

static struct kunit_suite misuse_suite = {
	.name = "kobjtree_misuse",
	.suite_init = misuse_suite_init,
	.suite_exit = misuse_suite_exit,
	.init = test_init_console,
	.exit = test_exit,
	.test_cases = misuse_cases,
};

kunit_test_suite(misuse_suite);

MODULE_DESCRIPTION("KUnit tests of the misuse of kobjtree");
MODULE_LICENSE("GPL");
