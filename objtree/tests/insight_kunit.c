// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a debug kernel says of bugs with objects: each kind is planted here, and the
 * console must name who did it.
 */
#include <kunit/test.h>
#include <linux/kobjtree_gate.h>
#include <linux/kobjtree_holder.h>
#include <linux/mutex.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "../internal.h"
#include "helpers.h"
#include "lockdep.h"

/* Of a name that no other suite's warning has. */
DEFINE_KOBJTREE_TYPE(told_type, struct test_node, tree,
		     .release = node_release, .free = node_free);

static struct test_node *told_new(struct kunit *test, int id)
{
	struct test_node *node = kobjtree_alloc(struct test_node, tree, &told_type,
						GFP_KERNEL);
	struct test_log *log = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, node);
	node->log = log;
	node->id = id;
	atomic_inc(&log->live);
	return node;
}

#ifdef CONFIG_KOBJTREE_DEBUG

/* === What the console says === */

static struct {
	raw_spinlock_t lock;	/* guards the other members, in a tracepoint */
	bool on;
	size_t len;
	struct kunit *test;
	char text[16384];
} said = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(said.lock),
};

static void said_add(void *data, const char *text, size_t len)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&said.lock, flags);
	len = min(len, sizeof(said.text) - 1 - said.len);
	if (said.on) {
		memcpy(said.text + said.len, text, len);
		said.len += len;
	}
	raw_spin_unlock_irqrestore(&said.lock, flags);
}

static void said_watch(bool on)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&said.lock, flags);
	said.on = on;
	if (on) {
		memset(said.text, 0, sizeof(said.text));
		said.len = 0;
	}
	raw_spin_unlock_irqrestore(&said.lock, flags);
}

static void said_begin(struct kunit *test, const char *splat)
{
	said.test = test;
	EXPECT_WARN(test, splat);
	said_watch(true);
}

/* User-Mode Linux has none if clang compiled it. */
static bool there_are_stacks(void)
{
	unsigned long entry;

	return stack_trace_save(&entry, 1, 0);
}

static bool names_function(const char *text)
{
	return text[strlen(text) - 1] == '+';
}

static void said_end(const char * const *order, int nr)
{
	char *at = said.text;
	int i;

	said_watch(false);
	for (i = 0; i < nr; i++) {
		if (names_function(order[i]) && !there_are_stacks())
			continue;
		at = strstr(at, order[i]);
		if (!at) {
			KUNIT_FAIL(said.test, "the console did not say \"%s\"",
				   order[i]);
			return;
		}
		at += strlen(order[i]);
	}
}

/* @what, which is a splat, and after it each of the others, in this order. */
#define EXPECT_SAYS(test, what, statement, ...) do {			\
	static const char * const __order[] = { what, ##__VA_ARGS__ };	\
									\
	said_begin(test, __order[0]);					\
	statement;							\
	said_end(__order, ARRAY_SIZE(__order));				\
} while (0)

#define EXPECT_SILENCE(test, statement) do {				\
	said_watch(true);						\
	statement;							\
	said_watch(false);						\
	KUNIT_EXPECT_STREQ(test, (const char *)said.text, "");		\
} while (0)

/* Their names are in the stacks. */
static noinline struct test_node *maker(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);

	barrier();
	return node;
}

static noinline void taker(struct test_node *node)
{
	kobjtree_get(&node->tree);
	barrier();
}

static noinline void dropper(struct test_node *node)
{
	node_put(node);
	barrier();
}

/* === History === */

/* The memory of an object that is gone is the caller's again, and not poisoned. */
static struct kobjtree ours;

static void ours_free(struct kobjtree *obj)
{
}

static const struct kobjtree_type ours_type = {
	.name = "ours_type",
	.owner = &__kobjtree_owner,
	.free = ours_free,
};

static void history_put_of_a_gone_object_is_reported_with_its_history(struct kunit *test)
{
	struct test_node *node = maker(test);

	taker(node);
	node_put(node);
	dropper(node);
	expect_log(test, test->priv, "r1 f1");
	EXPECT_SAYS(test, "kobjtree: told_type: put of an object that is gone; see Documentation/",
		    node_put(node),
		    "told_type: init by ", "maker+", "told_type: last get by ", "taker+",
		    "told_type: last put by ", "dropper+", "told_type: release by ",
		    "dropper+");
}

static void history_get_of_a_gone_object_is_reported_with_its_history(struct kunit *test)
{
	struct test_node *node = maker(test);

	dropper(node);
	EXPECT_SAYS(test, "kobjtree: told_type: get of an object that is gone", taker(node),
		    "init by ", "maker+", "last put by ", "dropper+");
	expect_log(test, test->priv, "r1 f1");
}

