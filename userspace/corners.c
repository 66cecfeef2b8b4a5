// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no sequence of right operations reaches: misuse, no memory, much of
 * something, module unload, and the gate with one caller.
 */
#include <linux/kobjtree.h>
#include <linux/kobjtree_gate.h>
#include <linux/kobjtree_holder.h>

#include <pthread.h>

#include "check.h"
#include "internal.h"

#define MANY		70	/* more than two batches of a walk */
#define DEEP		100000

static char log_[160], last_log[160];

static void note(char c)
{
	size_t n = strlen(log_);

	if (n + 1 < sizeof(log_))
		log_[n] = c;
}

static void expect_log(const char *order)
{
	if (strcmp(log_, order))
		fail(*order ? order : "nothing was to happen");
	memcpy(last_log, log_, sizeof(log_));
	memset(log_, 0, sizeof(log_));
}

/* === Objects === */

struct object {
	long pad;
	struct kobjtree tree;
	struct kobjtree_edge edge[2];
	void (*on_release)(struct object *o);
	struct object *other;
	char name;
};

static void object_release(struct kobjtree *obj)
{
	struct object *o = container_of(obj, struct object, tree);

	note(o->name);
	if (o->on_release)
		o->on_release(o);
}

DEFINE_KOBJTREE_TYPE(object_type, struct object, tree, .release = object_release);

static struct object *object(char name)
{
	struct object *o = kobjtree_alloc(struct object, tree, &object_type,
					  GFP_KERNEL);

	o->name = name;
	return o;
}

static long count(void)
{
	return atomic_long_read(&__kobjtree_owner.count);
}

static void run(void)
{
	while (shim_run())
		;
}

static void without_type(void)
{
	static const struct kobjtree_type ownerless = { .name = "ownerless" };
	struct object o;

	memset(&o, 0xff, sizeof(o));
	kobjtree_init(&o.tree, NULL);
	expect_warnings(1, "untyped: init without a type");
	CHECK(kref_read(&o.tree.ref) == 1 && count() == 1);
	kobjtree_put(&o.tree);
	kobjtree_init(&o.tree, &ownerless);
	expect_warnings(1, "init without a type");
	kobjtree_put(&o.tree);
	CHECK(!count());
}

static void of_a_cache(void)
{
	static struct kmem_cache cache = { sizeof(struct object) }, *cachep = &cache;
	static const struct kobjtree_type cached = {
		.name = "cached",
		.owner = &__kobjtree_owner,
		.offset = offsetof(struct object, tree),
		.cache = &cachep,
	};
	struct object *o = kobjtree_alloc(struct object, tree, &cached, GFP_KERNEL);

	CHECK(cache.used == 1);
	kobjtree_put(&o->tree);
	CHECK(!cache.used);
}

static void free_counted(struct kobjtree *obj)
{
	CHECK(count() == 2);	/* the text of this is needed until it returns */
	kfree(container_of(obj, struct object, tree));
}

/* Its memory goes after a grace period, that of other objects at once. */
static void of_rcu(void)
{
	static const struct kobjtree_type rcu_type = {
		.name = "rcu_type",
		.owner = &__kobjtree_owner,
		.offset = offsetof(struct object, tree),
		.release = object_release,
		.free = free_counted,
		.rcu = true,
	};
	struct object *a = kobjtree_alloc(struct object, tree, &rcu_type, GFP_KERNEL);
	struct object *b = object('b');

	a->name = 'a';
	kobjtree_hold_edge_give(&a->tree, &a->edge[0], &b->tree);
	shim_rcu_calls = 0;
	kobjtree_put(&a->tree);
	CHECK(shim_rcu_calls == 1 && !count());
	expect_log("ab");
}

static void put_of_the_last(void)
{
	struct object *a = object('a');

	kobjtree_put_not_last(&a->tree);
	expect_warnings(1, "object_type: last put by kobjtree_put_not_last()");
	expect_log("");
	run();
	expect_log("a");
}

static void put_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);
	struct object *a = object('a'), *b = object('b');

	current->atomic = true;
	kobjtree_put(&a->tree);
	current->atomic = false;
	expect_warnings(2, "object_type: last put where sleeping is illegal");
	scoped_guard(spinlock, &lock)
		kobjtree_put(&b->tree);
	expect_warnings(2, "object_type: last put where sleeping is illegal");
	expect_log("");
	run();
	expect_log("ab");
}

/* The worker is done before who hands over goes on. */
static void handed_over(void)
{
	struct object *a = object('a'), *b = object('b'), *c = object('c');

	shim_work_now = true;
	kobjtree_put_async(&a->tree);
	expect_log("a");
	kobjtree_put_not_last(&b->tree);
	expect_warnings(1, "object_type: last put by kobjtree_put_not_last()");
	expect_log("b");
	current->atomic = true;
	kobjtree_put(&c->tree);
	current->atomic = false;
	expect_warnings(2, "object_type: last put where sleeping is illegal");
	expect_log("c");
	shim_work_now = false;
}

static void resurrect(struct object *o)
{
	kobjtree_get(&o->tree);
}

static void get_of_dead(void)
{
	struct object *a = object('a');
	long allocated = shim_allocated;

	a->on_release = resurrect;
	kobjtree_put(&a->tree);
	expect_warnings(2, "object_type: get or put of a dead object");
	expect_log("a");
	CHECK(shim_allocated == allocated && !count());
	kfree(a);
}

