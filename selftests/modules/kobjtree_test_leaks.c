// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that leak, for ../leaks.sh: what is written to
 * /sys/module/kobjtree_test_leaks/parameters/do makes a graph, and "undo" ends
 * it, by what the bug has forgotten.
 *
 *   --> an edge, ~~> a reference that was taken by hand
 */
#include <linux/kobjtree.h>
#include <linux/kobjtree_cyclic.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

/* The object is not at the start: a pointer to it and one to its memory differ. */
struct part {
	struct part *by_hand;
	struct kobjtree **more;
	struct list_head siblings;
	struct kobjtree tree;
	struct kobjtree_edge edge;
	struct kobjtree_weak back;
	struct kobjtree *object;
};

/* What is in lists starts with that. */
struct listed {
	struct list_head node;
	struct kobjtree tree;
	struct kobjtree *next;
};

static void part_release(struct kobjtree *obj)
{
	kobjtree_weak_clear(&container_of(obj, struct part, tree)->back);
}

DEFINE_KOBJTREE_TYPE(part_type, struct part, tree, .release = part_release);
DEFINE_KOBJTREE_TYPE(listed_type, struct listed, tree);

/*
 * What undo needs to know. The driver of whom this is the bug has forgotten it,
 * so kmemleak must not find it here either.
 */
#define PARTS	4

static unsigned long hidden[PARTS];
static unsigned long hidden_put;

static struct part *part(int i)
{
	return (struct part *)~hidden[i];
}

/* In the stacks that are looked at, also where nothing is inlined by itself */
static __always_inline int make(int nr)
{
	struct part *new;
	int i;

	for (i = 0; i < nr; i++) {
		new = kobjtree_alloc(struct part, tree, &part_type, GFP_KERNEL);
		if (!new)
			return -ENOMEM;
		INIT_LIST_HEAD(&new->siblings);
		hidden[i] = ~(unsigned long)new;
	}
	return 0;
}

/* part(i) --> part(j), with the reference that part(j) was made with */
static __always_inline void give(int i, int j)
{
	kobjtree_hold_edge_give(&part(i)->tree, &part(i)->edge, &part(j)->tree);
}

static void put_at_undo(struct kobjtree *obj)
{
	hidden_put = ~(unsigned long)obj;
}

/* 0 --> 1 ~~> 0 */
static int do_pair(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	give(0, 1);
	part(1)->by_hand = part(0);
	put_at_undo(&part(0)->tree);
	return 0;
}

/* 0 --> 1 --> 2 ~~> 0, by a pointer to the object, not to its memory */
static int do_ring(void)
{
	int ret = make(3);

	if (ret)
		return ret;
	give(1, 2);
	give(0, 1);
	part(2)->object = &part(0)->tree;
	put_at_undo(&part(0)->tree);
	return 0;
}

/* 0 --> 1 ~~> 0, and 0 --> 2 in its slot: kept by the cycle, and not on it */
static int do_behind(void)
{
	int ret = make(3);

	if (ret)
		return ret;
	give(0, 1);
	kobjtree_hold_give(&part(0)->tree, &part(2)->tree);
	part(1)->by_hand = part(0);
	put_at_undo(&part(0)->tree);
	return 0;
}

/* 0 ~~> 1 ~~> 0 */
static int do_hands(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	part(0)->object = &part(1)->tree;
	part(1)->by_hand = part(0);
	return 0;
}

static int undo_hands(void)
{
	struct kobjtree *other = &part(1)->tree;

	kobjtree_put(&part(0)->tree);
	kobjtree_put(other);
	return 0;
}

static void put_object(void *data)
{
	kobjtree_put(data);
}

/* 0 --> 1 ~~> 0, by an action that would put it */
static int do_action(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	give(0, 1);
	put_at_undo(&part(0)->tree);
	return kobjtree_add_action(&part(1)->tree, put_object, &part(0)->tree);
}

static int undo_action(void)
{
	kobjtree_release_action(&part(1)->tree, put_object, &part(0)->tree);
	return 0;
}

/* 0 --> 1 ~~> 0, by a pointer in managed memory */
static int do_memory(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	give(0, 1);
	part(1)->more = kobjtree_kzalloc(&part(1)->tree, 2 * sizeof(*part(1)->more),
					 GFP_KERNEL);
	if (!part(1)->more)
		return -ENOMEM;
	part(1)->more[1] = &part(0)->tree;
	put_at_undo(&part(0)->tree);
	return 0;
}

/* 0 --> 1, and nobody has the reference to 0 */
static int do_lost(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	give(0, 1);
	put_at_undo(&part(0)->tree);
	return 0;
}

/* The same as a pair, but somebody has one more reference to 0. */
static int do_held(void)
{
	int ret = do_pair();

	if (!ret)
		kobjtree_get(&part(0)->tree);
	return ret;
}

