// SPDX-License-Identifier: GPL-2.0-only
/*
 * Graphs to look at, for ../insight.sh: what is written to
 * /sys/module/kobjtree_test_insight/parameters/do makes them, changes them and
 * drops them.
 *
 *   desk --slot--> lamp                  a member of desk: drawer
 *        --embedded--> chair
 *        --allocated--> book             (plain)
 */
#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/kobjtree_bind.h>
#include <linux/kobjtree_holder.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#define HUB_EDGES	1000
#define STORM_MS	3000
#define FILES		2

struct lamp {
	struct kobjtree tree;
};

struct chair {
	struct kobjtree tree;
};

struct book {
	struct kobjtree tree;
};

struct desk {
	struct kobjtree tree;
	struct kobjtree drawer;
	struct kobjtree_edge chair;
};

struct hub {
	struct kobjtree tree;
	struct kobjtree_edge edges[HUB_EDGES];
};

struct pair {
	struct kobjtree tree;
	struct kobjtree *by_hand;
};

struct gadget {
	struct kobjtree_bound bound;
};

static void insight_release(struct kobjtree *obj)
{
}

DEFINE_KOBJTREE_TYPE(lamp_type, struct lamp, tree, .release = insight_release);
DEFINE_KOBJTREE_TYPE(chair_type, struct chair, tree);
DEFINE_KOBJTREE_TYPE(drawer_type, struct desk, drawer);
DEFINE_KOBJTREE_TYPE(desk_type, struct desk, tree);
DEFINE_KOBJTREE_TYPE(hub_type, struct hub, tree);
DEFINE_KOBJTREE_TYPE(pair_type, struct pair, tree);
DEFINE_KOBJTREE_TYPE(gadget_type, struct gadget, bound.tree);

static struct desk *desk;
static struct hub *hub;
static struct pair *pair;
static struct gadget *gadget;
static struct lamp *lost;
static struct platform_device *pdev;
static struct kobjtree_holder files[FILES], timer, session;
static int nr_files;

static int do_desk(void)
{
	struct lamp *lamp = kobjtree_alloc(struct lamp, tree, &lamp_type, GFP_KERNEL);
	struct chair *chair = kobjtree_alloc(struct chair, tree, &chair_type, GFP_KERNEL);
	struct book *book = kobjtree_alloc(struct book, tree, NULL, GFP_KERNEL);
	int ret;

	desk = kobjtree_alloc(struct desk, tree, &desk_type, GFP_KERNEL);
	if (!lamp || !chair || !book || !desk)
		return -ENOMEM;
	kobjtree_hold_give(&desk->tree, &lamp->tree);
	kobjtree_hold_edge_give(&desk->tree, &desk->chair, &chair->tree);
	ret = kobjtree_link_give(&desk->tree, NULL, &book->tree);
	kobjtree_init_member(&desk->drawer, &drawer_type, &desk->tree);
	return ret;
}

static int do_take(void)
{
	kobjtree_get(&desk->tree);
	return 0;
}

static int do_give_back(void)
{
	kobjtree_put(&desk->tree);
	return 0;
}

/* References with a name, by functions that the stacks name. */
static noinline void desk_open(struct kobjtree_holder *file)
{
	kobjtree_holder_get(file, &desk->tree, "file");
	barrier();
}

static int do_open(void)
{
	if (nr_files == FILES)
		return -EMFILE;
	desk_open(&files[nr_files++]);
	return 0;
}

static int do_shut(void)
{
	while (nr_files)
		kobjtree_holder_put(&files[--nr_files], &desk->tree);
	return 0;
}

static int do_arm(void)
{
	kobjtree_holder_get(&timer, &desk->tree, "timer");
	return 0;
}

static int do_disarm(void)
{
	kobjtree_holder_put(&timer, &desk->tree);
	return 0;
}

static int do_unlink(void)
{
	return kobjtree_unlink(&desk->tree, &desk->chair) ? 0 : -ENOENT;
}

static int do_undesk(void)
{
	struct kobjtree *obj = &desk->tree;

	kobjtree_put(&desk->drawer);
	kobjtree_put(obj);
	return 0;
}

/* A put in no context to tear down in. */
static int do_undesk_async(void)
{
	struct kobjtree *obj = &desk->tree;

	kobjtree_put(&desk->drawer);
	kobjtree_put_async(obj);
	kobjtree_owner_barrier();
	return 0;
}

static int do_hub(void)
{
	struct chair *chair;
	int i;

	hub = kobjtree_alloc(struct hub, tree, &hub_type, GFP_KERNEL);
	for (i = 0; hub && i < HUB_EDGES; i++) {
		chair = kobjtree_alloc(struct chair, tree, &chair_type, GFP_KERNEL);
		if (!chair)
			return -ENOMEM;
		kobjtree_hold_edge_give(&hub->tree, &hub->edges[i], &chair->tree);
	}
	return hub ? 0 : -ENOMEM;
}

static int do_unhub(void)
{
	kobjtree_put(&hub->tree);
	return 0;
}

/* The two bugs: a reference that nobody has, and a circle closed by hand. */
static int do_lose(void)
{
	lost = kobjtree_alloc(struct lamp, tree, &lamp_type, GFP_KERNEL);
	return lost ? 0 : -ENOMEM;
}