static void history_put_async_of_a_gone_object_is_reported(struct kunit *test)
{
	struct test_node *node = maker(test);

	dropper(node);
	EXPECT_SAYS(test, "kobjtree: told_type: put of an object that is gone",
		    kobjtree_put_async(&node->tree), "last put by ", "dropper+");
	expect_log(test, test->priv, "r1 f1");
}

static void history_edge_to_a_gone_object_is_refused_and_reported(struct kunit *test)
{
	struct test_node *node = maker(test);
	struct test_node *other = told_new(test, 2);

	dropper(node);
	EXPECT_SAYS(test, "kobjtree: told_type: edge to an object that is gone",
		    KUNIT_EXPECT_EQ(test, node_link(other, 0, node), -ENODEV),
		    "init by ", "maker+", "last put by ", "dropper+");
	node_put(other);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void history_edge_from_a_gone_object_is_refused_and_reported(struct kunit *test)
{
	struct test_node *node = maker(test);
	struct test_node *other = told_new(test, 2);

	dropper(node);
	EXPECT_SAYS(test, "kobjtree: told_type: edge from an object that is gone",
		    KUNIT_EXPECT_EQ(test, node_link(node, 0, other), -ENODEV),
		    "last put by ", "dropper+");
	KUNIT_EXPECT_EQ(test, node_refs(other), 1);
	node_put(other);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void history_each_gone_object_is_reported_once(struct kunit *test)
{
	struct test_node *one = maker(test), *two = maker(test);

	dropper(one);
	dropper(two);
	EXPECT_SAYS(test, "put of an object that is gone", node_put(one));
	EXPECT_SILENCE(test, node_put(one));
	EXPECT_SAYS(test, "put of an object that is gone", node_put(two));
	expect_log(test, test->priv, "r1 f1 r1 f1");
}

/* Another one at the address of one that is gone. */
static void history_forgets_what_was_there_before(struct kunit *test)
{
	kobjtree_init(&ours, &ours_type);
	kobjtree_put(&ours);
	EXPECT_SILENCE(test, {
		kobjtree_init(&ours, &ours_type);
		kobjtree_get(&ours);
		kobjtree_put(&ours);
		kobjtree_put(&ours);
	});
}

static void history_what_is_gone_is_poisoned(struct kunit *test)
{
	kobjtree_init(&ours, &ours_type);
	kobjtree_put(&ours);
	KUNIT_EXPECT_STREQ(test, ours.type->name, "an object that is gone");
	KUNIT_EXPECT_PTR_EQ(test, ours.slot, LIST_POISON2);
	KUNIT_EXPECT_FALSE(test, kobjtree_get_unless_zero(&ours));
}

struct told_member {
	struct kobjtree tree;
};

DEFINE_KOBJTREE_TYPE(told_member_type, struct told_member, tree);

/* Its container, which has it in its memory, is there. */
static void history_member_that_is_gone_is_poisoned(struct kunit *test)
{
	struct test_node *container = told_new(test, 1);
	struct kobjtree *member = kobjtree_kzalloc(&container->tree, sizeof(*member),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, member);
	kobjtree_init_member(member, &told_member_type, &container->tree);
	kobjtree_put(member);
	KUNIT_EXPECT_STREQ(test, member->type->name, "an object that is gone");
	EXPECT_SAYS(test, "kobjtree: told_member_type: put of an object that is gone",
		    kobjtree_put(member), "init by ");
	KUNIT_EXPECT_EQ(test, node_refs(container), 1);
	node_put(container);
	expect_log(test, test->priv, "r1 f1");
}

/* === Holders === */

#ifdef __KOBJTREE_HOLDERS

static noinline void file_opens(struct kobjtree_holder *file, struct test_node *node)
{
	kobjtree_holder_get(file, &node->tree, "file");
	barrier();
}

static noinline void file_closes(struct kobjtree_holder *file, struct test_node *node)
{
	kobjtree_holder_put(file, &node->tree);
	barrier();
}

static void holder_has_one_reference(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);
	struct kobjtree_holder file = {};

	EXPECT_SILENCE(test, {
		file_opens(&file, node);
		KUNIT_EXPECT_EQ(test, node_refs(node), 2);
		file_closes(&file, node);
		KUNIT_EXPECT_EQ(test, node_refs(node), 1);
		file_opens(&file, node);
		node_put(node);
		file_closes(&file, node);
	});
	expect_log(test, test->priv, "r1 f1");
}

static void holder_takes_over_the_callers_reference(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);
	struct kobjtree_holder timer = {};

	kobjtree_holder_give(&timer, &node->tree, "timer");
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	kobjtree_holder_put_async(&timer, &node->tree);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

static void holder_of_another_object_is_reported_with_both_stacks(struct kunit *test)
{
	struct test_node *one = told_new(test, 1), *two = told_new(test, 2);
	struct kobjtree_holder file = {};

	file_opens(&file, one);
	EXPECT_SAYS(test, "kobjtree: told_type: put by the holder of another object; see",
		    file_closes(&file, two),
		    "file_closes+", "its reference was taken by", "file_opens+");
	KUNIT_EXPECT_EQ(test, node_refs(one), 2);
	KUNIT_EXPECT_EQ(test, node_refs(two), 1);
	file_closes(&file, one);
	node_put(one);
	node_put(two);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

/* Not the same code as above, or the compiler makes one of them. */
static noinline void file_closes_again(struct kobjtree_holder *file, struct test_node *node)
{
	barrier();
	kobjtree_holder_put(file, &node->tree);
	barrier();
}

static void holder_that_puts_twice_is_reported_with_all_stacks(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);
	struct kobjtree_holder file = {};

	file_opens(&file, node);
	file_closes(&file, node);
	EXPECT_SAYS(test, "kobjtree: told_type: put by a holder that has no reference; see",
		    file_closes_again(&file, node), "file_closes_again+",
		    "its reference was taken by", "file_opens+",
		    "and dropped by", "file_closes+");
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* Somebody put the reference that the file has. */
static void object_that_goes_under_a_holder_is_reported_with_its_stack(struct kunit *test)
{
	struct test_node *node = maker(test);
	struct kobjtree_holder file = {};

	file_opens(&file, node);
	node_put(node);
	EXPECT_WARN(test, "kobjtree: told_type: goes while a holder has a reference; see");
	said_watch(true);
	dropper(node);
	said_watch(false);
	KUNIT_EXPECT_NOT_NULL(test, strstr(said.text, "file_opens+"));
	expect_log(test, test->priv, "r1 f1");
	EXPECT_SAYS(test, "kobjtree: told_type: put of an object that is gone",
		    file_closes(&file, node), "last put by ", "dropper+");
}

#endif /* __KOBJTREE_HOLDERS */

#else /* CONFIG_KOBJTREE_DEBUG */

static void holder_has_no_bytes_and_is_a_plain_reference(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);
	struct kobjtree_holder file;

	KUNIT_EXPECT_EQ(test, sizeof(struct kobjtree_holder), 0);
	kobjtree_holder_get(&file, &node->tree, "file");
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);
	kobjtree_holder_put(&file, &node->tree);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

#endif /* CONFIG_KOBJTREE_DEBUG */

/* === lockdep === */

#ifdef CONFIG_PROVE_LOCKING

struct locked {
	struct kobjtree tree;
	struct kobjtree_gate *gate;
};

/* A type whose release takes a lock of its own, and a way to have it seen once. */
#define LOCKED_TYPE(_name)						\
static DEFINE_MUTEX(_name##_lock);					\
static void _name##_release(struct kobjtree *obj)			\
{									\
	mutex_lock(&_name##_lock);					\
	mutex_unlock(&_name##_lock);					\
}									\
DEFINE_KOBJTREE_TYPE(_name, struct locked, tree, .release = _name##_release)

static struct locked *locked_new(struct kunit *test, const struct kobjtree_type *type)
{
	struct locked *l = kobjtree_alloc(struct locked, tree, type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	return l;
}

/* lockdep knows the release. */
static void learn(struct kunit *test, const struct kobjtree_type *type)
{
	kobjtree_put(&locked_new(test, type)->tree);
}

/* Is a put of @l that is not the last one reported under @lock? */
static bool reported_under(struct kunit *test, struct locked *l, struct mutex *lock)
{
	bool reported;

	kobjtree_get(&l->tree);
	mutex_lock(lock);
	reported = LOCKDEP_REPORTS(test, kobjtree_put(&l->tree));
	mutex_unlock(lock);
	return reported;
}

LOCKED_TYPE(direct_type);

static void put_under_a_lock_of_the_release_is_reported(struct kunit *test)
{
	struct locked *l;

	need_lockdep(test);
	learn(test, &direct_type);
	l = locked_new(test, &direct_type);
	KUNIT_EXPECT_TRUE(test, reported_under(test, l, &direct_type_lock));
	kobjtree_put(&l->tree);
}

LOCKED_TYPE(never_type);

static void put_not_last_under_a_lock_of_the_release_is_not_reported(struct kunit *test)
{
	struct locked *l;

	need_lockdep(test);
	learn(test, &never_type);
	l = locked_new(test, &never_type);
	kobjtree_get(&l->tree);
	mutex_lock(&never_type_lock);
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, kobjtree_put_not_last(&l->tree)));
	mutex_unlock(&never_type_lock);
	KUNIT_EXPECT_EQ(test, kref_read(&l->tree.ref), 1);
	kobjtree_put(&l->tree);
}

LOCKED_TYPE(top_type);
LOCKED_TYPE(middle_type);
LOCKED_TYPE(bottom_type);

/* top -> middle -> bottom, whose lock it is */
static void put_under_a_lock_of_what_it_leads_to_is_reported(struct kunit *test)
{
	struct locked *top, *middle, *bottom;

	need_lockdep(test);
	learn(test, &bottom_type);
	bottom = locked_new(test, &bottom_type);
	middle = locked_new(test, &middle_type);
	top = locked_new(test, &top_type);
	KUNIT_EXPECT_FALSE(test, reported_under(test, top, &bottom_type_lock));
	kobjtree_hold_give(&middle->tree, &bottom->tree);
	kobjtree_hold_give(&top->tree, &middle->tree);
	KUNIT_EXPECT_TRUE(test, reported_under(test, top, &bottom_type_lock));
	kobjtree_put(&top->tree);
}

LOCKED_TYPE(box_type);
LOCKED_TYPE(part_type);

/* The last put of a member may be the last one of its container. */
static void put_of_a_member_under_a_lock_of_its_container_is_reported(struct kunit *test)
{
	struct locked *box;
	struct kobjtree *part;

	need_lockdep(test);
	learn(test, &box_type);
	box = locked_new(test, &box_type);
	part = kobjtree_kzalloc(&box->tree, sizeof(*part), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, part);
	kobjtree_init_member(part, &part_type, &box->tree);
	kobjtree_get(part);
	mutex_lock(&box_type_lock);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test, kobjtree_put(part)));
	mutex_unlock(&box_type_lock);
	kobjtree_put(part);
	kobjtree_put(&box->tree);
}

LOCKED_TYPE(one_type);
LOCKED_TYPE(other_type);

/* one -> other and other -> one: a circle of types, and none of objects */
static void types_that_hold_each_other_are_not_reported(struct kunit *test)
{
	static DEFINE_MUTEX(outer);
	struct locked *l[4];
	int i;

	need_lockdep(test);
	for (i = 0; i < ARRAY_SIZE(l); i++)
		l[i] = locked_new(test, i == 0 || i == 3 ? &one_type : &other_type);
	kobjtree_hold_give(&l[0]->tree, &l[1]->tree);
	kobjtree_hold_give(&l[2]->tree, &l[3]->tree);
	KUNIT_EXPECT_FALSE(test, reported_under(test, l[0], &outer));
	KUNIT_EXPECT_FALSE(test, reported_under(test, l[2], &outer));
	KUNIT_EXPECT_FALSE(test, LOCKDEP_REPORTS(test, {
		mutex_lock(&outer);
		kobjtree_put(&l[0]->tree);
		kobjtree_put(&l[2]->tree);
		mutex_unlock(&outer);
	}));
}

DEFINE_KOBJTREE_TYPE(acting_type, struct locked, tree);
static DEFINE_MUTEX(acting_lock);

static void lock_in_action(void *data)
{
	mutex_lock(data);
	mutex_unlock(data);
}

static void put_under_a_lock_of_an_action_is_reported(struct kunit *test)
{
	struct locked *l;

	need_lockdep(test);
	l = locked_new(test, &acting_type);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&l->tree, lock_in_action, &acting_lock), 0);
	kobjtree_put(&l->tree);
	l = locked_new(test, &acting_type);
	KUNIT_EXPECT_TRUE(test, reported_under(test, l, &acting_lock));
	kobjtree_put(&l->tree);
}