static void hold_dead(struct object *o)
{
	struct object *other = o->other;

	kobjtree_hold_edge(&other->tree, &other->edge[0], &o->tree);
	expect_warnings(1, "object_type: edge from or to a dead object");
	CHECK(kobjtree_link(&other->tree, &other->edge[0], &o->tree) == -ENODEV);
	expect_warnings(1, "object_type: edge from or to a dead object");
	CHECK(kobjtree_link(&o->tree, &o->edge[0], &other->tree) == -ENODEV);
	expect_warnings(1, "object_type: edge from or to a dead object");
	CHECK(kref_read(&other->tree.ref) == 1 && !other->edge[0].held);
}

static void edges_of_dead(void)
{
	struct object *a = object('a'), *b = object('b');

	a->on_release = hold_dead;
	a->other = b;
	kobjtree_put(&a->tree);
	kobjtree_put(&b->tree);
	expect_log("ab");
}

static void unlink_other(struct object *o)
{
	CHECK(!kobjtree_unlink(&o->other->tree, &o->other->edge[0]));
	expect_warnings(1, "object_type: unlink without a reference");
	CHECK(!kobjtree_drop(&o->other->tree, &o->tree));
	expect_warnings(0, "");
	CHECK(!kobjtree_drop(&o->other->tree, &o->other->other->tree));
	expect_warnings(1, "object_type: unlink without a reference");
}

/* While the edges of a are dropped, the last of them stays that of the core. */
static void unlink_in_teardown(void)
{
	struct object *a = object('a'), *b = object('b'), *c = object('c');

	b->on_release = unlink_other;
	b->other = a;
	a->other = c;
	kobjtree_hold_edge_give(&a->tree, &a->edge[0], &c->tree);
	kobjtree_hold_edge_give(&a->tree, &a->edge[1], &b->tree);
	kobjtree_put(&a->tree);
	expect_log("abc");
}

static void called(void *data)
{
	note('!');
}

/* === What an object has of its own === */

/* Memory that looks like an action, and is none */
static void memory_is_no_action(void)
{
	struct object *a = object('a');
	unsigned long *p = kobjtree_kzalloc(&a->tree, 2 * sizeof(*p), GFP_KERNEL);

	p[0] = (unsigned long)called;
	CHECK(!kobjtree_remove_action(&a->tree, called, NULL));
	CHECK(!kobjtree_release_action(&a->tree, called, NULL));
	expect_log("");
	CHECK(!kobjtree_add_action(&a->tree, called, p));
	CHECK(!kobjtree_remove_action(&a->tree, called, NULL));
	CHECK(kobjtree_release_action(&a->tree, called, p));
	expect_log("!");
	kobjtree_put(&a->tree);
	expect_log("a");
}

static void *memory[3];

/* The newest action takes back one of each kind, from among the others. */
static void take_back(void *data)
{
	struct object *o = data;

	CHECK(kobjtree_unlink(&o->tree, &o->edge[0]));
	CHECK(kobjtree_remove_action(&o->tree, called, &memory[1]));
	kobjtree_kfree(&o->tree, memory[1]);
}

static void taken_back_late(void)
{
	struct object *a = object('a'), *b = object('b'), *c = object('c');
	struct kobjtree *obj = &a->tree;
	int i;

	for (i = 0; i < 3; i++) {
		memory[i] = kobjtree_kzalloc(obj, 8, GFP_KERNEL);
		CHECK(!kobjtree_add_action(obj, called, &memory[i]));
		if (i < 2)
			kobjtree_hold_edge_give(obj, &a->edge[i], i ? &c->tree : &b->tree);
	}
	CHECK(!kobjtree_add_action(obj, take_back, a));
	kobjtree_put(obj);
	expect_log("ab!!c");
}

static void asks(struct object *o)
{
	CHECK(kobjtree_in_cascade());
}

static void knows_its_cascade(void)
{
	struct object *a = object('a');

	a->on_release = asks;
	CHECK(!kobjtree_in_cascade());
	kobjtree_put(&a->tree);
	CHECK(!kobjtree_in_cascade());
	expect_log("a");
}

static void no_memory(void)
{
	struct object *a = object('a'), *b = object('b');
	struct kobjtree_gate gate;
	long allocated;

	kobjtree_gate_init(&gate, &a->tree);
	kobjtree_hold_edge(&a->tree, &a->edge[0], &b->tree);
	allocated = shim_allocated;
	shim_fail_in = 1;
	CHECK(!kobjtree_alloc(struct object, tree, &object_type, GFP_KERNEL));
	shim_fail_in = 1;
	CHECK(!kobjtree_alloc(struct object, tree, NULL, GFP_KERNEL));
	shim_fail_in = 1;
	CHECK(kobjtree_link(&a->tree, NULL, &b->tree) == -ENOMEM);
	shim_fail_in = 1;
	CHECK(kobjtree_link_give(&a->tree, NULL, &b->tree) == -ENOMEM);
	shim_fail_in = 1;
	CHECK(kobjtree_move(&a->tree, &a->edge[0], &a->tree, NULL) == -ENOMEM);
	shim_fail_in = 1;
	CHECK(!kobjtree_kzalloc(&a->tree, 8, GFP_KERNEL));
	shim_fail_in = 1;
	CHECK(!kobjtree_kstrdup(&a->tree, "b", GFP_KERNEL));
	shim_fail_in = 1;
	CHECK(kobjtree_add_action(&a->tree, called, NULL) == -ENOMEM);
	expect_log("");
	shim_fail_in = 1;
	CHECK(kobjtree_add_action_or_reset(&a->tree, called, NULL) == -ENOMEM);
	expect_log("!");
	shim_fail_in = 1;
	CHECK(kobjtree_gate_set_percpu(&gate) == -ENOMEM && !gate.percpu);
	CHECK(shim_allocated == allocated && count() == 3);
	CHECK(kref_read(&a->tree.ref) == 1 && kref_read(&b->tree.ref) == 2);
	kobjtree_kfree(&a->tree, NULL);
	kobjtree_put(&b->tree);
	kobjtree_put(&a->tree);
	expect_log("ab");
}

