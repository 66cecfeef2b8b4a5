// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core between providers and users of supplies, with kobjtree.
 *
 * Invariant: a user holds its handle, and the handle holds the rail, so that
 * whoever can call has valid memory. Each call is a section of the rail's gate,
 * so that it reaches the provider while that is there, or not at all. The table
 * and the rail's list of users hold nobody.
 *
 *	user -> handle -> rail		edges
 *	        handle - - > user	weak, for the news that the rail is gone
 *
 * Compare with rail_devm.c.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "rail.h"

static bool links = true;
module_param(links, bool, 0644);
MODULE_PARM_DESC(links, "let the driver core unbind users first, by device links");

/* The table, and all lists of users. Not held over calls out. */
static DEFINE_MUTEX(rails_lock);
static LIST_HEAD(rails);

/* A user's hold on a rail. */
struct rail_use {
	struct kobjtree tree;
	struct rail *rail;
	struct list_head node;		/* in rail->users */
	unsigned int enabled;		/* under rail->lock */
	struct kobjtree_weak user;	/* of a struct kobjtree_bound */
	void (*lost)(struct kobjtree_bound *user);
};

/* === Calls === */

/* Switch off; the caller is in a section, or there will be none. */
static void rail_off(struct rail *rail)
{
	lockdep_assert_held(&rail->lock);
	if (rail->on)
		rail->ops->disable(rail);
	rail->on = false;
}

/**
 * rail_enable() - switch a rail on, and what supplies it
 * @use: the handle
 *
 * Return: 0, an error of the provider, -ENODEV if that is gone.
 */
int rail_enable(struct rail_use *use)
{
	struct rail *rail = use->rail;
	int ret;

	CLASS(kobjtree_section, section)(&rail->bound.gate);

	if (!section)
		return -ENODEV;
	ret = rail->supply ? rail_enable(rail->supply) : 0;
	if (ret)
		return ret;
	scoped_guard(mutex, &rail->lock) {
		ret = rail->on ? 0 : rail->ops->enable(rail);
		if (!ret) {
			rail->on = true;
			rail->enabled++;
			use->enabled++;
		}
	}
	if (ret && rail->supply)
		rail_disable(rail->supply);
	return ret;
}
EXPORT_SYMBOL_GPL(rail_enable);

/**
 * rail_disable() - take back one rail_enable()
 * @use: the handle
 *
 * Once the provider is gone it counts, and does nothing else.
 */
void rail_disable(struct rail_use *use)
{
	struct rail *rail = use->rail;

	CLASS(kobjtree_section, section)(&rail->bound.gate);

	scoped_guard(mutex, &rail->lock) {
		if (WARN_ON_ONCE(!use->enabled))
			return;
		use->enabled--;
		rail->enabled--;
		if (section && !rail->enabled)
			rail_off(rail);
	}
	/* Without a section, the end of this rail's binding does it. */
	if (section && rail->supply)
		rail_disable(rail->supply);
}
EXPORT_SYMBOL_GPL(rail_disable);

/**
 * rail_set_mv() - set the voltage
 * @use: the handle
 * @mv: in mV
 *
 * Return: 0, an error of the provider, -ENODEV if that is gone or goes meanwhile.
 */
int rail_set_mv(struct rail_use *use, u32 mv)
{
	struct rail *rail = use->rail;

	CLASS(kobjtree_section, section)(&rail->bound.gate);

	if (!section)
		return -ENODEV;
	guard(mutex)(&rail->lock);
	return rail->ops->set(rail, mv);
}
EXPORT_SYMBOL_GPL(rail_set_mv);

/**
 * rail_get_mv() - the voltage
 * @use: the handle
 *
 * Return: mV, an error of the provider, -ENODEV if that is gone.
 */
int rail_get_mv(struct rail_use *use)
{
	struct rail *rail = use->rail;

	CLASS(kobjtree_section, section)(&rail->bound.gate);

	if (!section)
		return -ENODEV;
	guard(mutex)(&rail->lock);
	return rail->ops->get(rail);
}
EXPORT_SYMBOL_GPL(rail_get_mv);

/**
 * rail_lost() - is the provider gone?
 * @use: the handle
 *
 * For a user to ask once it has published itself: until then its callback is
 * not called.
 *
 * Return: true from the beginning of the provider's removal on.
 */
