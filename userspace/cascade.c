// SPDX-License-Identifier: GPL-2.0-only
/*
 * One cascade of each kind over the shim: that it does here what it does in a
 * kernel. What the core has to do is tested there, by objtree/tests.
 */
#include <linux/kobjtree.h>

#define MAX_LOG	64

static char log_[MAX_LOG];

static void note(char c)
{
	size_t n = strlen(log_);

	if (n + 1 < MAX_LOG)
		log_[n] = c;
}

struct object {
	struct kobjtree tree;
	struct kobjtree_edge edge;
	struct object *extra;
	char name;
};

static void object_release(struct kobjtree *obj)
{
	struct object *o = container_of(obj, struct object, tree);

	note(o->name);
	if (o->extra)
		kobjtree_put(&o->extra->tree);
}

static void object_free(struct kobjtree *obj)
{
	struct object *o = container_of(obj, struct object, tree);

	note(o->name + 'A' - 'a');
	free(o);
}

DEFINE_KOBJTREE_TYPE(object_type, struct object, tree,
		     .release = object_release, .free = object_free);

static struct object *object(char name)
{
	struct object *o = kobjtree_alloc(struct object, tree, &object_type,
					  GFP_KERNEL);

	if (!o)
		abort();
	o->name = name;
	return o;
}

static void action(void *data)
{
	note(*(char *)data);
}

#define TESTS	5

static int nr, failed;

static void expect(const char *name, const char *log)
{
	bool ok = !strcmp(log_, log);

	printf("%s %d - %s\n", ok ? "ok" : "not ok", ++nr, name);
	if (!ok)
		printf("# expected %s, was %s\n", log, log_);
	failed += !ok;
	memset(log_, 0, sizeof(log_));
}

/* a holds b and c, which hold d. */
static struct object *diamond(void)
{
	struct object *a = object('a'), *b = object('b'), *c = object('c');
	struct object *d = object('d');

	kobjtree_hold(&b->tree, &d->tree);
	kobjtree_hold_give(&c->tree, &d->tree);
	kobjtree_hold_give(&a->tree, &b->tree);
	kobjtree_hold_edge_give(&a->tree, &a->edge, &c->tree);
	return a;
}

int main(void)
{
	struct kobjtree_weak weak = {};
	struct object *a = diamond();

	printf("TAP version 13\n1..%d\n", TESTS);
	kobjtree_put(&a->tree);
	expect("a diamond: newest edge first, what is shared last", "acCbdDBA");

	a = diamond();
	kobjtree_put_async(&a->tree);
	expect("a deferred put does nothing yet", "");
	kobjtree_owner_barrier();
	expect("the barrier runs the worker", "acCbdDBA");

	a = object('a');
	a->extra = object('x');
	if (kobjtree_add_action(&a->tree, action, "1") ||
	    kobjtree_add_action(&a->tree, action, "2") ||
	    kobjtree_link_give(&a->tree, NULL, &object('b')->tree) ||
	    !kobjtree_kzalloc(&a->tree, 8, GFP_KERNEL))
		abort();
	kobjtree_weak_set(&weak, &a->tree);
	kobjtree_put(&a->tree);
	expect("a put in a release joins; then actions, edges, memory", "axX21bBA");
	if (kobjtree_weak_get(&weak))
		note('!');
	expect("a weak reference finds nothing dead", "");
	return failed || nr != TESTS;
}
