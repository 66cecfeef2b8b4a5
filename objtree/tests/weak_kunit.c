// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weak references: they find an object while it lives, keep nothing alive, and
 * name nothing from before the object's release on.
 */
#include <kunit/test.h>
#include <linux/kobjtree.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "contexts.h"
#include "helpers.h"

#define MANY	1000

/* What a callback saw through a weak reference. */
struct look {
	struct kobjtree_weak *weak;
	struct kobjtree *got;
	bool named;
	int looks;
};

static void look_now(struct look *look)
{
	look->named = READ_ONCE(look->weak->hidden);
	look->got = kobjtree_weak_get(look->weak);
	look->looks++;
}

static void look_in_release(struct test_node *node)
{
	look_now(node->arg);
}

static void look_in_action(struct test_mark *mark)
{
	look_now(mark->arg);
}

static void look_in_context(void *data)
{
	look_now(data);
}

/* A callback that must have seen nothing, exactly @n times. */
static void expect_nothing_seen(struct kunit *test, const struct look *look,
				int n)
{
	KUNIT_EXPECT_EQ(test, look->looks, n);
	KUNIT_EXPECT_NULL(test, look->got);
	KUNIT_EXPECT_FALSE(test, look->named);
}

/* === What it names === */

static void weak_zeroed_names_nothing(struct kunit *test)
{
	struct kobjtree_weak weak = {};

	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	kobjtree_weak_clear(&weak);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
}

static void weak_get_gives_a_counted_reference(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &node->tree);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&weak), &node->tree);
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);

	node_put(node);
	expect_log(test, test->priv, "");
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void weak_keeps_nothing_alive(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &node->tree);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
}

static void weak_set_replaces(struct kunit *test)
{
	struct test_node *first = node_new(test, 1);
	struct test_node *second = node_new(test, 2);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &first->tree);
	kobjtree_weak_set(&weak, &second->tree);

	/* the end of the first does not reach the weak reference any more */
	node_put(first);
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&weak), &second->tree);
	node_put(second);

	node_put(second);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void weak_set_to_the_same_changes_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &node->tree);
	kobjtree_weak_set(&weak, &node->tree);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1");
}

static void weak_clear_names_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &node->tree);
	kobjtree_weak_clear(&weak);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	kobjtree_weak_clear(&weak);
	KUNIT_EXPECT_EQ(test, node_refs(node), 1);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void weak_memory_may_go_once_cleared(struct kunit *test)
{
	struct kobjtree_weak *weak = kzalloc(sizeof(*weak), GFP_KERNEL);
	struct test_node *node = node_new(test, 1);

	KUNIT_ASSERT_NOT_NULL(test, weak);
	kobjtree_weak_set(weak, &node->tree);
	kobjtree_weak_clear(weak);
	kfree(weak);

	/* would write to it */
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

static void weak_may_be_set_anew_after_death(struct kunit *test)
{
	struct test_node *first = node_new(test, 1);
	struct test_node *second = node_new(test, 2);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &first->tree);
	node_put(first);
	kobjtree_weak_set(&weak, &second->tree);
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&weak), &second->tree);
	node_put(second);
	node_put(second);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

/* === When it stops to === */

/* qpointerResetBeforeDestroyedSignal */
static void weak_is_empty_before_the_release_runs(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};
	struct look look = { .weak = &weak };

	node->in_release = look_in_release;
	node->arg = &look;
	kobjtree_weak_set(&weak, &node->tree);
	node_put(node);
	expect_nothing_seen(test, &look, 1);
	expect_log(test, test->priv, "r1 f1");
}

static void weak_is_empty_in_the_actions(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct test_mark *mark = node_action(test, node, 7);
	struct kobjtree_weak weak = {};
	struct look look = { .weak = &weak };

	mark->then = look_in_action;
	mark->arg = &look;
	kobjtree_weak_set(&weak, &node->tree);
	node_put(node);
	expect_nothing_seen(test, &look, 1);
	expect_log(test, test->priv, "r1 a7 f1");
}

/* 1 -> 2, and 2 looks back at 1 when it goes with it */
static void weak_is_empty_in_the_release_of_what_was_held(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_child(test, holder, 0, 2);
	struct kobjtree_weak weak = {};
	struct look look = { .weak = &weak };

	held->in_release = look_in_release;
	held->arg = &look;
	kobjtree_weak_set(&weak, &holder->tree);
	node_put(holder);
	expect_nothing_seen(test, &look, 1);
	expect_log(test, test->priv, "r1 r2 f2 f1");
}