static int undo_held(void)
{
	kobjtree_put(&part(0)->tree);
	kobjtree_put(&part(0)->tree);
	return 0;
}

/* 0 --> 1, which knows 0 by a weak reference */
static int do_weak(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	give(0, 1);
	kobjtree_weak_set(&part(1)->back, &part(0)->tree);
	put_at_undo(&part(0)->tree);
	return 0;
}

/* 0 --> 1 and 0 --> 1 in its slot, and plain pointers beside the edges */
static int do_beside(void)
{
	int ret = make(2);

	if (ret)
		return ret;
	kobjtree_hold(&part(0)->tree, &part(1)->tree);
	give(0, 1);
	part(0)->by_hand = part(1);
	part(0)->object = &part(1)->tree;
	put_at_undo(&part(0)->tree);
	return 0;
}

/* Objects next to each other in a list, each with its holder. */
static LIST_HEAD(list);

static int do_list(void)
{
	struct listed *new;
	int i;

	for (i = 0; i < 3; i++) {
		new = kobjtree_alloc(struct listed, tree, &listed_type, GFP_KERNEL);
		if (!new)
			return -ENOMEM;
		list_add_tail(&new->node, &list);
	}
	return 0;
}

static int undo_list(void)
{
	struct listed *one, *next;

	list_for_each_entry_safe(one, next, &list, node) {
		list_del(&one->node);
		kobjtree_put(&one->tree);
	}
	return 0;
}

/* 0 --> 1 --> 0, of a type that allows it, and the reference to 0 */
#ifdef CONFIG_KOBJTREE_CYCLIC
struct peer {
	struct kobjtree_cyclic cyclic;
};

DEFINE_KOBJTREE_CYCLIC_TYPE(peer_type, struct peer, cyclic);

static int do_peers(void)
{
	struct peer *a = kobjtree_alloc(struct peer, cyclic.tree, &peer_type, GFP_KERNEL);
	struct peer *b = kobjtree_alloc(struct peer, cyclic.tree, &peer_type, GFP_KERNEL);

	if (!a || !b)
		return -ENOMEM;
	put_at_undo(&a->cyclic.tree);
	kobjtree_hold_give(&a->cyclic.tree, &b->cyclic.tree);
	return kobjtree_link(&b->cyclic.tree, NULL, &a->cyclic.tree);
}
#else
static int do_peers(void)
{
	return -EOPNOTSUPP;
}
#endif

/* So many rings of three that no report has them all. */
#define RINGS	30

static unsigned long ring[RINGS];

static int do_many(void)
{
	int i, ret;

	for (i = 0; i < RINGS; i++) {
		ret = do_ring();
		if (ret)
			return ret;
		ring[i] = hidden_put;
	}
	return 0;
}

static int undo_many(void)
{
	int i;

	for (i = 0; i < RINGS; i++)
		kobjtree_put((struct kobjtree *)~ring[i]);
	return 0;
}

/* What most of them need: the put that is missing. */
static int undo(void)
{
	kobjtree_put((struct kobjtree *)~hidden_put);
	return 0;
}

static const struct {
	const char *name;
	int (*make)(void);
	int (*undo)(void);
} graphs[] = {
	{ "pair", do_pair, undo },
	{ "ring", do_ring, undo },
	{ "behind", do_behind, undo },
	{ "hands", do_hands, undo_hands },
	{ "action", do_action, undo_action },
	{ "memory", do_memory, undo },
	{ "lost", do_lost, undo },
	{ "held", do_held, undo_held },
	{ "weak", do_weak, undo },
	{ "beside", do_beside, undo },
	{ "list", do_list, undo_list },
	{ "many", do_many, undo_many },
	{ "peers", do_peers, undo },
};

static int made = -1;

/* Parameters of one module are set one at a time. */
static int do_set(const char *val, const struct kernel_param *kp)
{
	int i = made;

	if (sysfs_streq(val, "undo")) {
		made = -1;
		return i < 0 ? -ENOENT : graphs[i].undo();
	}
	for (i = 0; i < ARRAY_SIZE(graphs); i++) {
		if (sysfs_streq(val, graphs[i].name)) {
			made = i;
			return graphs[i].make();
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops do_ops = {
	.set = do_set,
};

module_param_cb(do, &do_ops, NULL, 0200);
MODULE_PARM_DESC(do, "which graph to make, or undo");

static int __init leaks_init(void)
{
	return 0;
}
module_init(leaks_init);

static void __exit leaks_exit(void)
{
	kobjtree_owner_barrier();
}
module_exit(leaks_exit);

MODULE_DESCRIPTION("Objects that leak, for a test of kobjtree");
MODULE_LICENSE("GPL");
