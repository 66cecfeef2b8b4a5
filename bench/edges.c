// SPDX-License-Identifier: GPL-2.0-only
/*
 * Edges: making and dropping one, out of one or of a thousand, and the check that it
 * closes no cycle.
 *
 * What devres and DRM's managed resources have in place of an edge is an action. It
 * lives in memory that they allocate; an edge of kobjtree or of the list lives in
 * memory of the holder.
 */
#include <linux/device.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "bench.h"

#define BENCH_EDGES	1000
#define BENCH_TREE	10000	/* objects for the check */
#define BENCH_FAN	8

/* === One holder of each kind, and what it holds === */

struct bench_list_edge {
	struct list_head on;
	struct kref *held;
};

static struct bench_holder {
	struct kobjtree tree;
	struct kobjtree_edge edges[BENCH_EDGES];
} *holder, *shared, *above;

static struct bench_listed {
	struct kref ref;
	struct mutex lock;	/* of the list */
	struct list_head held;
	struct bench_list_edge edges[BENCH_EDGES];
} *listed;

static struct bench_held {
	struct kobjtree tree;
} *held;

static struct kref held_kref;
static struct device *dev;
static struct drm_device *drm;
static unsigned long order[BENCH_EDGES];

static const struct drm_driver bench_drm_driver = { .name = "kobjtree_bench" };

static void bench_kref_release(struct kref *ref)
{
}

static void bench_devm_put(void *data)
{
	kref_put(data, bench_kref_release);
}

static void bench_drmm_put(struct drm_device *device, void *data)
{
	kref_put(data, bench_kref_release);
}

/* === Make n edges from one holder === */

/* n is never more than BENCH_EDGES. */
BENCH_LOOP(link_kobjtree_hold, {
	kobjtree_hold_edge(&holder->tree, &holder->edges[i], &held->tree);
})

BENCH_LOOP(link_kobjtree_link, {
	if (kobjtree_link(&shared->tree, &shared->edges[i], &held->tree))
		pr_err_once("link\n");
})

BENCH_LOOP(link_kobjtree_alloc, {
	if (kobjtree_link(&holder->tree, NULL, &held->tree))
		pr_err_once("link\n");
})

BENCH_LOOP(link_devres, {
	kref_get(&held_kref);
	if (devm_add_action(dev, bench_devm_put, &held_kref))
		pr_err_once("devm_add_action\n");
})

BENCH_LOOP(link_drmm, {
	kref_get(&held_kref);
	if (drmm_add_action(drm, bench_drmm_put, &held_kref))
		pr_err_once("drmm_add_action\n");
})

BENCH_LOOP(link_list, {
	struct bench_list_edge *edge = &listed->edges[i];

	kref_get(&held_kref);
	edge->held = &held_kref;
	mutex_lock(&listed->lock);
	list_add(&edge->on, &listed->held);
	mutex_unlock(&listed->lock);
})

/* === Drop those n, the newest first, which is the best case of a scan === */

BENCH_LOOP(unlink_kobjtree_hold, {
	kobjtree_unlink(&holder->tree, &holder->edges[n - 1 - i]);
})

BENCH_LOOP(unlink_kobjtree_link, {
	kobjtree_unlink(&shared->tree, &shared->edges[n - 1 - i]);
})

BENCH_LOOP(unlink_kobjtree_alloc, kobjtree_drop(&holder->tree, &held->tree))
BENCH_LOOP(unlink_devres, devm_release_action(dev, bench_devm_put, &held_kref))
BENCH_LOOP(unlink_drmm, drmm_release_action(drm, bench_drmm_put, &held_kref))

BENCH_LOOP(unlink_list, {
	struct bench_list_edge *edge = &listed->edges[n - 1 - i];

	mutex_lock(&listed->lock);
	list_del(&edge->on);
	mutex_unlock(&listed->lock);
	kref_put(edge->held, bench_kref_release);
})