/* 1 -> 2: 2 still lives while 1 is released, and may be found */
static void weak_finds_what_a_dying_holder_holds(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_child(test, holder, 0, 2);
	struct kobjtree_weak weak = {};
	struct look look = { .weak = &weak };

	holder->in_release = look_in_release;
	holder->arg = &look;
	kobjtree_weak_set(&weak, &held->tree);
	node_put(holder);
	KUNIT_EXPECT_EQ(test, look.looks, 1);
	KUNIT_ASSERT_PTR_EQ(test, look.got, &held->tree);

	/* what it found keeps it */
	expect_log(test, test->priv, "r1 f1");
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&weak), &held->tree);
	node_put(held);
	node_put(held);
	expect_log(test, test->priv, "r2 f2");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
}

static void set_in_release(struct test_node *node)
{
	kobjtree_weak_set(node->arg, &node->tree);
}

static void weak_set_to_a_dead_object_names_nothing(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	node->in_release = set_in_release;
	node->arg = &weak;
	node_put(node);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1");
}

static void weak_set_to_a_dead_object_forgets_the_last_one(struct kunit *test)
{
	struct test_node *other = node_new(test, 1);
	struct test_node *node = node_new(test, 2);
	struct kobjtree_weak weak = {};

	kobjtree_weak_set(&weak, &other->tree);
	node->in_release = set_in_release;
	node->arg = &weak;
	node_put(node);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	node_put(other);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

static void weak_get_is_null_as_soon_as_the_last_put_is_deferred(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};
	struct kobjtree *got;

	kobjtree_weak_set(&weak, &node->tree);

	/* so that the look comes before the worker, if anything can */
	no_sleep_begin();
	kobjtree_put_async(&node->tree);
	got = kobjtree_weak_get(&weak);
	no_sleep_end();

	KUNIT_EXPECT_NULL(test, got);
	kobjtree_owner_barrier();
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1");
}

/* === How many === */

static void weak_references_to_one_object_end_together(struct kunit *test)
{
	struct kobjtree_weak *weak = kunit_kcalloc(test, MANY, sizeof(*weak),
						   GFP_KERNEL);
	struct test_node *node = node_new(test, 1);
	int i, found = 0, left = 0;

	KUNIT_ASSERT_NOT_NULL(test, weak);
	for (i = 0; i < MANY; i++)
		kobjtree_weak_set(&weak[i], &node->tree);
	for (i = 0; i < MANY; i++)
		found += kobjtree_weak_get(&weak[i]) == &node->tree;
	KUNIT_EXPECT_EQ(test, found, MANY);
	KUNIT_EXPECT_EQ(test, node_refs(node), MANY + 1);

	for (i = 0; i <= MANY; i++)
		node_put(node);
	for (i = 0; i < MANY; i++)
		left += !!kobjtree_weak_get(&weak[i]);
	KUNIT_EXPECT_EQ(test, left, 0);
	expect_log(test, test->priv, "r1 f1");
}

static int count_named(struct kobjtree_weak *weak, struct test_node **node)
{
	struct kobjtree *obj;
	int i, named = 0;

	for (i = 0; i < MANY; i++) {
		obj = kobjtree_weak_get(&weak[i]);
		if (!obj)
			continue;
		named += obj == &node[i]->tree;
		kobjtree_put(obj);
	}
	return named;
}

/* More objects than there are locks: each object takes its own alone. */
static void weak_reference_ends_with_its_own_object_only(struct kunit *test)
{
	struct kobjtree_weak *weak = kunit_kcalloc(test, MANY, sizeof(*weak),
						   GFP_KERNEL);
	struct test_node **node = kunit_kcalloc(test, MANY, sizeof(*node),
						GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, weak);
	KUNIT_ASSERT_NOT_NULL(test, node);
	for (i = 0; i < MANY; i++) {
		node[i] = node_alloc(NULL, i);
		KUNIT_ASSERT_NOT_NULL(test, node[i]);
		kobjtree_weak_set(&weak[i], &node[i]->tree);
	}
	KUNIT_EXPECT_EQ(test, count_named(weak, node), MANY);
	for (i = 0; i < MANY; i += 2)
		node_put(node[i]);
	KUNIT_EXPECT_EQ(test, count_named(weak, node), MANY / 2);
	for (i = 1; i < MANY; i += 2)
		node_put(node[i]);
	KUNIT_EXPECT_EQ(test, count_named(weak, node), 0);
}

