// SPDX-License-Identifier: GPL-2.0-only
/*
 * Graphs: making one, and its teardown, from 16 objects to a million.
 *
 * Each peer builds the same graph of objects of the same size from the same cache,
 * in the same order in memory; the release of each counts and no more. Shapes:
 *
 *   chain  each object holds the one before it
 *   star   one holds all others
 *   tree   each holds four
 *   dag    each is held by two, and holds up to four
 *
 * Places: fresh, one after the other in memory; aged, in random order there; cold,
 * fresh but not in the caches any more. Small graphs come in numbers.
 *
 * What devres and DRM's managed resources can do is a list with an action for each
 * edge, which puts what is held; they know no chain. The kref tree is by hand: its
 * edges are in the holders, and a list of the dead in place of recursion. The slab
 * alone frees all objects, and knows of no graph.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "bench.h"

#define BENCH_SIZE	128
#define BENCH_FAN	4
#define BENCH_SWEEP	(64UL << 20)	/* twice the cache of the last level */
#define BENCH_BATCH	8192UL		/* objects of small graphs in a round */

enum bench_shape { CHAIN, STAR, TREE, DAG, SHAPES };
enum bench_place { FRESH, AGED, COLD, PLACES };

static const char * const shape_names[] = { "chain", "star", "tree", "dag" };
static const char * const place_names[] = { "fresh", "aged", "cold" };

struct bench_kref_edge {
	struct list_head on;
	struct bench_node *held;
};

struct bench_node {
	union {
		struct {
			struct kobjtree tree;
			struct kobjtree_edge edge[BENCH_FAN - 1];
		};
		struct {
			struct kref ref;
			u32 used;
			struct list_head held;
			struct bench_node *pending;
			struct bench_kref_edge kref_edge[BENCH_FAN];
		};
		struct kobject kobj;
		u8 size[BENCH_SIZE];
	};
};

/* A graph and what it hangs on, none of which is timed. */
struct bench_graph {
	enum bench_shape shape;
	unsigned long n;
	struct bench_node **node;
	union {
		struct kobjtree_edge *edge;		/* of a star */
		struct bench_kref_edge *kref_edge;
	};
	struct device dev;
	struct drm_device *drm;
};

struct bench_way {
	const char *name;
	int (*open)(struct bench_graph *g);
	void (*init)(struct bench_node *node);
	int (*link)(struct bench_graph *g, unsigned long holder, unsigned long held,
		    bool give);
	void (*end)(struct bench_graph *g);
	bool (*can)(enum bench_shape shape, unsigned long n);
};

static struct kmem_cache *bench_cache;
static unsigned long bench_released;
static void *bench_swept;
static struct device *drm_parent;

static void bench_free(struct bench_node *node)
{
	bench_released++;
	kmem_cache_free(bench_cache, node);
}

static bool can_all(enum bench_shape shape, unsigned long n)
{
	return true;
}

/* === kobjtree === */

static void tree_release(struct kobjtree *obj)
{
	bench_released++;
}

DEFINE_KOBJTREE_TYPE(bench_type, struct bench_node, tree,
		     .release = tree_release, .cache = &bench_cache);

static int tree_open(struct bench_graph *g)
{
	if (g->shape == STAR)
		g->edge = kvcalloc(g->n, sizeof(*g->edge), GFP_KERNEL);
	return g->shape == STAR && !g->edge ? -ENOMEM : 0;
}

static void tree_init(struct bench_node *node)
{
	kobjtree_init(&node->tree, &bench_type);
	node->edge[0] = (struct kobjtree_edge) {};
	node->edge[1] = (struct kobjtree_edge) {};
	node->edge[2] = (struct kobjtree_edge) {};
}

/* The place inside the object for the first, then those in its struct. */
static struct kobjtree_edge *tree_edge(struct bench_graph *g,
				       unsigned long holder, unsigned long held)
{
	unsigned long k = held - 1 - holder * (g->shape == DAG ? 2 : BENCH_FAN);

	if (g->shape == STAR)
		return &g->edge[held];
	if (g->shape == CHAIN || !k)
		return NULL;
	return &g->node[holder]->edge[k - 1];
}

static int tree_link(struct bench_graph *g, unsigned long holder,
		     unsigned long held, bool give)
{
	struct bench_node *node = g->node[holder];
	struct kobjtree_edge *edge = tree_edge(g, holder, held);

	if (give)
		kobjtree_hold_edge_give(&node->tree, edge, &g->node[held]->tree);
	else
		kobjtree_hold_edge(&node->tree, edge, &g->node[held]->tree);
	return 0;
}