/* === Much === */

/*
 * a holds MANY, by the list or (the first) by the slot; one of them, or each, holds
 * the bottom. A link from the bottom to a closes a cycle, from h it does not.
 */
static void wide_round(int at)
{
	struct object *a = object('a'), *bottom = object('b');
	struct object *h = object('h'), *g = object('g'), *o;
	int i;

	kobjtree_hold(&g->tree, &h->tree);
	for (i = 0; i < MANY; i++) {
		o = object('o');
		if (i == at || at == MANY)
			kobjtree_hold(&o->tree, &bottom->tree);
		if (!i)
			kobjtree_hold_give(&a->tree, &o->tree);
		else if (kobjtree_link_give(&a->tree, NULL, &o->tree))
			fail("link");
		if (i % 3 == 2 && !kobjtree_kzalloc(&a->tree, 1, GFP_KERNEL))
			fail("memory");
	}
	CHECK(kobjtree_link(&bottom->tree, NULL, &a->tree) == -ELOOP);
	expect_warnings(1, "closes a cycle");
	CHECK(!kobjtree_link(&h->tree, NULL, &a->tree));
	CHECK(!a->tree.visited && kref_read(&a->tree.ref) == 2);
	CHECK(!bottom->tree.visited);
	kobjtree_put(&g->tree);
	kobjtree_put(&h->tree);
	kobjtree_put(&bottom->tree);
	kobjtree_put(&a->tree);
	memset(log_, 0, sizeof(log_));
}

static void wide(void)
{
	int at;

	for (at = 0; at <= MANY; at++)
		wide_round(at);
	CHECK(!count());
}

static void *deep_thread(void *data)
{
	struct object *top = data, *below;
	struct kobjtree *bottom = &top->tree;
	int i;

	for (i = 0; i < DEEP; i++) {
		below = top;
		top = object('o');
		kobjtree_hold_edge_give(&top->tree, &top->edge[0], &below->tree);
	}
	if (kobjtree_link(bottom, NULL, &top->tree) != -ELOOP)
		fail("a long way round");
	kobjtree_put(&top->tree);
	return NULL;
}

/*
 * The walk lets interrupts in after 32 edges, and others once more for each object
 * that holds something: from a, that is a alone.
 */
static unsigned long walk_over(int n)
{
	struct object *a = object('a'), *g = object('g'), *h = object('h'), *o;
	unsigned long before;

	kobjtree_hold_edge(&g->tree, &g->edge[0], &h->tree);
	while (n--) {
		o = object('o');
		if (kobjtree_link_give(&a->tree, NULL, &o->tree))
			fail("link");
	}
	before = current->rescheds;
	CHECK(!kobjtree_link(&h->tree, &h->edge[0], &a->tree));
	before = current->rescheds - before;
	kobjtree_put(&a->tree);
	kobjtree_put(&h->tree);
	kobjtree_put(&g->tree);
	memset(log_, 0, sizeof(log_));
	return before;
}

static void walks_in_batches(void)
{
	CHECK(walk_over(0) == 0);
	CHECK(walk_over(32) == 2);
	CHECK(walk_over(64) == 3);
	CHECK(walk_over(66) == 4);
}

static void (*meanwhile)(void);

void shim_resched(void)
{
	void (*fn)(void) = meanwhile;

	meanwhile = NULL;
	if (fn)
		fn();
}

static struct {
	struct object *a, *first;
	void *memory;
} walked;

/* Of what hangs there, some goes: far from the walk's place, and on both sides of it. */
static void take_off(void)
{
	struct kobjtree *a = &walked.a->tree;

	CHECK(!kobjtree_drop(a, a));
	CHECK(!kobjtree_remove_action(a, called, NULL));
	CHECK(kobjtree_unlink(a, &walked.a->edge[1]));
	CHECK(kobjtree_drop(a, &walked.first->tree));
	kobjtree_kfree(a, walked.memory);
	expect_log("o");
}

static void link_that_walks(struct object *o)
{
	CHECK(kobjtree_link(&o->other->tree, NULL, &walked.a->tree) == -ELOOP);
}

/*
 * h -> a asks for the walk: a -> x, 31 others, (memory), b -> h. The walk has the
 * last reference to x, whose release asks for one, too.
 */