/* === Where === */

static void weak_get_works_in_any_context(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};
	struct look look = { .weak = &weak };

	kobjtree_weak_set(&weak, &node->tree);
	run_in(test, the_context(test), look_in_context, &look);
	KUNIT_EXPECT_PTR_EQ(test, look.got, &node->tree);
	KUNIT_EXPECT_EQ(test, node_refs(node), 2);

	node_put(node);
	node_put(node);
	run_in(test, the_context(test), look_in_context, &look);
	expect_nothing_seen(test, &look, 2);
	expect_log(test, test->priv, "r1 f1");
}

static void set_in_context(void *data)
{
	struct test_node *node = data;

	kobjtree_weak_set(node->arg, &node->tree);
}

static void clear_in_context(void *data)
{
	kobjtree_weak_clear(data);
}

static void weak_set_and_clear_work_in_any_context(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {};

	node->arg = &weak;
	run_in(test, the_context(test), set_in_context, node);
	KUNIT_EXPECT_PTR_EQ(test, kobjtree_weak_get(&weak), &node->tree);
	run_in(test, the_context(test), clear_in_context, &weak);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));

	node_put(node);
	node_put(node);
	expect_log(test, test->priv, "r1 f1");
}

/* === What it is for === */

/* 1 -> 2, and 2 names 1: a cycle of edges would be refused */
static void weak_back_pointer_is_no_cycle(struct kunit *test)
{
	struct test_node *holder = node_new(test, 1);
	struct test_node *held = node_child(test, holder, 0, 2);
	struct kobjtree_weak back = {};

	kobjtree_weak_set(&back, &holder->tree);
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&back), &holder->tree);
	node_put(holder);

	/* 2 outlives 1 and finds nothing */
	kobjtree_get(&held->tree);
	node_put(holder);
	expect_log(test, test->priv, "r1 f1");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&back));
	node_put(held);
	expect_log(test, test->priv, "r2 f2");
}

static void clear_peer(struct test_node *node)
{
	kobjtree_weak_clear(node->arg);
}

/* A weak reference in an object's own memory: its release clears it. */
static void weak_inside_an_object_is_cleared_by_its_release(struct kunit *test)
{
	struct test_node *peer = node_new(test, 1);
	struct test_node *node = node_new(test, 2);
	struct kobjtree_weak *weak;

	weak = kobjtree_kzalloc(&node->tree, sizeof(*weak), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, weak);
	kobjtree_weak_set(weak, &peer->tree);
	node->in_release = clear_peer;
	node->arg = weak;
	node_put(node);

	/* would write to the memory that went with 2 */
	node_put(peer);
	expect_log(test, test->priv, "r2 f2 r1 f1");
}

struct table {
	spinlock_t lock;	/* guards the other members */
	struct list_head entries;
	int size;
};

struct table_entry {
	struct list_head node;
	struct kobjtree_weak weak;
	struct table *table;
	int key;
};

static struct kobjtree *table_find(struct table *table, int key)
{
	struct table_entry *entry;

	guard(spinlock)(&table->lock);
	list_for_each_entry(entry, &table->entries, node)
		if (entry->key == key)
			return kobjtree_weak_get(&entry->weak);
	return NULL;
}

static void table_del(struct test_node *node)
{
	struct table_entry *entry = node->arg;

	guard(spinlock)(&entry->table->lock);
	list_del(&entry->node);
	entry->table->size--;
}

static void table_add(struct kunit *test, struct table *table,
		      struct test_node *node, int key)
{
	struct table_entry *entry;

	entry = kobjtree_kzalloc(&node->tree, sizeof(*entry), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, entry);
	entry->table = table;
	entry->key = key;
	kobjtree_weak_set(&entry->weak, &node->tree);
	node->arg = entry;
	node->in_release = table_del;

	guard(spinlock)(&table->lock);
	list_add(&entry->node, &table->entries);
	table->size++;
}

