// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hardware of the samples: platform devices with a sensor in plain memory,
 * whose interrupt is a timer.
 *
 * As real registers and interrupts, they are there while the driver is bound:
 * devres unmaps the ones and frees the others. A read of a register after that
 * is a use after free here, and a bus error or worse elsewhere.
 */
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "sensor.h"

/* One for each driver. */
static const char * const sensor_sim_names[] = {
	"sensor_devm", "sensor_rwsem", "sensor_kobjtree",
	"pair_devm", "pair_kobjtree",
	"supply_devm", "supply_kobjtree", "supply_kobjtree_sub",
	"lamp_devm", "lamp_kobjtree",
	"isp_kobjtree", "isp_kobjtree_sensor",
};

static struct platform_device *sensor_sim_devs[ARRAY_SIZE(sensor_sim_names)];

struct sensor_sim {
	u32 *regs;	/* a page, to be mapped */
	struct timer_list timer;
	void (*irq)(void *data);
	void *data;
};

static void sensor_sim_start(struct sensor_sim *sim)
{
	mod_timer(&sim->timer,
		  jiffies + msecs_to_jiffies(READ_ONCE(sim->regs[SENSOR_PERIOD])));
}

static void sensor_sim_tick(struct timer_list *timer)
{
	struct sensor_sim *sim = container_of(timer, struct sensor_sim, timer);

	sim->regs[SENSOR_DATA] += 1;
	sim->regs[SENSOR_DATA1] += 2;
	sim->irq(sim->data);
	if (READ_ONCE(sim->regs[SENSOR_CTRL]))
		sensor_sim_start(sim);
}

static void sensor_sim_stop(void *data)
{
	struct sensor_sim *sim = data;

	timer_shutdown_sync(&sim->timer);
}

struct sensor_sim *devm_sensor_sim(struct device *dev, void (*irq)(void *data),
				   void *data)
{
	struct sensor_sim *sim = devm_kzalloc(dev, sizeof(*sim), GFP_KERNEL);
	int ret;

	if (!sim)
		return ERR_PTR(-ENOMEM);
	sim->regs = (void *)devm_get_free_pages(dev, GFP_KERNEL | __GFP_ZERO, 0);
	if (!sim->regs)
		return ERR_PTR(-ENOMEM);
	sim->regs[SENSOR_PERIOD] = 20;
	sim->irq = irq;
	sim->data = data;
	timer_setup(&sim->timer, sensor_sim_tick, 0);
	ret = devm_add_action_or_reset(dev, sensor_sim_stop, sim);
	return ret ? ERR_PTR(ret) : sim;
}
EXPORT_SYMBOL_GPL(devm_sensor_sim);

u32 sensor_sim_read(struct sensor_sim *sim, enum sensor_sim_reg reg)
{
	return READ_ONCE(sim->regs[reg]);
}
EXPORT_SYMBOL_GPL(sensor_sim_read);

void sensor_sim_write(struct sensor_sim *sim, enum sensor_sim_reg reg, u32 val)
{
	WRITE_ONCE(sim->regs[reg], val);
	if (READ_ONCE(sim->regs[SENSOR_CTRL]))
		sensor_sim_start(sim);
}
EXPORT_SYMBOL_GPL(sensor_sim_write);

unsigned long sensor_sim_pfn(struct sensor_sim *sim)
{
	return page_to_pfn(virt_to_page(sim->regs));
}
EXPORT_SYMBOL_GPL(sensor_sim_pfn);

static void sensor_sim_unregister(int n)
{
	while (n--)
		platform_device_unregister(sensor_sim_devs[n]);
}

static int __init sensor_sim_init(void)
{
	struct platform_device *pdev;
	int i;

	for (i = 0; i < ARRAY_SIZE(sensor_sim_names); i++) {
		pdev = platform_device_register_simple(sensor_sim_names[i],
						       PLATFORM_DEVID_NONE,
						       NULL, 0);
		if (IS_ERR(pdev)) {
			sensor_sim_unregister(i);
			return PTR_ERR(pdev);
		}
		sensor_sim_devs[i] = pdev;
	}
	return 0;
}
module_init(sensor_sim_init);

static void __exit sensor_sim_exit(void)
{
	sensor_sim_unregister(ARRAY_SIZE(sensor_sim_names));
}
module_exit(sensor_sim_exit);

MODULE_DESCRIPTION("Simulated hardware of the kobjtree samples");
MODULE_LICENSE("GPL");