static void walk_disturbed(void)
{
	struct object *a = object('a'), *b = object('b'), *h = object('h');
	struct object *x = object('x'), *y = object('y'), *o;
	int i;

	walked.a = a;
	kobjtree_hold_edge(&b->tree, &b->edge[0], &h->tree);
	kobjtree_hold_edge_give(&x->tree, &x->edge[0], &y->tree);
	x->on_release = link_that_walks;
	x->other = h;
	kobjtree_hold_edge_give(&a->tree, &a->edge[0], &b->tree);
	walked.memory = kobjtree_kzalloc(&a->tree, 8, GFP_KERNEL);
	for (i = 0; i < 31; i++) {
		o = object('o');
		if (!i)
			walked.first = o;
		if (kobjtree_link_give(&a->tree, NULL, &o->tree))
			fail("link");
	}
	kobjtree_hold_edge_give(&a->tree, &a->edge[1], &x->tree);
	meanwhile = take_off;
	CHECK(kobjtree_link(&h->tree, &h->edge[0], &a->tree) == -ELOOP);
	expect_warnings(1, "closes a cycle");
	CHECK(!meanwhile);
	expect_log("");
	run();
	expect_warnings(1, "closes a cycle");
	expect_log("xy");
	kobjtree_put(&h->tree);
	kobjtree_put(&a->tree);
	memset(log_, 0, sizeof(log_));
}

/* On a stack that a recursion of that depth would not fit into. */
static void deep(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	if (pthread_create(&thread, &attr, deep_thread, object('b')))
		fail("no thread");
	else
		pthread_join(thread, NULL);
	expect_warnings(1, "closes a cycle");
	CHECK(log_[0] == 'o' && !count());
	memset(log_, 0, sizeof(log_));
}

/* Others are let in on the way, once for each step at least. */
static void long_is_interruptible(void)
{
	struct object *a = object('a'), *top = object('t'), *o;
	unsigned long before;
	int i;

	for (i = 0; i < MANY; i++)
		if (!kobjtree_kzalloc(&a->tree, 1, GFP_KERNEL))
			fail("memory");
	before = current->rescheds;
	kobjtree_put(&a->tree);
	CHECK(current->rescheds - before >= 2 * MANY);	/* sorted, and freed */
	a = top;
	for (i = 0; i < MANY; i++, top = o) {
		o = object('o');
		kobjtree_hold_give(&o->tree, &top->tree);
	}
	before = current->rescheds;
	CHECK(kobjtree_link(&a->tree, NULL, &top->tree) == -ELOOP);
	expect_warnings(1, "closes a cycle");
	CHECK(current->rescheds - before >= 2 * MANY);	/* looked at, and let go */
	before = current->rescheds;
	kobjtree_put(&top->tree);
	CHECK(current->rescheds - before >= 3 * MANY);	/* released, dropped, freed */
	memset(log_, 0, sizeof(log_));
}

static const void *fetched[MANY + 2];
static size_t nr_fetched, still_held;

void shim_fetched(const void *p)
{
	if (p && nr_fetched < ARRAY_SIZE(fetched))
		fetched[nr_fetched++] = p;
}

/* Each once, in the order in which they go, and not too early for a cache. */
static void was_fetched(struct object *o)
{
	size_t gone = MANY - still_held--, i, n = 0;

	for (i = 0; i < nr_fetched; i++)
		n += fetched[i] == &o->tree;
	CHECK(n == 1);
	CHECK(nr_fetched == (gone + 8 < MANY - 1 ? gone + 8 : MANY - 1) + 1);
	/* whose owner is told of them together, after the last */
	CHECK(count() == MANY + 1);
}

static void fetched_ahead(void)
{
	struct object *a = object('a'), *o;
	int i;

	for (i = 0; i < MANY; i++) {
		o = object('o');
		o->on_release = was_fetched;
		if (!i)
			kobjtree_hold_give(&a->tree, &o->tree);
		else if (kobjtree_link_give(&a->tree, NULL, &o->tree))
			fail("link");
	}
	still_held = MANY;
	nr_fetched = 0;
	kobjtree_put(&a->tree);
	CHECK(nr_fetched == MANY && !still_held);
	memset(log_, 0, sizeof(log_));
	/* alone, it is needed at once */
	a = object('a');
	kobjtree_hold_give(&a->tree, &object('b')->tree);
	nr_fetched = 0;
	kobjtree_put(&a->tree);
	CHECK(!nr_fetched);
	expect_log("ab");
}

static void reuse(struct kobjtree *obj);

static const struct kobjtree_type reused_type = {
	.name = "reused_type",
	.owner = &__kobjtree_owner,
	.release = object_release,
	.free = reuse,
};

static struct object reused;

static void put_reused(char name, struct object *held, struct object *next)
{
	reused = (struct object){ .name = name, .other = next };
	kobjtree_init(&reused.tree, &reused_type);
	kobjtree_hold_edge_give(&reused.tree, &reused.edge[0], &held->tree);
	kobjtree_put(&reused.tree);
}

static void reuse(struct kobjtree *obj)
{
	if (reused.other)
		put_reused('b', reused.other, NULL);
}

/* Two objects of one cascade, the second where the first was. */
static void fetched_again(void)
{
	struct object *c = object('c'), *d = object('d');

	nr_fetched = 0;
	put_reused('a', c, d);
	CHECK(nr_fetched == 2 && fetched[0] == &c->tree && fetched[1] == &d->tree);
	expect_log("acbd");
}