#define BENCH_EDGE_PEER(_name, _fn)					\
static int setup_##_fn(void)						\
{									\
	link_##_fn(BENCH_EDGES);					\
	return 0;							\
}									\
static void cleanup_##_fn(void)						\
{									\
	unlink_##_fn(BENCH_EDGES);					\
}									\
static const struct bench_peer _fn##_link = {				\
	.name = (_name), .run = link_##_fn, .cleanup = cleanup_##_fn,	\
};									\
static const struct bench_peer _fn##_unlink = {				\
	.name = (_name), .run = unlink_##_fn, .setup = setup_##_fn,	\
}

BENCH_EDGE_PEER("kobjtree", kobjtree_hold);
BENCH_EDGE_PEER("kobjtree shared holder", kobjtree_link);
BENCH_EDGE_PEER("kobjtree allocated edge", kobjtree_alloc);
BENCH_EDGE_PEER("devres", devres);
BENCH_EDGE_PEER("drmm", drmm);
BENCH_EDGE_PEER("kref+mutex+list", list);

/* === Drop one of a thousand, wherever it is, and make it anew === */

#define BENCH_BLOCK	20	/* of a thousand, that the clock is read for */

static u64 bench_remove(unsigned long n, void (*drop)(int i), int (*add)(int i))
{
	unsigned long i, j;
	u64 start, ns = 0;

	for (i = 0; i + BENCH_BLOCK <= n; i += BENCH_BLOCK) {
		start = ktime_get_ns();
		for (j = i; j < i + BENCH_BLOCK; j++)
			drop(order[j]);
		ns += ktime_get_ns() - start;
		for (j = i; j < i + BENCH_BLOCK; j++)
			if (add(order[j]))
				pr_err_once("out of memory\n");
	}
	return ns;
}

/* What their actions are told apart by. */
static struct kref many[BENCH_EDGES];

static void drop_kobjtree(int i)
{
	kobjtree_unlink(&holder->tree, &holder->edges[i]);
}

static int add_kobjtree(int i)
{
	kobjtree_hold_edge(&holder->tree, &holder->edges[i], &held->tree);
	return 0;
}

static void drop_list(int i)
{
	mutex_lock(&listed->lock);
	list_del(&listed->edges[i].on);
	mutex_unlock(&listed->lock);
	kref_put(listed->edges[i].held, bench_kref_release);
}

static int add_list(int i)
{
	kref_get(&held_kref);
	listed->edges[i].held = &held_kref;
	mutex_lock(&listed->lock);
	list_add(&listed->edges[i].on, &listed->held);
	mutex_unlock(&listed->lock);
	return 0;
}

static void drop_devres(int i)
{
	devm_release_action(dev, bench_devm_put, &many[i]);
}

static int add_devres(int i)
{
	kref_init(&many[i]);
	return devm_add_action(dev, bench_devm_put, &many[i]);
}

static void drop_drmm(int i)
{
	drmm_release_action(drm, bench_drmm_put, &many[i]);
}

static int add_drmm(int i)
{
	kref_init(&many[i]);
	return drmm_add_action(drm, bench_drmm_put, &many[i]);
}

#define BENCH_REMOVE_PEER(_name, _way)					\
static int all_##_way(void)						\
{									\
	int i, ret = 0;							\
									\
	for (i = 0; i < BENCH_EDGES && !ret; i++)			\
		ret = add_##_way(i);					\
	return ret;							\
}									\
static u64 remove_##_way(unsigned long n)				\
{									\
	return bench_remove(n, drop_##_way, add_##_way);		\
}									\
static void none_##_way(void)						\
{									\
	int i;								\
									\
	for (i = 0; i < BENCH_EDGES; i++)				\
		drop_##_way(i);						\
}									\
static const struct bench_peer remove_peer_##_way = {			\
	.name = (_name), .setup = all_##_way, .run = remove_##_way,	\
	.cleanup = none_##_way,						\
}

BENCH_REMOVE_PEER("kobjtree", kobjtree);
BENCH_REMOVE_PEER("devres", devres);
BENCH_REMOVE_PEER("drmm", drmm);
BENCH_REMOVE_PEER("kref+mutex+list", list);