static int do_find(void)
{
	kobjtree_put(&lost->tree);
	return 0;
}

/* A session that nobody closes. */
static noinline int lamp_open(void)
{
	int ret = do_lose();

	if (!ret)
		kobjtree_holder_give(&session, &lost->tree, "session");
	return ret;
}

static int do_forget(void)
{
	return lamp_open();
}

static int do_remember(void)
{
	kobjtree_holder_put(&session, &lost->tree);
	return 0;
}

/* A put too many: the pointer is to what is gone. */
static noinline void lamp_close(void)
{
	kobjtree_put(&lost->tree);
	barrier();
}

/* Not the same code as above, or the compiler makes one of them. */
static noinline void lamp_close_again(void)
{
	barrier();
	kobjtree_put(&lost->tree);
	barrier();
}

static int do_put_again(void)
{
	int ret = do_lose();

	if (ret)
		return ret;
	lamp_close();
	lamp_close_again();
	return 0;
}

static int do_circle(void)
{
	struct pair *other = kobjtree_alloc(struct pair, tree, &pair_type, GFP_KERNEL);

	pair = kobjtree_alloc(struct pair, tree, &pair_type, GFP_KERNEL);
	if (!pair || !other)
		return -ENOMEM;
	other->by_hand = &pair->tree;
	kobjtree_hold_give(&pair->tree, &other->tree);
	return 0;
}

static int do_uncircle(void)
{
	kobjtree_put(&pair->tree);
	return 0;
}

static int insight_probe(struct platform_device *p)
{
	gadget = kobjtree_alloc_bound(&p->dev, struct gadget, bound, &gadget_type);
	if (IS_ERR(gadget))
		return PTR_ERR(gadget);
	kobjtree_get(&gadget->bound.tree);
	return kobjtree_publish(&gadget->bound);
}

static struct platform_driver insight_driver = {
	.probe = insight_probe,
	.driver = { .name = "kobjtree_test_insight" },
};

static int do_device(void)
{
	pdev = platform_device_register_simple("kobjtree_test_insight", 0, NULL, 0);
	return PTR_ERR_OR_ZERO(pdev);
}

static int do_mark(void)
{
	kobjtree_mark(&gadget->bound.gate);
	return 0;
}

static int do_unplug(void)
{
	kobjtree_unplug(&gadget->bound.gate);
	return 0;
}

static int do_unbind(void)
{
	platform_device_unregister(pdev);
	return 0;
}

static int do_close(void)
{
	kobjtree_put(&gadget->bound.tree);
	return 0;
}

/* Make and drop for a while, with edges and members. */
static int storm(void *done)
{
	unsigned long end = jiffies + msecs_to_jiffies(STORM_MS);

	while (time_before(jiffies, end)) {
		struct lamp *lamp = kobjtree_alloc(struct lamp, tree, NULL, GFP_KERNEL);
		struct desk *d = kobjtree_alloc(struct desk, tree, &desk_type, GFP_KERNEL);

		if (!lamp || !d)
			break;
		kobjtree_hold_edge(&d->tree, &d->chair, &lamp->tree);
		kobjtree_hold_give(&d->tree, &lamp->tree);
		kobjtree_init_member(&d->drawer, &drawer_type, &d->tree);
		kobjtree_put(&d->tree);
		kobjtree_put(&d->drawer);
		cond_resched();
	}
	complete(done);
	return 0;
}

static DECLARE_COMPLETION(storms);

static int do_storm(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (IS_ERR(kthread_run(storm, &storms, "kobjtree_storm")))
			complete(&storms);
	}
	return 0;
}

static int do_calm(void)
{
	wait_for_completion(&storms);
	wait_for_completion(&storms);
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
} deeds[] = {
	{ "desk", do_desk },
	{ "take", do_take },
	{ "give_back", do_give_back },
	{ "open", do_open },
	{ "shut", do_shut },
	{ "arm", do_arm },
	{ "disarm", do_disarm },
	{ "unlink", do_unlink },
	{ "undesk", do_undesk },
	{ "undesk_async", do_undesk_async },
	{ "hub", do_hub },
	{ "unhub", do_unhub },
	{ "lose", do_lose },
	{ "find", do_find },
	{ "forget", do_forget },
	{ "remember", do_remember },
	{ "put_again", do_put_again },
	{ "circle", do_circle },
	{ "uncircle", do_uncircle },
	{ "device", do_device },
	{ "mark", do_mark },
	{ "unplug", do_unplug },
	{ "unbind", do_unbind },
	{ "close", do_close },
	{ "storm", do_storm },
	{ "calm", do_calm },
};

/* Parameters of one module are set one at a time. */
static int do_set(const char *val, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++) {
		if (sysfs_streq(val, deeds[i].name))
			return deeds[i].fn();
	}
	return -EINVAL;
}

static const struct kernel_param_ops do_ops = {
	.set = do_set,
};

module_param_cb(do, &do_ops, NULL, 0200);
MODULE_PARM_DESC(do, "what to do");

module_kobjtree_driver(insight_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Graphs to look at, for a test of kobjtree");
MODULE_LICENSE("GPL");