/* Two objects, the weak references to which hang in one bucket */
static void one_bucket(void)
{
	struct object *a = object('a'), *b = NULL, *unfit[2000];
	struct kobjtree_weak to_a = {}, to_b = {};
	int i, n = 0;

	while (n < 2000) {
		b = object('b');
		if (kobjtree_bucket(&b->tree) == kobjtree_bucket(&a->tree))
			break;
		unfit[n++] = b;
		b = NULL;
	}
	CHECK(b);
	kobjtree_weak_set(&to_a, &a->tree);
	kobjtree_weak_set(&to_b, &b->tree);
	kobjtree_put(&a->tree);
	CHECK(!to_a.hidden && kobjtree_weak_get(&to_b) == &b->tree);
	kobjtree_put(&b->tree);
	kobjtree_put(&b->tree);
	CHECK(!to_b.hidden && hlist_empty(&kobjtree_bucket(&b->tree)->weak));
	for (i = 0; i < n; i++)
		kobjtree_put(&unfit[i]->tree);
	memset(log_, 0, sizeof(log_));
}

/* What is to be called in process context says so, also where it would not sleep. */
static void may_sleep(void)
{
	struct object *a = object('a'), *b = object('b'), *c = object('c');
	struct object *g = object('g');
	struct kobjtree_gate gate;

	kobjtree_gate_init(&gate, &a->tree);
	kobjtree_unplug(&gate);
	kobjtree_hold_edge(&g->tree, &g->edge[0], &c->tree);
	kobjtree_get(&a->tree);
	current->atomic = true;
	kobjtree_put(&a->tree);
	expect_warnings(1, "sleeps");
	kobjtree_unlink(&a->tree, &a->edge[0]);
	expect_warnings(1, "sleeps");
	kobjtree_drop(&a->tree, &b->tree);
	expect_warnings(1, "sleeps");
	/* so do the pass that it makes, and the mutex of that */
	__kobjtree_owner_barrier(&(struct kobjtree_owner){});
	expect_warnings(3, "sleeps");
	kobjtree_wake(&gate);
	expect_warnings(1, "sleeps");
	kobjtree_drain(&gate);
	expect_warnings(1, "sleeps");
	kobjtree_quiesce(&gate);
	expect_warnings(1, "sleeps");
	/* who was held has to wait for the mutex, which says so, too */
	if (kobjtree_link(&c->tree, &c->edge[0], &b->tree))
		fail("link");
	expect_warnings(2, "sleeps");
	/* and what may be called anywhere does not */
	kobjtree_hold_edge(&a->tree, &a->edge[0], &b->tree);
	if (kobjtree_link(&a->tree, &a->edge[1], &b->tree))
		fail("link");
	expect_warnings(0, "");
	CHECK(kobjtree_link(&a->tree, &a->edge[1], &b->tree) == -EBUSY);
	expect_warnings(1, "object_type: edge that is linked already");
	kobjtree_put_async(&b->tree);
	kobjtree_mark(&gate);
	expect_warnings(0, "");
	current->atomic = false;
	CHECK(kobjtree_unlink(&a->tree, &a->edge[1]) && !a->edge[1].held);
	kobjtree_put(&a->tree);
	kobjtree_put(&g->tree);
	kobjtree_put(&c->tree);
	expect_log("agcb");
}

/* === Deferral and module unload === */

static int ticks;
static struct object *kept;
static void tick(struct work_struct *work);
static struct work_struct ticker = { .fn = tick };

/* Something that comes to its end after a while. */
static void tick(struct work_struct *work)
{
	if (--ticks > 0) {
		shim_queue(work);
		return;
	}
	note('t');
	if (kept)
		kobjtree_put(&kept->tree);
	kept = NULL;
}

static void keep_for(int n, struct object *o)
{
	ticks = n;
	kept = o;
	shim_queue(&ticker);
}

static void owner_barrier(void)
{
	keep_for(1000, object('a'));
	kobjtree_owner_barrier();
	expect_log("ta");
	CHECK(!says);
	keep_for(1000, NULL);
	kobjtree_owner_barrier();	/* what is queued, too */
	expect_log("t");
}

static void barrier_reports(void)
{
	shim_jiffy_us = 0;
	keep_for(3, object('a'));
	kobjtree_owner_barrier();
	shim_jiffy_us = 1000000 / HZ;
	expect_log("ta");
	CHECK(says && strstr(said, "shim waits for 1 objects and actions"));
	says = 0;
}

static struct kobjtree_owner other_owner = {
	.module = (struct module *)8,
	.name = "other",
	.work = __WORK_INITIALIZER(other_owner.work, kobjtree_owner_work),
	.node = LIST_HEAD_INIT(other_owner.node),
};

static const struct kobjtree_type other_type = {
	.name = "other_type",
	.owner = &other_owner,
	.offset = offsetof(struct object, tree),
	.release = object_release,
};

static void two_owners(void)
{
	struct object *a = object('a');
	struct object *b = kobjtree_alloc(struct object, tree, &other_type, GFP_KERNEL);

	b->name = 'b';
	CHECK(count() == 1 && atomic_long_read(&other_owner.count) == 1);
	kobjtree_hold_give(&a->tree, &b->tree);
	kobjtree_put_async(&a->tree);
	__kobjtree_owner_barrier(&other_owner);
	expect_log("ab");
	CHECK(!count());
}