/* === Device links, each a device in sysfs === */

static struct device *supplier, *consumer;

BENCH_LOOP(device_links, {
	struct device_link *link = device_link_add(consumer, supplier,
						   DL_FLAG_STATELESS);

	if (link)
		device_link_del(link);
})

BENCH_LOOP(kobjtree_links, {
	if (kobjtree_link(&shared->tree, &shared->edges[0], &held->tree))
		pr_err_once("link\n");
	kobjtree_unlink(&shared->tree, &shared->edges[0]);
})

static const struct bench_peer pair_peers[] = {
	{ .name = "kobjtree shared holder", .run = kobjtree_links },
	{ .name = "device_link", .run = device_links },
};

/* === Does it close a cycle, in a tree of ten thousand? === */

struct bench_tree_node {
	struct kobjtree tree;
	struct kobjtree_edge edges[BENCH_FAN];
};

static struct bench_tree_node **nodes;
static struct device **devices;
static struct kobjtree_edge check_edge;

/* The root of a tree holds one more thing: nothing can lead from that to it. */
BENCH_LOOP(check_kobjtree_root, {
	if (kobjtree_link(&nodes[0]->tree, &check_edge, &held->tree))
		pr_err_once("link\n");
	kobjtree_unlink(&nodes[0]->tree, &check_edge);
})

/* Who was held before holds the root of the tree, which is walked. */
BENCH_LOOP(check_kobjtree_walk, {
	if (kobjtree_link(&shared->tree, &shared->edges[0], &nodes[0]->tree))
		pr_err_once("link\n");
	kobjtree_unlink(&shared->tree, &shared->edges[0]);
})

BENCH_LOOP(check_device_root, {
	struct device_link *link = device_link_add(devices[0], supplier,
						   DL_FLAG_STATELESS);

	if (link)
		device_link_del(link);
})

BENCH_LOOP(check_device_leaf, {
	struct device_link *link = device_link_add(consumer, devices[0],
						   DL_FLAG_STATELESS);

	if (link)
		device_link_del(link);
})

static const struct bench_peer check_root_peers[] = {
	{ .name = "kobjtree", .run = check_kobjtree_root },
	{ .name = "device_link", .run = check_device_root },
};

static const struct bench_peer check_walk_peers[] = {
	{ .name = "kobjtree", .run = check_kobjtree_walk },
	{ .name = "device_link", .run = check_device_leaf },
};

static void bench_device_release(struct device *device)
{
	kfree(device);
}

static struct bench_tree_node *bench_tree_node(void)
{
	return kobjtree_alloc(struct bench_tree_node, tree, NULL, GFP_KERNEL);
}

/* Node i is held by node (i - 1) / BENCH_FAN; a device is its parent's child. */
static int bench_tree_device(int i)
{
	struct device *device = kzalloc_obj(*device);

	if (!device)
		return -ENOMEM;
	devices[i] = device;
	device_initialize(device);
	device->parent = i ? devices[(i - 1) / BENCH_FAN] : NULL;
	device->release = bench_device_release;
	return dev_set_name(device, "kobjtree_bench%d", i) ?: device_add(device);
}

static int bench_tree_setup(void)
{
	int i, p, ret = 0;

	nodes = vcalloc(BENCH_TREE, sizeof(*nodes));
	devices = vcalloc(BENCH_TREE, sizeof(*devices));
	if (!nodes || !devices)
		return -ENOMEM;
	for (i = 0; i < BENCH_TREE && !ret; i++) {
		nodes[i] = bench_tree_node();
		ret = nodes[i] ? bench_tree_device(i) : -ENOMEM;
		cond_resched();
	}
	if (ret)
		return ret;
	/* Who holds was not held yet. */
	for (i = BENCH_TREE - 1; i > 0; i--) {
		p = (i - 1) / BENCH_FAN;
		kobjtree_hold_edge_give(&nodes[p]->tree,
					&nodes[p]->edges[(i - 1) % BENCH_FAN],
					&nodes[i]->tree);
	}
	kobjtree_hold_edge(&above->tree, &above->edges[0], &nodes[0]->tree);
	return 0;
}