static void drain_release(struct kobjtree *obj)
{
	struct locked *l = container_of(obj, struct locked, tree);

	if (l->gate)
		kobjtree_unplug(l->gate);
}

DEFINE_KOBJTREE_TYPE(drain_type, struct locked, tree, .release = drain_release);

struct gated_one {
	struct kobjtree tree;
	struct kobjtree_gate gate;
};

DEFINE_KOBJTREE_TYPE(gated_one_type, struct gated_one, tree);

static struct gated_one *gated_one(struct kunit *test)
{
	struct gated_one *g = kobjtree_alloc(struct gated_one, tree, &gated_one_type,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, g);
	kobjtree_gate_init(&g->gate, &g->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_gate_live(&g->gate), 0);
	return g;
}

/* The section has a reference to what waits for the section. */
static void put_in_a_section_that_the_release_waits_for_is_reported(struct kunit *test)
{
	struct gated_one *g;
	struct locked *l;

	need_lockdep(test);
	g = gated_one(test);
	l = locked_new(test, &drain_type);
	l->gate = &g->gate;
	kobjtree_put(&l->tree);
	kobjtree_put(&g->tree);

	g = gated_one(test);
	l = locked_new(test, &drain_type);
	kobjtree_get(&l->tree);
	KUNIT_ASSERT_EQ(test, kobjtree_enter(&g->gate), 0);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test, kobjtree_put(&l->tree)));
	kobjtree_exit(&g->gate);
	kobjtree_put(&l->tree);
	kobjtree_put(&g->tree);
}

