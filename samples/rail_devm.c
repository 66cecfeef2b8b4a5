// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core between providers and users of supplies, the usual way.
 *
 * WRONG, as many cores are: what a user gets is a pointer and a reference to the
 * provider's module. That keeps the provider's code, and neither its memory nor
 * its hardware: after
 *
 *	echo supply_devm > /sys/bus/platform/drivers/supply_devm/unbind
 *
 * each call of a user is a use after free, and the put is one. Compare with
 * rail_kobjtree.c.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>

#include "rail_devm.h"

static DEFINE_MUTEX(rails_lock);
static LIST_HEAD(rails);

static struct rail *rail_find(const char *name)
{
	struct rail *rail;

	list_for_each_entry(rail, &rails, node) {
		if (!strcmp(rail->name, name))
			return rail;
	}
	return NULL;
}

int rail_devm_register(struct rail *rail)
{
	mutex_init(&rail->lock);
	guard(mutex)(&rails_lock);
	if (rail_find(rail->name))
		return -EEXIST;
	list_add(&rail->node, &rails);
	return 0;
}
EXPORT_SYMBOL_GPL(rail_devm_register);

void rail_devm_unregister(struct rail *rail)
{
	guard(mutex)(&rails_lock);
	list_del(&rail->node);
}
EXPORT_SYMBOL_GPL(rail_devm_unregister);

struct rail *rail_devm_get(const char *name)
{
	struct rail *rail;

	guard(mutex)(&rails_lock);
	rail = rail_find(name);
	if (!rail || !try_module_get(rail->owner))
		return ERR_PTR(-EPROBE_DEFER);
	return rail;
}
EXPORT_SYMBOL_GPL(rail_devm_get);

void rail_devm_put(struct rail *rail)
{
	module_put(rail->owner);
}
EXPORT_SYMBOL_GPL(rail_devm_put);

int rail_devm_enable(struct rail *rail)
{
	int ret;

	guard(mutex)(&rail->lock);
	ret = rail->enabled ? 0 : rail->ops->enable(rail);
	if (!ret)
		rail->enabled++;
	return ret;
}
EXPORT_SYMBOL_GPL(rail_devm_enable);

void rail_devm_disable(struct rail *rail)
{
	guard(mutex)(&rail->lock);
	if (!--rail->enabled)
		rail->ops->disable(rail);
}
EXPORT_SYMBOL_GPL(rail_devm_disable);

int rail_devm_set_mv(struct rail *rail, u32 mv)
{
	guard(mutex)(&rail->lock);
	return rail->ops->set(rail, mv);
}
EXPORT_SYMBOL_GPL(rail_devm_set_mv);

int rail_devm_get_mv(struct rail *rail)
{
	guard(mutex)(&rail->lock);
	return rail->ops->get(rail);
}
EXPORT_SYMBOL_GPL(rail_devm_get_mv);

MODULE_DESCRIPTION("Sample: a core of supplies the usual, wrong way");
MODULE_LICENSE("GPL");