bool rail_lost(struct rail_use *use)
{
	return kobjtree_marked(&use->rail->bound.gate);
}
EXPORT_SYMBOL_GPL(rail_lost);

/* === Users === */

/* Give back what is still on. */
static void rail_use_off(void *data)
{
	struct rail_use *use = data;

	while (use->enabled)
		rail_disable(use);
}

static void rail_use_release(struct kobjtree *tree)
{
	struct rail_use *use = container_of(tree, struct rail_use, tree);

	scoped_guard(mutex, &rails_lock)
		list_del_init(&use->node);
	kobjtree_weak_clear(&use->user);
	rail_use_off(use);
}

DEFINE_KOBJTREE_TYPE(rail_use_type, struct rail_use, tree,
		     .release = rail_use_release);

static struct rail *rail_find(const char *name)
{
	struct rail *rail;

	lockdep_assert_held(&rails_lock);
	list_for_each_entry(rail, &rails, node) {
		if (!strcmp(rail->name, name))
			return rail;
	}
	return NULL;
}

/* In one critical section: from its end on, the rail cannot go unnoticed. */
static int rail_use_join(struct rail_use *use, const char *name)
{
	struct rail *rail;

	guard(mutex)(&rails_lock);
	rail = rail_find(name);
	if (!rail || kobjtree_marked(&rail->bound.gate) ||
	    !kobjtree_get_unless_zero(&rail->bound.tree))
		return -EPROBE_DEFER;
	kobjtree_hold_give(&use->tree, &rail->bound.tree);
	use->rail = rail;
	list_add(&use->node, &rail->users);
	return 0;
}

/* With a reference for the caller, NULL if the provider is gone. */
static struct device *rail_get_device(struct rail *rail)
{
	CLASS(kobjtree_section, section)(&rail->bound.gate);

	return section ? get_device(rail->bound.dev) : NULL;
}

/* Where both are devices, the driver core unbinds the user first. */
static int rail_link_devices(struct rail_use *use, struct device *user)
{
	struct device *provider = rail_get_device(use->rail);
	struct device_link *link;

	if (!provider)
		return -EPROBE_DEFER;
	/* Not in a section: it takes locks that are held over page faults. */
	link = device_link_add(user, provider, DL_FLAG_AUTOREMOVE_SUPPLIER);
	put_device(provider);

	CLASS(kobjtree_section, section)(&use->rail->bound.gate);

	/* Without a section, the link may be gone, too. */
	if (!section)
		return -EPROBE_DEFER;
	/* In a circle of devices there is none, and the gate has to do. */
	if (link && READ_ONCE(link->status) == DL_STATE_SUPPLIER_UNBIND)
		return -EPROBE_DEFER;
	return 0;
}

/* The user's devres gives back what is on, its object gives back the memory. */
static int rail_use_attach(struct rail_use *use, struct kobjtree_bound *user)
{
	int ret = 0;

	if (user->dev && links)
		ret = rail_link_devices(use, user->dev);
	if (!ret && user->dev)
		ret = devm_add_action(user->dev, rail_use_off, use);
	if (ret)
		return ret;
	ret = kobjtree_link_give(&user->tree, NULL, &use->tree);
	if (ret && user->dev)
		devm_remove_action(user->dev, rail_use_off, use);
	return ret;
}

/**
 * rail_get() - look for a rail, and hold it
 * @user: who needs it, and holds the handle from now on
 * @name: of the rail
 * @lost: called once when the provider goes, in a section of @user's gate; may
 *	sleep, and may put the handle. NULL if @user cannot do without: it is
 *	unplugged then, before its provider is stopped.
 *
 * Context: process context, may sleep; in the probe of @user, before it is
 * published.
 * Return: the handle, valid until the release of @user has returned; an
 * ERR_PTR(): -EPROBE_DEFER if there is no such rail, -ENOMEM, -ELOOP if it is
 * @user that supplies the rail.
 */
struct rail_use *rail_get(struct kobjtree_bound *user, const char *name,
			  void (*lost)(struct kobjtree_bound *user))
{
	struct rail_use *use;
	int ret;

	use = kobjtree_alloc(struct rail_use, tree, &rail_use_type, GFP_KERNEL);
	if (!use)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&use->node);
	use->lost = lost;
	kobjtree_weak_set(&use->user, &user->tree);
	ret = rail_use_join(use, name) ?: rail_use_attach(use, user);
	if (!ret)
		return use;
	kobjtree_put(&use->tree);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(rail_get);