/* Entries live in their objects, whose release takes them out of the table. */
static void weak_table_finds_the_living_only(struct kunit *test)
{
	struct test_node *one = node_new(test, 1);
	struct test_node *two = node_new(test, 2);
	struct table table = { .entries = LIST_HEAD_INIT(table.entries) };

	spin_lock_init(&table.lock);
	table_add(test, &table, one, 10);
	table_add(test, &table, two, 20);

	KUNIT_ASSERT_PTR_EQ(test, table_find(&table, 20), &two->tree);
	node_put(two);
	node_put(one);
	KUNIT_EXPECT_NULL(test, table_find(&table, 10));
	KUNIT_EXPECT_EQ(test, table.size, 1);
	KUNIT_ASSERT_PTR_EQ(test, table_find(&table, 20), &two->tree);

	node_put(two);
	node_put(two);
	KUNIT_EXPECT_NULL(test, table_find(&table, 20));
	KUNIT_EXPECT_EQ(test, table.size, 0);
	expect_log(test, test->priv, "r1 f1 r2 f2");
}

static void find_self(struct test_node *node)
{
	struct table_entry *entry = node->arg;
	struct kobjtree *obj = table_find(entry->table, entry->key);

	log_event(node->log, obj ? 'y' : 'n', entry->key);
	if (obj)
		kobjtree_put(obj);
	table_del(node);
}

/* Dead, but still in the table: who looks it up gets nothing. */
static void weak_table_hides_what_is_being_released(struct kunit *test)
{
	struct table table = { .entries = LIST_HEAD_INIT(table.entries) };
	struct test_node *node = node_new(test, 1);

	spin_lock_init(&table.lock);
	table_add(test, &table, node, 10);
	node->in_release = find_self;
	node_put(node);
	expect_log(test, test->priv, "r1 n10 f1");
}

/* A member dies before its container, and its weak references with it. */
static void weak_to_a_member_ends_with_the_member(struct kunit *test)
{
	struct test_node *node = node_new(test, 1);
	struct kobjtree_weak weak = {}, weak_member = {};
	struct kobjtree *member;

	member = kobjtree_kzalloc(&node->tree, sizeof(*member), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, member);
	kobjtree_init_member(member, NULL, &node->tree);
	kobjtree_weak_set(&weak, &node->tree);
	kobjtree_weak_set(&weak_member, member);

	kobjtree_put(member);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak_member));
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_get(&weak), &node->tree);
	node_put(node);
	node_put(node);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&weak));
	expect_log(test, test->priv, "r1 f1");
}

static struct kunit_case weak_cases[] = {
	KUNIT_CASE(weak_zeroed_names_nothing),
	KUNIT_CASE(weak_get_gives_a_counted_reference),
	KUNIT_CASE(weak_keeps_nothing_alive),
	KUNIT_CASE(weak_set_replaces),
	KUNIT_CASE(weak_set_to_the_same_changes_nothing),
	KUNIT_CASE(weak_clear_names_nothing),
	KUNIT_CASE(weak_memory_may_go_once_cleared),
	KUNIT_CASE(weak_may_be_set_anew_after_death),
	KUNIT_CASE(weak_is_empty_before_the_release_runs),
	KUNIT_CASE(weak_is_empty_in_the_actions),
	KUNIT_CASE(weak_is_empty_in_the_release_of_what_was_held),
	KUNIT_CASE(weak_finds_what_a_dying_holder_holds),
	KUNIT_CASE(weak_set_to_a_dead_object_names_nothing),
	KUNIT_CASE(weak_set_to_a_dead_object_forgets_the_last_one),
	KUNIT_CASE(weak_get_is_null_as_soon_as_the_last_put_is_deferred),
	KUNIT_CASE(weak_references_to_one_object_end_together),
	KUNIT_CASE(weak_reference_ends_with_its_own_object_only),
	KUNIT_CASE_PARAM(weak_get_works_in_any_context, context_gen_params),
	KUNIT_CASE_PARAM(weak_set_and_clear_work_in_any_context,
			 context_gen_params),
	KUNIT_CASE(weak_back_pointer_is_no_cycle),
	KUNIT_CASE(weak_inside_an_object_is_cleared_by_its_release),
	KUNIT_CASE(weak_table_finds_the_living_only),
	KUNIT_CASE(weak_table_hides_what_is_being_released),
	KUNIT_CASE(weak_to_a_member_ends_with_the_member),
	{}
};

static struct kunit_suite weak_suite = {
	.name = "kobjtree_weak",
	.init = test_init,
	.exit = test_exit,
	.test_cases = weak_cases,
};

kunit_test_suite(weak_suite);

MODULE_DESCRIPTION("KUnit tests of the weak references of kobjtree");
MODULE_LICENSE("GPL");
