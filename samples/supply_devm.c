// SPDX-License-Identifier: GPL-2.0-only
/*
 * A supply, the usual way: supply_devm.
 *
 * WRONG: its struct goes at unbind, whoever uses the supply. A reference to its
 * module does not help. Compare with supply_kobjtree.c.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "rail_devm.h"

enum supply_reg { SUPPLY_ON, SUPPLY_MV, SUPPLY_REGS };

struct supply {
	struct rail rail;
	u32 *regs;		/* as real ones, there while the device is bound */
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

/* It takes a millisecond for each mV. */
static int supply_set(struct rail *rail, u32 mv)
{
	msleep(mv);
	WRITE_ONCE(to_supply(rail)->regs[SUPPLY_MV], mv);
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
	struct supply *s;

	s = devm_kzalloc(&pdev->dev, sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	platform_set_drvdata(pdev, s);
	s->regs = devm_kcalloc(&pdev->dev, SUPPLY_REGS, sizeof(u32), GFP_KERNEL);
	if (!s->regs)
		return -ENOMEM;
	s->rail.ops = &supply_ops;
	s->rail.name = dev_name(&pdev->dev);
	s->rail.owner = THIS_MODULE;
	return rail_devm_register(&s->rail);
}

static void supply_remove(struct platform_device *pdev)
{
	struct supply *s = platform_get_drvdata(pdev);

	rail_devm_unregister(&s->rail);
}

static struct platform_driver supply_driver = {
	.probe = supply_probe,
	.remove = supply_remove,
	.driver.name = "supply_devm",
};
module_platform_driver(supply_driver);

MODULE_DESCRIPTION("Sample: a supply the usual, wrong way");
MODULE_LICENSE("GPL");