/**
 * rail_put() - give up a rail before the user's object goes
 * @user: who called rail_get()
 * @use: the handle
 *
 * Gives back what @user has left on. Nobody else uses @use any more. A callback
 * that runs meanwhile may return later than this.
 *
 * Context: process context, may sleep; in the probe of @user, or in a section of
 * its gate.
 */
void rail_put(struct kobjtree_bound *user, struct rail_use *use)
{
	if (user->dev)
		devm_remove_action(user->dev, rail_use_off, use);
	kobjtree_drop(&user->tree, &use->tree);
}
EXPORT_SYMBOL_GPL(rail_put);

/* === Providers === */

/* One handle, with a reference for the caller, that was not told yet. */
static struct rail_use *rail_next_use(struct rail *rail)
{
	struct rail_use *use;

	guard(mutex)(&rails_lock);
	while ((use = list_first_entry_or_null(&rail->users, struct rail_use, node))) {
		list_del_init(&use->node);
		if (kobjtree_get_unless_zero(&use->tree))
			return use;
	}
	return NULL;
}

/* Neither the user's unbind nor the end of its module comes in between. */
static bool rail_call_lost(struct rail_use *use, struct kobjtree_bound *user)
{
	CLASS(kobjtree_section, section)(&user->gate);

	if (section)
		use->lost(user);
	return section;
}

static bool rail_unplug_user(struct kobjtree_bound *user)
{
	bool there = !kobjtree_marked(&user->gate);

	kobjtree_unplug(&user->gate);
	return there;
}

/* True if the user was still there. */
static bool rail_tell(struct rail_use *use)
{
	struct kobjtree *obj = kobjtree_weak_get(&use->user);
	struct kobjtree_bound *user;
	bool told;

	if (!obj)
		return false;
	user = container_of(obj, struct kobjtree_bound, tree);
	told = use->lost ? rail_call_lost(use, user) : rail_unplug_user(user);
	kobjtree_put(obj);
	return told;
}

/* No call runs any more. Users first, so that they stop while there is power. */
static void rail_quiesce(struct kobjtree_watcher *watcher)
{
	struct rail *rail = container_of(watcher, struct rail, watcher);
	struct rail_use *use;
	unsigned int told = 0;

	scoped_guard(mutex, &rails_lock)
		list_del(&rail->node);
	while ((use = rail_next_use(rail))) {
		told += rail_tell(use);
		kobjtree_put(&use->tree);
	}
	scoped_guard(mutex, &rail->lock) {
		if (told || rail->on)
			dev_notice(rail->bound.dev, "gone under %u users%s\n",
				   told, rail->on ? ", switched off" : "");
		rail_off(rail);
	}
}

/**
 * rail_register() - publish a rail
 * @rail: the rail, allocated with kobjtree_alloc_bound()
 * @ops: what it can do
 * @name: its name, valid while the device is bound
 *
 * The last step of probe. There is no unregister: the removal of @rail does it.
 *
 * Context: process context, may sleep; while the device is being bound.
 * Return: 0; -EEXIST if there is such a rail; -ENODEV if @rail's own supply is
 * gone; -ENOMEM. After an error there is nothing to undo.
 */
int rail_register(struct rail *rail, const struct rail_ops *ops,
		  const char *name)
{
	int ret;

	rail->ops = ops;
	rail->name = name;
	rail->watcher.quiesce = rail_quiesce;
	INIT_LIST_HEAD(&rail->users);
	mutex_init(&rail->lock);
	ret = kobjtree_publish(&rail->bound);
	if (ret)
		return ret;

	guard(mutex)(&rails_lock);
	if (rail_find(name))
		return -EEXIST;
	ret = kobjtree_watch(&rail->bound.gate, &rail->watcher);
	if (!ret)
		list_add(&rail->node, &rails);
	return ret;
}
EXPORT_SYMBOL_GPL(rail_register);

static int __init rail_init(void)
{
	return 0;
}
module_init(rail_init);

static void __exit rail_exit(void)
{
	kobjtree_owner_barrier();
}
module_exit(rail_exit);

MODULE_DESCRIPTION("Sample: a core of supplies with kobjtree");
MODULE_LICENSE("GPL");