static void bench_tree_end(void)
{
	int i;

	kobjtree_unlink(&above->tree, &above->edges[0]);
	kobjtree_put(&nodes[0]->tree);
	for (i = BENCH_TREE - 1; i >= 0; i--)
		device_unregister(devices[i]);
	vfree(nodes);
	vfree(devices);
}

static int bench_checks(void)
{
	static const struct bench_row rows[] = {
		BENCH_ROW("link+unlink, holder with 10000 below", check_root_peers, 8),
		BENCH_ROW("link+unlink, held with 10000 below", check_walk_peers, 8),
	};
	int ret;

	if (!bench_wanted("link+unlink"))
		return 0;
	ret = bench_tree_setup();
	if (ret)
		return ret;
	ret = bench_rows(rows, ARRAY_SIZE(rows));
	bench_tree_end();
	return ret;
}

static const struct bench_peer remove_peers[] = {
	remove_peer_kobjtree, remove_peer_devres, remove_peer_drmm, remove_peer_list,
};

static const struct bench_peer link_peers[] = {
	kobjtree_hold_link, kobjtree_link_link, kobjtree_alloc_link,
	devres_link, drmm_link, list_link,
};

static const struct bench_peer unlink_peers[] = {
	kobjtree_hold_unlink, kobjtree_link_unlink, kobjtree_alloc_unlink,
	devres_unlink, drmm_unlink, list_unlink,
};

static const struct bench_row rows[] = {
	BENCH_ROW("link", link_peers, BENCH_EDGES, .once = true),
	BENCH_ROW("unlink", unlink_peers, BENCH_EDGES, .once = true),
	BENCH_ROW("remove one of 1000", remove_peers, BENCH_EDGES, .once = true),
	BENCH_ROW("link+unlink", pair_peers, 100),
};

static void bench_shuffle(void)
{
	struct rnd_state rnd;
	int i, j;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < BENCH_EDGES; i++)
		order[i] = i;
	for (i = BENCH_EDGES - 1; i > 0; i--) {
		j = prandom_u32_state(&rnd) % (i + 1);
		swap(order[i], order[j]);
	}
}

static struct bench_holder *bench_holder(void)
{
	return kobjtree_alloc(struct bench_holder, tree, NULL, GFP_KERNEL);
}

static int bench_edges_setup(void)
{
	holder = bench_holder();
	shared = bench_holder();
	above = bench_holder();
	held = kobjtree_alloc(struct bench_held, tree, NULL, GFP_KERNEL);
	listed = kzalloc_obj(*listed);
	if (!holder || !shared || !above || !held || !listed)
		return -ENOMEM;
	/* Something may lead to it: a link asks whether. */
	kobjtree_hold(&above->tree, &shared->tree);
	mutex_init(&listed->lock);
	INIT_LIST_HEAD(&listed->held);
	kref_init(&held_kref);
	dev = root_device_register("kobjtree_bench");
	supplier = root_device_register("kobjtree_bench_supplier");
	consumer = root_device_register("kobjtree_bench_consumer");
	if (IS_ERR(dev) || IS_ERR(supplier) || IS_ERR(consumer))
		return -ENODEV;
	drm = drm_dev_alloc(&bench_drm_driver, dev);
	bench_shuffle();
	return PTR_ERR_OR_ZERO(drm);
}

int bench_edges(void)
{
	int ret = bench_edges_setup();

	if (ret)
		return ret;
	ret = bench_rows(rows, ARRAY_SIZE(rows)) ?: bench_checks();
	drm_dev_put(drm);
	root_device_unregister(consumer);
	root_device_unregister(supplier);
	root_device_unregister(dev);
	kobjtree_put(&above->tree);
	kobjtree_put(&shared->tree);
	kobjtree_put(&holder->tree);
	kobjtree_put(&held->tree);
	kfree(listed);
	return ret;
}
