// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two drivers that use each other, with kobjtree: a camera's processor gives
 * the sensor its clock, and reads the pictures of the sensor:
 * /dev/isp_kobjtree.
 *
 *	sensor -> clock -> processor	edges: the sensor needs the clock always
 *	processor - - > sensor		weak: it can do without for a while
 *
 * An edge in both directions would be a cycle, and is refused. Either can be
 * unbound first.
 */
#include <linux/kobjtree_chrdev.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "rail.h"

/* === The sensor === */

struct isp_sensor {
	struct kobjtree_bound bound;
	struct mutex lock;		/* of ->clock */
	struct rail_use *clock;		/* NULL once it is lost */
	u32 *pixel;			/* as a register */
};

/* How the board is wired. */
static struct kobjtree_weak isp_sensor;
static DEFINE_MUTEX(isp_sensor_lock);	/* of its setters */

static int isp_sensor_read(struct isp_sensor *sensor, u32 *val)
{
	int ret;

	CLASS(kobjtree_section, section)(&sensor->bound.gate);

	if (!section)
		return -ENODEV;
	guard(mutex)(&sensor->lock);
	ret = sensor->clock ? rail_enable(sensor->clock) : -ENODEV;
	if (ret)
		return ret;
	*val = READ_ONCE(*sensor->pixel);
	rail_disable(sensor->clock);
	return 0;
}

/* It keeps nothing of a processor that is gone. */
static void isp_sensor_lost(struct kobjtree_bound *bound)
{
	struct isp_sensor *sensor = container_of(bound, struct isp_sensor, bound);

	guard(mutex)(&sensor->lock);
	rail_put(&sensor->bound, sensor->clock);
	sensor->clock = NULL;
}

static int isp_sensor_probe(struct platform_device *pdev)
{
	struct isp_sensor *sensor;
	int ret;

	sensor = kobjtree_alloc_bound(&pdev->dev, struct isp_sensor, bound);
	if (IS_ERR(sensor))
		return PTR_ERR(sensor);
	mutex_init(&sensor->lock);
	sensor->pixel = devm_kzalloc(&pdev->dev, sizeof(u32), GFP_KERNEL);
	if (!sensor->pixel)
		return -ENOMEM;
	*sensor->pixel = 42;
	sensor->clock = rail_get(&sensor->bound, "isp_kobjtree",
				 isp_sensor_lost);
	if (IS_ERR(sensor->clock))
		return PTR_ERR(sensor->clock);
	ret = kobjtree_publish(&sensor->bound);
	if (ret)
		return ret;
	guard(mutex)(&isp_sensor_lock);
	kobjtree_weak_set(&isp_sensor, &sensor->bound.tree);
	return 0;
}

static struct platform_driver isp_sensor_driver = {
	.probe = isp_sensor_probe,
	.driver.name = "isp_kobjtree_sensor",
};

/* === The processor === */

struct isp {
	struct rail clock;
	struct kobjtree_chrdev chr;
	bool *running;		/* as a register */
};

static int isp_clock_on(struct rail *rail)
{
	WRITE_ONCE(*container_of(rail, struct isp, clock)->running, true);
	return 0;
}

static void isp_clock_off(struct rail *rail)
{
	WRITE_ONCE(*container_of(rail, struct isp, clock)->running, false);
}

static const struct rail_ops isp_clock_ops = {
	.enable = isp_clock_on,
	.disable = isp_clock_off,
};

static ssize_t isp_read(struct file *file, struct iov_iter *to, loff_t pos)
{
	struct kobjtree *obj __free(kobjtree_put) = kobjtree_weak_get(&isp_sensor);
	u32 val;
	int ret;

	if (!obj)
		return -ENODEV;
	ret = isp_sensor_read(container_of(obj, struct isp_sensor, bound.tree),
			      &val);
	return ret ?: copy_to_iter(&val, sizeof(val), to);
}

static const struct kobjtree_chrdev_ops isp_ops = { .read = isp_read };

static int isp_probe(struct platform_device *pdev)
{
	struct isp *isp;
	int ret;

	isp = kobjtree_alloc_bound(&pdev->dev, struct isp, clock.bound);
	if (IS_ERR(isp))
		return PTR_ERR(isp);
	isp->running = devm_kzalloc(&pdev->dev, sizeof(bool), GFP_KERNEL);
	if (!isp->running)
		return -ENOMEM;
	ret = rail_register(&isp->clock, &isp_clock_ops, "isp_kobjtree");
	if (ret)
		return ret;
	return kobjtree_chrdev_register(&isp->chr, &isp->clock.bound, &isp_ops,
					"isp_kobjtree");
}

static struct platform_driver isp_driver = {
	.probe = isp_probe,
	.driver.name = "isp_kobjtree",
};

static struct platform_driver * const isp_drivers[] = {
	&isp_driver,
	&isp_sensor_driver,
};

static int __init isp_init(void)
{
	return platform_register_drivers(isp_drivers, ARRAY_SIZE(isp_drivers));
}
module_init(isp_init);

static void __exit isp_exit(void)
{
	platform_unregister_drivers(isp_drivers, ARRAY_SIZE(isp_drivers));
	kobjtree_owner_barrier();
	kobjtree_weak_clear(&isp_sensor);
}
module_exit(isp_exit);

MODULE_DESCRIPTION("Sample: two drivers that use each other, with kobjtree");
MODULE_LICENSE("GPL");