static void tree_end(struct bench_graph *g)
{
	kobjtree_put(&g->node[0]->tree);
}

/* The edges of a star, allocated by the core. */
static int alloc_link(struct bench_graph *g, unsigned long holder,
		      unsigned long held, bool give)
{
	return kobjtree_link_give(&g->node[holder]->tree, NULL,
				  &g->node[held]->tree);
}

static bool alloc_can(enum bench_shape shape, unsigned long n)
{
	return shape == STAR;
}

/* === By hand: kref, a mutex, lists === */

static DEFINE_MUTEX(kref_lock);		/* of all lists, until their holder is dead */

static int kref_open(struct bench_graph *g)
{
	if (g->shape == STAR)
		g->kref_edge = kvcalloc(g->n, sizeof(*g->kref_edge), GFP_KERNEL);
	return g->shape == STAR && !g->kref_edge ? -ENOMEM : 0;
}

static void kref_node_init(struct bench_node *node)
{
	kref_init(&node->ref);
	node->used = 0;
	INIT_LIST_HEAD(&node->held);
}

static int kref_link(struct bench_graph *g, unsigned long holder,
		     unsigned long held, bool give)
{
	struct bench_node *node = g->node[holder];
	struct bench_kref_edge *edge;

	if (!give)
		kref_get(&g->node[held]->ref);
	edge = g->shape == STAR ? &g->kref_edge[held] :
				  &node->kref_edge[node->used++];
	edge->held = g->node[held];
	mutex_lock(&kref_lock);
	list_add(&edge->on, &node->held);
	mutex_unlock(&kref_lock);
	return 0;
}

static void kref_end(struct bench_graph *g)
{
	struct bench_node *node = g->node[0], *pending = NULL;
	struct bench_kref_edge *edge;

	if (!refcount_dec_and_test(&node->ref.refcount))
		return;
	node->pending = NULL;
	for (pending = node; pending; ) {
		node = pending;
		pending = node->pending;
		list_for_each_entry(edge, &node->held, on) {
			if (!refcount_dec_and_test(&edge->held->ref.refcount))
				continue;
			edge->held->pending = pending;
			pending = edge->held;
		}
		bench_free(node);
		cond_resched();
	}
}

/* === devres === */

static void bench_kref_release(struct kref *ref)
{
	bench_free(container_of(ref, struct bench_node, ref));
}

static void devres_put(void *data)
{
	kref_put(data, bench_kref_release);
}

static void dev_release(struct device *dev)
{
}

static int devres_open(struct bench_graph *g)
{
	memset(&g->dev, 0, sizeof(g->dev));
	device_initialize(&g->dev);
	g->dev.release = dev_release;
	return 0;
}

static void ref_init(struct bench_node *node)
{
	kref_init(&node->ref);
}

static int devres_link(struct bench_graph *g, unsigned long holder,
		       unsigned long held, bool give)
{
	if (!give)
		kref_get(&g->node[held]->ref);
	return devm_add_action(&g->dev, devres_put, &g->node[held]->ref);
}

static void devres_end(struct bench_graph *g)
{
	kref_put(&g->node[0]->ref, bench_kref_release);
	put_device(&g->dev);
}

static bool list_can(enum bench_shape shape, unsigned long n)
{
	return shape != CHAIN;
}

/* === DRM's managed resources === */

static const struct drm_driver bench_drm_driver = { .name = "kobjtree_bench" };

static void drmm_put(struct drm_device *drm, void *data)
{
	kref_put(data, bench_kref_release);
}

static int drmm_open(struct bench_graph *g)
{
	g->drm = drm_dev_alloc(&bench_drm_driver, drm_parent);
	return PTR_ERR_OR_ZERO(g->drm);
}

static int drmm_link(struct bench_graph *g, unsigned long holder,
		     unsigned long held, bool give)
{
	if (!give)
		kref_get(&g->node[held]->ref);
	return drmm_add_action(g->drm, drmm_put, &g->node[held]->ref);
}

static void drmm_end(struct bench_graph *g)
{
	kref_put(&g->node[0]->ref, bench_kref_release);
	drm_dev_put(g->drm);
}

/* The end of a DRM device costs as much as many objects. */
static bool drmm_can(enum bench_shape shape, unsigned long n)
{
	return shape != CHAIN && n >= 1000;
}

/* === kobject: what is held is the parent === */