static int go(struct module *module, int event)
{
	return shim_notifier->notifier_call(shim_notifier, event, module);
}

/* A module all of whose objects are gone may go itself, in anybody's callback. */
static struct kobjtree_owner *unloads;

static void unload(void)
{
	CHECK(!atomic_long_read(&unloads->count));
	if (atomic_long_read(&unloads->count))
		return;
	CHECK(go(unloads->module, MODULE_STATE_GOING) == NOTIFY_OK);
	memset(unloads, 0xff, sizeof(*unloads));
	kfree(unloads);
	note('u');
}

static void unload_release(struct kobjtree *obj)
{
	unload();
}

static void unload_action(void *data)
{
	unload();
}

static void unload_free(struct kobjtree *obj)
{
	unload();
	kfree(container_of(obj, struct object, tree));
}

static struct object *of_loaded(char name)
{
	static struct kobjtree_type type;
	struct object *o;

	unloads = kzalloc_obj(*unloads);
	*unloads = (struct kobjtree_owner){
		.module = (struct module *)24,
		.name = "loaded",
		.work = __WORK_INITIALIZER(unloads->work, kobjtree_owner_work),
		.node = LIST_HEAD_INIT(unloads->node),
	};
	type = other_type;
	type.owner = unloads;
	o = kobjtree_alloc(struct object, tree, &type, GFP_KERNEL);
	o->name = name;
	return o;
}

static void unload_meanwhile(void)
{
	static const struct kobjtree_type types[] = {
		{ .release = unload_release },
		{ .free = unload_free },
		{},	/* an action */
	};
	struct kobjtree_type type;
	struct object *a, *b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		type = types[i];
		type.name = "unloader";
		type.owner = &__kobjtree_owner;
		type.offset = offsetof(struct object, tree);
		a = object('a');
		b = kobjtree_alloc(struct object, tree, &type, GFP_KERNEL);
		b->name = 'b';
		if (i == 2)
			CHECK(!kobjtree_add_action(&b->tree, unload_action, NULL));
		kobjtree_hold_edge_give(&a->tree, &a->edge[0], &b->tree);
		kobjtree_hold_edge_give(&a->tree, &a->edge[1], &of_loaded('c')->tree);
		kobjtree_put(&a->tree);
		expect_log("acu");
	}
}

/* A module goes: its owner is waited for and forgotten, and comes back with use. */
static void module_goes(void)
{
	struct object *b;
	int i;

	CHECK(!list_empty(&other_owner.node));
	CHECK(go(other_owner.module, MODULE_STATE_GOING + 1) == NOTIFY_DONE);
	CHECK(!list_empty(&other_owner.node));
	CHECK(go((struct module *)16, MODULE_STATE_GOING) == NOTIFY_DONE);
	CHECK(!list_empty(&other_owner.node));
	for (i = 0; i < 2; i++) {
		CHECK(go(other_owner.module, MODULE_STATE_GOING) == NOTIFY_OK);
		CHECK(list_empty(&other_owner.node) && !says);
		CHECK(go(other_owner.module, MODULE_STATE_GOING) == NOTIFY_DONE);
		b = kobjtree_alloc(struct object, tree, &other_type, GFP_KERNEL);
		b->name = 'b';
		CHECK(!list_empty(&other_owner.node));
		kobjtree_put(&b->tree);
	}
	b = kobjtree_alloc(struct object, tree, &other_type, GFP_KERNEL);
	b->name = 'b';
	keep_for(1000, b);
	memset(log_, 0, sizeof(log_));
	CHECK(go(other_owner.module, MODULE_STATE_GOING) == NOTIFY_OK);
	expect_log("tb");
	CHECK(says == 1 && strstr(said, "other goes with 1 objects"));
	says = 0;
	CHECK(shim_notifier->priority == INT_MAX);
}

/* === The gate, with one caller === */

struct part {
	struct kobjtree_watcher watcher;
	struct hw *hw;
	char name;
};

struct hw {
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct part part[3];
};

static void hw_wake(struct kobjtree_watcher *w)
{
	struct part *part = container_of(w, struct part, watcher);
	struct kobjtree_gate *gate = &part->hw->gate;

	note(part->name);
	CHECK(kobjtree_in_callback(gate) && kobjtree_marked(gate));
	kobjtree_unplug(gate);
	kobjtree_wake(gate);
	kobjtree_quiesce(gate);
}

static void hw_quiesce(struct kobjtree_watcher *w)
{
	struct part *part = container_of(w, struct part, watcher);

	note(part->name + 'A' - 'a');
	CHECK(part->hw->gate.state == KOBJTREE_GATE_DRAINED);
	CHECK(kobjtree_in_callback(&part->hw->gate));
	kobjtree_unplug(&part->hw->gate);
	kobjtree_wake(&part->hw->gate);
	kobjtree_quiesce(&part->hw->gate);
}

static struct hw *hw(bool percpu)
{
	struct hw *hw = kobjtree_alloc(struct hw, tree, NULL, GFP_KERNEL);
	int i;

