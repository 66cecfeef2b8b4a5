// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two supplies, with kobjtree: supply_kobjtree, and supply_kobjtree_sub, which
 * is supplied by the first one.
 *
 *	echo supply_kobjtree > /sys/bus/platform/drivers/supply_kobjtree/unbind
 *
 * is safe while both are in use, as is rmmod. Compare with supply_devm.c.
 */
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "rail.h"

enum supply_reg { SUPPLY_ON, SUPPLY_MV, SUPPLY_REGS };

struct supply {
	struct rail rail;
	u32 *regs;		/* as real ones, there while the device is bound */
	wait_queue_head_t ramp;
};

static struct supply *to_supply(struct rail *rail)
{
	return container_of(rail, struct supply, rail);
}

static int supply_enable(struct rail *rail)
{
	WRITE_ONCE(to_supply(rail)->regs[SUPPLY_ON], 1);
	return 0;
}

static void supply_disable(struct rail *rail)
{
	WRITE_ONCE(to_supply(rail)->regs[SUPPLY_ON], 0);
}

/* It takes a millisecond for each mV; an unbind does not wait for that. */
static int supply_set(struct rail *rail, u32 mv)
{
	struct supply *s = to_supply(rail);
	long ret;

	ret = kobjtree_wait_event_timeout(&rail->bound.gate, s->ramp, false,
					  msecs_to_jiffies(mv));
	if (ret < 0)
		return ret;
	WRITE_ONCE(s->regs[SUPPLY_MV], mv);
	return 0;
}

static int supply_get(struct rail *rail)
{
	struct supply *s = to_supply(rail);

	return READ_ONCE(s->regs[SUPPLY_ON]) ? READ_ONCE(s->regs[SUPPLY_MV]) : 0;
}

static const struct rail_ops supply_ops = {
	.enable = supply_enable,
	.disable = supply_disable,
	.set = supply_set,
	.get = supply_get,
};

static int supply_probe(struct platform_device *pdev)
{
	const char *supplied_by = (void *)platform_get_device_id(pdev)->driver_data;
	struct supply *s;

	s = kobjtree_alloc_bound(&pdev->dev, struct supply, rail.bound);
	if (IS_ERR(s))
		return PTR_ERR(s);
	init_waitqueue_head(&s->ramp);
	s->regs = devm_kcalloc(&pdev->dev, SUPPLY_REGS, sizeof(u32), GFP_KERNEL);
	if (!s->regs)
		return -ENOMEM;
	if (supplied_by) {
		s->rail.supply = rail_get(&s->rail.bound, supplied_by, NULL);
		if (IS_ERR(s->rail.supply))
			return PTR_ERR(s->rail.supply);
	}
	return rail_register(&s->rail, &supply_ops, dev_name(&pdev->dev));
}

static const struct platform_device_id supply_ids[] = {
	{ "supply_kobjtree" },
	{ "supply_kobjtree_sub", (kernel_ulong_t)"supply_kobjtree" },
	{ }
};
MODULE_DEVICE_TABLE(platform, supply_ids);

static struct platform_driver supply_driver = {
	.probe = supply_probe,
	.id_table = supply_ids,
	.driver.name = "supply_kobjtree",
};
module_kobjtree_driver(supply_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Sample: supplies with kobjtree");
MODULE_LICENSE("GPL");
