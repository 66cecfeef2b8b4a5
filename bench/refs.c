// SPDX-License-Identifier: GPL-2.0-only
/*
 * References: get and put, and the whole life of an object that holds nothing.
 *
 * Each object has the same size, comes from the same cache, and its release counts.
 */
#include <linux/kobject.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>

#include "bench.h"

#define BENCH_SIZE	128

struct bench_object {
	union {
		struct kref kref;
		struct kobject kobj;
		struct kobjtree tree;
		u8 size[BENCH_SIZE];
	};
};

static struct kmem_cache *bench_cache;
static unsigned long bench_released;

/* === The ways to end it === */

static void bench_free(void *object)
{
	bench_released++;
	kmem_cache_free(bench_cache, object);
}

static void bench_kref_release(struct kref *kref)
{
	bench_free(container_of(kref, struct bench_object, kref));
}

static void bench_kobject_release(struct kobject *kobj)
{
	bench_free(container_of(kobj, struct bench_object, kobj));
}

static const struct kobj_type bench_ktype = { .release = bench_kobject_release };

static void bench_tree_release(struct kobjtree *obj)
{
	bench_released++;
}

DEFINE_KOBJTREE_TYPE(bench_type, struct bench_object, tree,
		     .release = bench_tree_release, .cache = &bench_cache);

static void bench_percpu_release(struct percpu_ref *ref)
{
}

/* === Get and put of one that stays === */

static struct bench_object *kref_object, *kobject_object, *tree_object;
static struct percpu_ref percpu_object;

BENCH_LOOP(get_put_kref, {
	kref_get(&kref_object->kref);
	kref_put(&kref_object->kref, bench_kref_release);
})

BENCH_LOOP(get_put_kobject, {
	kobject_get(&kobject_object->kobj);
	kobject_put(&kobject_object->kobj);
})

BENCH_LOOP(get_put_kobjtree, {
	kobjtree_get(&tree_object->tree);
	kobjtree_put(&tree_object->tree);
})

BENCH_LOOP(get_put_percpu_ref, {
	percpu_ref_get(&percpu_object);
	percpu_ref_put(&percpu_object);
})

static const struct bench_peer get_put_peers[] = {
	{ .name = "kobjtree", .run = get_put_kobjtree },
	{ .name = "kref", .run = get_put_kref },
	{ .name = "kobject", .run = get_put_kobject },
	{ .name = "percpu_ref", .run = get_put_percpu_ref },
};

/* === From the allocation to the last put === */

static struct bench_object *bench_new(void)
{
	return kmem_cache_zalloc(bench_cache, GFP_KERNEL);
}

static void life_kref(void)
{
	struct bench_object *o = bench_new();

	if (!o)
		return;
	kref_init(&o->kref);
	kref_put(&o->kref, bench_kref_release);
}

static void life_kobject(void)
{
	struct bench_object *o = bench_new();

	if (!o)
		return;
	kobject_init(&o->kobj, &bench_ktype);
	kobject_put(&o->kobj);
}

static void life_kobjtree(void)
{
	struct bench_object *o = bench_new();

	if (!o)
		return;
	kobjtree_init(&o->tree, &bench_type);
	kobjtree_put(&o->tree);
}

static void life_slab(void)
{
	struct bench_object *o = bench_new();

	if (o)
		bench_free(o);
}

BENCH_LOOP(lives_slab, life_slab())
BENCH_LOOP(lives_kref, life_kref())
BENCH_LOOP(lives_kobject, life_kobject())
BENCH_LOOP(lives_kobjtree, life_kobjtree())

static const struct bench_peer life_peers[] = {
	{ .name = "kobjtree", .run = lives_kobjtree },
	{ .name = "kref", .run = lives_kref },
	{ .name = "kobject", .run = lives_kobject },
	{ .name = "slab alone", .run = lives_slab },
};

static const struct bench_row rows[] = {
	BENCH_ROW("get+put", get_put_peers, 10000),
	BENCH_ROW("get+put, 2 CPUs on one object", get_put_peers, 10000, .cpus = 2),
	BENCH_ROW("allocate, init, last put, free", life_peers, 4000),
};

static int bench_refs_setup(void)
{
	bench_cache = kmem_cache_create("kobjtree_bench_refs", BENCH_SIZE,
					BENCH_SIZE, 0, NULL);
	if (!bench_cache)
		return -ENOMEM;
	kref_object = bench_new();
	kobject_object = bench_new();
	tree_object = bench_new();
	if (!kref_object || !kobject_object || !tree_object)
		return -ENOMEM;
	kref_init(&kref_object->kref);
	kobject_init(&kobject_object->kobj, &bench_ktype);
	kobjtree_init(&tree_object->tree, &bench_type);
	return percpu_ref_init(&percpu_object, bench_percpu_release, 0,
			       GFP_KERNEL);
}

int bench_refs(void)
{
	int ret = bench_refs_setup();

	if (ret)
		return ret;
	ret = bench_rows(rows, ARRAY_SIZE(rows));
	kref_put(&kref_object->kref, bench_kref_release);
	kobject_put(&kobject_object->kobj);
	kobjtree_put(&tree_object->tree);
	percpu_ref_exit(&percpu_object);
	kmem_cache_destroy(bench_cache);
	return ret;
}