/* A kobject that was never added to sysfs does not put its parent. */
static void kobject_end_node(struct kobject *kobj)
{
	struct kobject *parent = kobj->parent;

	bench_free(container_of(kobj, struct bench_node, kobj));
	kobject_put(parent);
}

static const struct kobj_type bench_ktype = { .release = kobject_end_node };

static void kobject_node_init(struct bench_node *node)
{
	memset(&node->kobj, 0, sizeof(node->kobj));
	kobject_init(&node->kobj, &bench_ktype);
}

static int kobject_link(struct bench_graph *g, unsigned long holder,
			unsigned long held, bool give)
{
	g->node[holder]->kobj.parent = &g->node[held]->kobj;
	return 0;
}

static void kobject_end(struct bench_graph *g)
{
	kobject_put(&g->node[0]->kobj);
}

/* Each put is nested in that of the holder. */
static bool kobject_can(enum bench_shape shape, unsigned long n)
{
	return shape == CHAIN && n <= 16;
}

/* === The slab alone === */

static void slab_init(struct bench_node *node)
{
}

static int slab_link(struct bench_graph *g, unsigned long holder,
		     unsigned long held, bool give)
{
	return 0;
}

static void slab_end(struct bench_graph *g)
{
	unsigned long i;

	for (i = 0; i < g->n; i++) {
		bench_free(g->node[i]);
		cond_resched();
	}
}

static int nothing_open(struct bench_graph *g)
{
	return 0;
}

static const struct bench_way ways[] = {
	{ "kobjtree", tree_open, tree_init, tree_link, tree_end, can_all },
	{ "kobjtree allocated edges", nothing_open, tree_init, alloc_link,
	  tree_end, alloc_can },
	{ "kref+mutex+list", kref_open, kref_node_init, kref_link, kref_end,
	  can_all },
	{ "devres", devres_open, ref_init, devres_link, devres_end, list_can },
	{ "drmm", drmm_open, ref_init, drmm_link, drmm_end, drmm_can },
	{ "kobject", nothing_open, kobject_node_init, kobject_link, kobject_end,
	  kobject_can },
	{ "slab alone", nothing_open, slab_init, slab_link, slab_end, can_all },
};

/* === Building one === */

static void bench_shuffle(struct bench_node **node, unsigned long n)
{
	struct rnd_state rnd;
	unsigned long i, j;

	prandom_seed_state(&rnd, n);
	for (i = n - 1; i > 0; i--) {
		j = prandom_u32_state(&rnd) % (i + 1);
		swap(node[i], node[j]);
	}
}

/* Node 0 leads to all. Held before it holds: from the last to the first. */
static int bench_link(struct bench_graph *g, const struct bench_way *way,
		      unsigned long i)
{
	unsigned long holder = (i - 1) / (g->shape == DAG ? 2 : BENCH_FAN);
	int ret;

	switch (g->shape) {
	case CHAIN:
		return way->link(g, i - 1, i, true);
	case STAR:
		return way->link(g, 0, i, true);
	case TREE:
		return way->link(g, holder, i, true);
	default:
		ret = holder ? way->link(g, holder - 1, i, false) : 0;
		return ret ?: way->link(g, holder, i, true);
	}
}

static int bench_alloc(struct bench_graph *g, enum bench_place place)
{
	unsigned long i;

	for (i = 0; i < g->n; i++) {
		g->node[i] = kmem_cache_alloc(bench_cache, GFP_KERNEL);
		if (!g->node[i])
			return -ENOMEM;
	}
	if (place == AGED)
		bench_shuffle(g->node, g->n);
	return 0;
}

static int bench_build(struct bench_graph *g, const struct bench_way *way,
		       enum bench_place place)
{
	unsigned long i;
	int ret;

	ret = bench_alloc(g, place);
	for (i = 0; i < g->n && !ret; i++) {
		way->init(g->node[i]);
		if (!(i % 1024))
			cond_resched();
	}
	/* A holder was never held when it is linked: from the root down. */
	for (i = g->n - 1; i > 0 && !ret; i--)
		ret = bench_link(g, way, i);
	return ret;
}

static void bench_sweep(void)
{
	unsigned long i;

	for (i = 0; i < BENCH_SWEEP; i += L1_CACHE_BYTES)
		WRITE_ONCE(*(u8 *)(bench_swept + i), (u8)i);
}

/* === A round === */

struct bench_set {
	enum bench_shape shape;
	enum bench_place place;
	unsigned long n;	/* objects of a graph */
	unsigned long graphs;
	struct bench_graph *graph;
	char built[48];
	char torn[48];
};