#endif /* CONFIG_PROVE_LOCKING */

static void put_not_last_that_is_the_last_is_left_to_a_worker(struct kunit *test)
{
	struct test_node *node = told_new(test, 1);

	EXPECT_WARN(test, "kobjtree: told_type: last put by kobjtree_put_not_last()");
	kobjtree_put_not_last(&node->tree);
	kobjtree_owner_barrier();
	expect_log(test, test->priv, "r1 f1");
}

static struct kunit_case insight_cases[] = {
#ifdef CONFIG_KOBJTREE_DEBUG
	KUNIT_CASE(history_put_of_a_gone_object_is_reported_with_its_history),
	KUNIT_CASE(history_get_of_a_gone_object_is_reported_with_its_history),
	KUNIT_CASE(history_put_async_of_a_gone_object_is_reported),
	KUNIT_CASE(history_edge_to_a_gone_object_is_refused_and_reported),
	KUNIT_CASE(history_edge_from_a_gone_object_is_refused_and_reported),
	KUNIT_CASE(history_each_gone_object_is_reported_once),
	KUNIT_CASE(history_forgets_what_was_there_before),
	KUNIT_CASE(history_what_is_gone_is_poisoned),
	KUNIT_CASE(history_member_that_is_gone_is_poisoned),
#ifdef __KOBJTREE_HOLDERS
	KUNIT_CASE(holder_has_one_reference),
	KUNIT_CASE(holder_takes_over_the_callers_reference),
	KUNIT_CASE(holder_of_another_object_is_reported_with_both_stacks),
	KUNIT_CASE(holder_that_puts_twice_is_reported_with_all_stacks),
	KUNIT_CASE(object_that_goes_under_a_holder_is_reported_with_its_stack),
#endif
#else
	KUNIT_CASE(holder_has_no_bytes_and_is_a_plain_reference),
#endif
#ifdef CONFIG_PROVE_LOCKING
	KUNIT_CASE(put_under_a_lock_of_the_release_is_reported),
	KUNIT_CASE(put_not_last_under_a_lock_of_the_release_is_not_reported),
	KUNIT_CASE(put_under_a_lock_of_what_it_leads_to_is_reported),
	KUNIT_CASE(put_of_a_member_under_a_lock_of_its_container_is_reported),
	KUNIT_CASE(types_that_hold_each_other_are_not_reported),
	KUNIT_CASE(put_under_a_lock_of_an_action_is_reported),
	KUNIT_CASE(put_in_a_section_that_the_release_waits_for_is_reported),
#endif
	KUNIT_CASE(put_not_last_that_is_the_last_is_left_to_a_worker),
	{}
};

#ifdef CONFIG_KOBJTREE_DEBUG
#define insight_init		test_init_console

static int insight_suite_init(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return 0;
	return register_trace_console(said_add, NULL);
}

static void insight_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return;
	unregister_trace_console(said_add, NULL);
	tracepoint_synchronize_unregister();
}
#else
#define insight_suite_init	NULL
#define insight_init		test_init
#define insight_suite_exit	NULL
#endif

static struct kunit_suite insight_suite = {
	.name = "kobjtree_insight",
	.suite_init = insight_suite_init,
	.suite_exit = insight_suite_exit,
	.init = insight_init,
	.exit = test_exit,
	.test_cases = insight_cases,
};

kunit_test_suite(insight_suite);

MODULE_DESCRIPTION("KUnit tests of what a debug kernel says of kobjtree");
MODULE_LICENSE("GPL");