	memset(&hw->gate, 0xff, sizeof(hw->gate));
	kobjtree_gate_init(&hw->gate, &hw->tree);
	CHECK(!kobjtree_marked(&hw->gate) && kobjtree_enter(&hw->gate) == -ENODEV);
	if (percpu && (kobjtree_gate_set_percpu(&hw->gate) ||
		       kobjtree_gate_set_percpu(&hw->gate)))
		fail("percpu");
	for (i = 0; i < 3; i++) {
		hw->part[i] = (struct part){ { hw_wake, hw_quiesce }, hw, 'a' + i };
		if (i == 1)
			hw->part[i].watcher.wake = NULL;
		if (i == 2)
			hw->part[i].watcher.quiesce = NULL;
		CHECK(!kobjtree_watch(&hw->gate, &hw->part[i].watcher));
	}
	CHECK(kobjtree_enter(&hw->gate) == -ENODEV);
	return hw;
}

static struct hw *live(bool percpu)
{
	struct hw *h = hw(percpu);

	CHECK(!kobjtree_gate_live(&h->gate));
	CHECK(kobjtree_gate_set_percpu(&h->gate) == (percpu ? 0 : -EBUSY));
	return h;
}

static void hw_put(struct hw *hw)
{
	long allocated = shim_allocated, n = 1 + !!hw->gate.percpu;

	CHECK(!kobjtree_in_callback(&hw->gate));
	kobjtree_put(&hw->tree);
	run();
	CHECK(shim_allocated == allocated - n && !count());
	CHECK(!says);
}

/* A grace period from before the end of begins is over too early. */
static struct kobjtree_gate *marking;

void shim_grace_asked(void)
{
	CHECK(!marking || (marking->percpu && !marking->open));
}

/* A gate of one word needs no grace period; else that of the mark is waited for. */
static void drain_first(struct hw *h)
{
	shim_grace_waited = 0;
	kobjtree_drain(&h->gate);
	CHECK(shim_grace_waited == (h->gate.percpu ? shim_grace : 0));
	CHECK(h->gate.state == KOBJTREE_GATE_DRAINED);
}

static void drain_again(struct hw *h)
{
	u8 state = h->gate.state;

	shim_grace_waited = 0;
	kobjtree_drain(&h->gate);
	CHECK(!shim_grace_waited && h->gate.state == state);
}

/* Who finds the gate marked is refused before it counts. */
static void refused(struct hw *h)
{
	unsigned long begun = h->gate.percpu ? h->gate.percpu->begun : 0;

	CHECK(kobjtree_enter(&h->gate) == -ENODEV);
	CHECK(!h->gate.percpu || h->gate.percpu->begun == begun);
}

static void gate_states(bool percpu)
{
	struct hw *h = live(percpu);
	struct part late = { { hw_wake, hw_quiesce }, h, 'x' };
	unsigned int wakes;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(!kobjtree_enter(&h->gate));
	CHECK(!kobjtree_gate_live(&h->gate));
	for (i = 0; i < 3; i++)
		kobjtree_exit(&h->gate);
	CHECK(!kobjtree_enter(&h->gate) && !kobjtree_marked(&h->gate));
	wakes = h->gate.wait.wakes;
	marking = &h->gate;
	kobjtree_mark(&h->gate);
	marking = NULL;
	CHECK(h->gate.wait.wakes != wakes);	/* who sleeps in a section */
	wakes = h->gate.wait.wakes;
	kobjtree_mark(&h->gate);
	CHECK(h->gate.wait.wakes == wakes);
	CHECK(h->gate.state == KOBJTREE_GATE_MARKED && kobjtree_marked(&h->gate));
	refused(h);
	CHECK(kobjtree_gate_live(&h->gate) == -ENODEV);
	CHECK(kobjtree_watch(&h->gate, &late.watcher) == -ENODEV);
	kobjtree_exit(&h->gate);
	expect_log("");
	kobjtree_wake(&h->gate);
	expect_log("ca");
	drain_first(h);
	drain_again(h);
	expect_log("");
	kobjtree_quiesce(&h->gate);
	expect_log("BA");
	CHECK(h->gate.state == KOBJTREE_GATE_QUIET);
	CHECK(kobjtree_gate_live(&h->gate) == -ENODEV);
	drain_again(h);
	kobjtree_unplug(&h->gate);
	CHECK(h->gate.state == KOBJTREE_GATE_QUIET);
	hw_put(h);
	expect_log("");
}

static void gate_default(void)
{
	gate_states(false);
}

static void gate_percpu(void)
{
	gate_states(true);
}

/* Never live: the hardware may have been set up. */
static void gate_never_live(void)
{
	struct hw *h;
	int i;

	for (i = 0; i < 4; i++) {
		h = hw(i & 1);
		shim_grace_waited = SHIM_GRACE_OVER;
		if (i & 2)
			kobjtree_unplug(&h->gate);
		CHECK(shim_grace_waited == SHIM_GRACE_OVER);
		if (i & 2)
			expect_log("caBA");
		CHECK(kobjtree_enter(&h->gate) == -ENODEV);
		hw_put(h);
		expect_log(i & 2 ? "" : "caBA");
		h = live(i & 1);
		hw_put(h);
		expect_log("caBA");
	}
}