static int bench_graphs_build(struct bench_set *set, const struct bench_way *way,
			      int round)
{
	unsigned long i;
	u64 start;
	int ret = 0;

	for (i = 0; i < set->graphs && !ret; i++)
		ret = way->open(&set->graph[i]);
	start = ktime_get_ns();
	for (i = 0; i < set->graphs && !ret; i++)
		ret = bench_build(&set->graph[i], way, set->place);
	if (!ret && set->place == FRESH)
		bench_result(set->built, set->n, way->name, round,
			     ktime_get_ns() - start, set->graphs * set->n);
	return ret;
}

static int bench_graphs_round(struct bench_set *set, const struct bench_way *way,
			      int round)
{
	unsigned long i, objects = set->graphs * set->n;
	u64 start;
	int ret = bench_graphs_build(set, way, round);

	if (ret)
		return ret;
	if (set->place == COLD)
		bench_sweep();
	bench_released = 0;
	start = ktime_get_ns();
	for (i = 0; i < set->graphs; i++)
		way->end(&set->graph[i]);
	bench_result(set->torn, set->n, way->name, round,
		     ktime_get_ns() - start, objects);
	for (i = 0; i < set->graphs; i++) {
		kvfree(set->graph[i].edge);
		set->graph[i].edge = NULL;
	}
	if (bench_released == objects)
		return 0;
	pr_err("%s: %s: %lu of %lu objects were released\n", set->torn, way->name,
	       bench_released, objects);
	return -EIO;
}

static int bench_set_rounds(struct bench_set *set)
{
	/* A million objects take their time, and say more. */
	int rounds = set->n >= 1000000 ? DIV_ROUND_UP(bench_rounds(), 3) :
					 bench_rounds();
	const struct bench_way *way;
	int round, turn, ret;

	for (round = 0; round < rounds; round++) {
		for (turn = 0; turn < ARRAY_SIZE(ways); turn++) {
			way = &ways[bench_turn(round, turn, ARRAY_SIZE(ways))];
			if (!way->can(set->shape, set->n))
				continue;
			do {
				bench_turn_begin();
				ret = bench_graphs_round(set, way, round);
				if (ret)
					return ret;
				cond_resched();
			} while (bench_turn_again());
		}
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int bench_set_run(struct bench_set *set)
{
	struct bench_node **node;
	unsigned long i;
	int ret = -ENOMEM;

	snprintf(set->built, sizeof(set->built), "create %s",
		 shape_names[set->shape]);
	snprintf(set->torn, sizeof(set->torn), "teardown %s %s",
		 shape_names[set->shape], place_names[set->place]);
	if (!bench_wanted(set->torn))
		return 0;
	pr_info("%s of %lu\n", set->torn, set->n);
	set->graphs = max(BENCH_BATCH / set->n, 1UL);
	set->graph = kvcalloc(set->graphs, sizeof(*set->graph), GFP_KERNEL);
	node = kvcalloc(set->graphs * set->n, sizeof(*node), GFP_KERNEL);
	if (set->graph && node) {
		for (i = 0; i < set->graphs; i++) {
			set->graph[i].shape = set->shape;
			set->graph[i].n = set->n;
			set->graph[i].node = &node[i * set->n];
		}
		ret = bench_set_rounds(set);
	}
	kvfree(node);
	kvfree(set->graph);
	return ret;
}

static int bench_graphs_all(void)
{
	static const unsigned long sizes[] = { 16, 1000, 64000, 1000000 };
	struct bench_set set = {};
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (set.place = FRESH; set.place < PLACES; set.place++) {
			for (set.shape = CHAIN; set.shape < SHAPES; set.shape++) {
				set.n = sizes[i];
				ret = bench_set_run(&set);
				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

int bench_graphs(void)
{
	int ret = -ENOMEM;

	static_assert(sizeof(struct bench_node) == BENCH_SIZE);
	bench_cache = kmem_cache_create("kobjtree_bench_graphs", BENCH_SIZE,
					BENCH_SIZE, 0, NULL);
	bench_swept = vmalloc(BENCH_SWEEP);
	drm_parent = root_device_register("kobjtree_bench_graphs");
	if (bench_cache && bench_swept && !IS_ERR(drm_parent))
		ret = bench_graphs_all();
	if (!IS_ERR(drm_parent))
		root_device_unregister(drm_parent);
	vfree(bench_swept);
	kmem_cache_destroy(bench_cache);
	return ret;
}