static void gate_out_of_order(void)
{
	struct hw *h = live(false);

	kobjtree_wake(&h->gate);
	expect_warnings(1, "plain: gate is not marked");
	expect_log("ca");
	CHECK(kobjtree_marked(&h->gate));
	kobjtree_wake(&h->gate);
	expect_log("");
	hw_put(h);
	expect_log("BA");
	h = live(true);
	kobjtree_drain(&h->gate);
	expect_warnings(1, "plain: gate is not marked");
	CHECK(h->gate.state == KOBJTREE_GATE_DRAINED);
	kobjtree_unplug(&h->gate);
	expect_log("caBA");
	hw_put(h);
	h = live(false);
	kobjtree_quiesce(&h->gate);
	expect_warnings(1, "plain: gate is not drained");
	expect_log("BA");
	CHECK(h->gate.state == KOBJTREE_GATE_QUIET);
	kobjtree_wake(&h->gate);	/* too late */
	expect_log("");
	hw_put(h);
}

static struct kobjtree_gate *entered;

static void leave(struct work_struct *work)
{
	if (--ticks > 0) {
		shim_queue(work);
		return;
	}
	note('t');
	kobjtree_exit_non_owner(entered);
}

static struct work_struct leaver = { .fn = leave };

static void leave_after(int n, struct hw *h)
{
	CHECK(!kobjtree_enter_non_owner(&h->gate));
	entered = &h->gate;
	ticks = n;
	shim_queue(&leaver);
}

/* The drain waits for the section, and the section wakes it. */
static void drain_waits(void)
{
	struct hw *h;
	int i;

	for (i = 0; i < 2; i++) {
		h = live(i);
		leave_after(1000, h);
		shim_jiffy_us = 1000;
		kobjtree_unplug(&h->gate);
		expect_log("catBA");
		CHECK(!says);
		hw_put(h);
	}
	shim_jiffy_us = 1000000 / HZ;
}

static void drain_reports(void)
{
	struct device dev = { "hw.0" };
	char expected[100];
	struct hw *h;
	int i;

	for (i = 0; i < 2; i++) {
		h = live(i);
		CHECK(!kobjtree_enter(&h->gate));
		h->gate.dev = i ? &dev : NULL;
		leave_after(5, h);
		kobjtree_mark(&h->gate);
		if (i)
			CHECK(shim_run());	/* the grace period */
		shim_jiffy_us = 0;
		/* the other section is left once that was said */
		kobjtree_exit(&h->gate);
		kobjtree_drain(&h->gate);
		shim_jiffy_us = 1000000 / HZ;
		snprintf(expected, sizeof(expected),
			 "plain of %s: drain waits for 1 sections for %d s\n",
			 i ? "hw.0" : "no device", 10 * says);
		CHECK(says && strstr(said, expected));
		says = 0;
		expect_log("t");
		h->gate.dev = NULL;
		hw_put(h);
		expect_log("caBA");
	}
}

/* === Running them === */

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "an init without a type leaves an object that is nobody's",
	  without_type },
	{ "an object of a cache comes from there and goes there", of_a_cache },
	{ "an object that RCU readers see goes after a grace period", of_rcu },
	{ "a last put by who has promised another is deferred", put_of_the_last },
	{ "a last put where sleeping is illegal is deferred", put_in_atomic },
	{ "what was handed to a worker is not touched", handed_over },
	{ "a dead object that is got leaks its memory", get_of_dead },
	{ "no edge leads from or to what is dead", edges_of_dead },
	{ "what the cascade drops, nobody else does", unlink_in_teardown },
	{ "memory is no action", memory_is_no_action },
	{ "an action takes back what is older", taken_back_late },
	{ "a callback is part of a cascade", knows_its_cascade },
	{ "without memory nothing has changed", no_memory },
	{ "the walk sees each of many edges", wide },
	{ "the walk lets others in after each 32 edges", walks_in_batches },
	{ "what a walk looks at may go meanwhile", walk_disturbed },
	{ "a long chain needs no stack", deep },
	{ "others are let in on the way", long_is_interruptible },
	{ "what the next edges hold is fetched", fetched_ahead },
	{ "an object where another one was is not taken for it", fetched_again },
	{ "a bucket for two objects", one_bucket },
	{ "what may sleep says so", may_sleep },
	{ "the barrier waits", owner_barrier },
	{ "the barrier says whom it waits for", barrier_reports },
	{ "each owner is waited for by itself", two_owners },
	{ "a module that goes is waited for", module_goes },
	{ "an owner is told before anybody's callback", unload_meanwhile },
	{ "the states of a gate", gate_default },
	{ "the states of a gate in the per-CPU mode", gate_percpu },
	{ "a gate that never went live, and one that nobody unplugged",
	  gate_never_live },
	{ "phases out of order", gate_out_of_order },
	{ "a drain waits", drain_waits },
	{ "a drain says what it waits for", drain_reports },
};

int main(void)
{
	int failed = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i].run();
		expect_warnings(0, "");
		CHECK(!current->locks && !shim_allocated && !count());
		printf("%sok %zu - %s\n", broken ? "not " : "", i + 1, tests[i].name);
		if (broken)
			printf("# %s; warned: %s said: %s log: %s\n", broken, warned,
			       said, last_log);
		failed += !!broken;
		broken = NULL;
	}
	return !!failed;
}
