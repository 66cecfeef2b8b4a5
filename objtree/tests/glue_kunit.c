// SPDX-License-Identifier: GPL-2.0-only
/*
 * The glue that Documentation/core-api/kobjtree-glue.rst shows, line for line, and
 * the mistakes that it names: what each of them does to a user.
 */
#include <kunit/test.h>
#include <linux/kobjtree_bind.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#define DRIVER	"kobjtree_glue_kunit"

/* === The example === */

struct meter {
	struct kobjtree_bound *bound;	/* the driver's object */
	const struct meter_ops *ops;
	const char *name;
	struct list_head node;
	struct kobjtree_watcher watcher;
};

struct meter_ops {
	int (*read)(struct meter *meter, u32 *val);	/* in a section */
};

static LIST_HEAD(meters);
static DEFINE_MUTEX(meters_lock);

static void meter_wake(struct kobjtree_watcher *watcher)
{
	struct meter *meter = container_of(watcher, struct meter, watcher);

	guard(mutex)(&meters_lock);
	list_del_init(&meter->node);
}

static int meter_register(struct meter *meter, struct kobjtree_bound *bound,
			  const struct meter_ops *ops, const char *name)
{
	int ret = kobjtree_publish(bound);

	if (ret)
		return ret;
	meter->bound = bound;
	meter->ops = ops;
	meter->name = name;
	meter->watcher.wake = meter_wake;
	INIT_LIST_HEAD(&meter->node);
	ret = kobjtree_watch(&bound->gate, &meter->watcher);
	if (ret)
		return ret;
	guard(mutex)(&meters_lock);
	if (kobjtree_marked(&bound->gate))
		return -ENODEV;		/* the wake may be over */
	list_add(&meter->node, &meters);
	return 0;
}

/* To be ended with kobjtree_put(&meter->bound->tree). */
static struct meter *meter_find(const char *name)
{
	struct meter *meter;

	guard(mutex)(&meters_lock);
	list_for_each_entry(meter, &meters, node) {
		if (strcmp(meter->name, name))
			continue;
		kobjtree_get(&meter->bound->tree);
		return meter;
	}
	return NULL;
}

static int meter_read(struct meter *meter, u32 *val)
{
	CLASS(kobjtree_section, section)(&meter->bound->gate);

	return section ? meter->ops->read(meter, val) : -ENODEV;
}

/* === The mistakes === */

static struct meter *meter_find_wrong(const char *name)
{
	struct meter *meter;

	guard(mutex)(&meters_lock);
	list_for_each_entry(meter, &meters, node)
		if (!strcmp(meter->name, name))
			return meter;	/* gone before it is used */
	return NULL;
}

/* The look at the flag, and the call; a removal is done in between. */
static int meter_read_wrong(struct meter *meter, u32 *val,
			    void (*removal)(void))
{
	if (kobjtree_marked(&meter->bound->gate))
		return -ENODEV;
	removal();
	return meter->ops->read(meter, val);
}

/* === A driver === */

struct gauge {
	struct kobjtree_bound bound;
	struct meter meter;
	u32 *reg;
};

static struct platform_device *gauge_device;
static u32 gauge_reg;		/* poisoned when devres is done with it */
static int gauge_released;

#define GAUGE_VALUE	42
#define GAUGE_GONE	0xdead

static int gauge_read(struct meter *meter, u32 *val)
{
	*val = *container_of(meter, struct gauge, meter)->reg;
	return 0;
}

static const struct meter_ops gauge_ops = { .read = gauge_read };

static void gauge_release(struct kobjtree *obj)
{
	gauge_released++;
}

DEFINE_KOBJTREE_TYPE(gauge_type, struct gauge, bound.tree,
		     .release = gauge_release);

static void gauge_unmap(void *data)
{
	gauge_reg = GAUGE_GONE;
}

static int gauge_probe(struct platform_device *pdev)
{
	struct gauge *gauge;
	int ret;

	gauge = kobjtree_alloc_bound(&pdev->dev, struct gauge, bound, &gauge_type);
	if (IS_ERR(gauge))
		return PTR_ERR(gauge);
	gauge_reg = GAUGE_VALUE;
	gauge->reg = &gauge_reg;
	ret = devm_add_action_or_reset(&pdev->dev, gauge_unmap, gauge);
	return ret ?: meter_register(&gauge->meter, &gauge->bound, &gauge_ops,
				     "gauge");
}

static struct platform_driver gauge_driver = {
	.probe = gauge_probe,
	.driver = {
		.name = DRIVER,
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static void gauge_unbind(void)
{
	device_release_driver(&gauge_device->dev);
}

/* === Tests === */

static void glue_reads_while_bound(struct kunit *test)
{
	struct meter *meter = meter_find("gauge");
	u32 val = 0;

	KUNIT_EXPECT_NULL(test, meter_find("another"));
	KUNIT_ASSERT_NOT_NULL(test, meter);
	KUNIT_EXPECT_EQ(test, meter_read(meter, &val), 0);
	KUNIT_EXPECT_EQ(test, val, GAUGE_VALUE);
	kobjtree_put(&meter->bound->tree);
	KUNIT_EXPECT_EQ(test, gauge_released, 0);
}

static void glue_refuses_after_unbind(struct kunit *test)
{
	struct meter *meter = meter_find("gauge");
	u32 val = 0;

	KUNIT_ASSERT_NOT_NULL(test, meter);
	gauge_unbind();
	KUNIT_EXPECT_NULL(test, meter_find("gauge"));
	KUNIT_EXPECT_EQ(test, gauge_reg, GAUGE_GONE);
	KUNIT_EXPECT_EQ(test, meter_read(meter, &val), -ENODEV);
	KUNIT_EXPECT_EQ(test, val, 0);
	KUNIT_EXPECT_EQ(test, gauge_released, 0);
	kobjtree_put(&meter->bound->tree);
	KUNIT_EXPECT_EQ(test, gauge_released, 1);
}

/* A registration that a removal overtakes leaves nothing to be found. */
static void glue_refuses_to_register_when_marked(struct kunit *test)
{
	struct meter *meter = meter_find("gauge");
	struct gauge *gauge = container_of(meter, struct gauge, meter);

	KUNIT_ASSERT_NOT_NULL(test, meter);
	kobjtree_mark(&gauge->bound.gate);
	KUNIT_EXPECT_EQ(test, meter_register(meter, &gauge->bound, &gauge_ops,
					     "again"), -ENODEV);
	KUNIT_EXPECT_NULL(test, meter_find("again"));
	gauge_unbind();
	KUNIT_EXPECT_NULL(test, meter_find("gauge"));
	kobjtree_put(&gauge->bound.tree);
}

static void glue_without_a_reference_dangles(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, meter_find_wrong("gauge"));
	gauge_unbind();
	/* It is not looked at here: this is the use after free. */
	KUNIT_EXPECT_EQ(test, gauge_released, 1);
}

static void glue_without_a_section_reads_what_is_gone(struct kunit *test)
{
	struct meter *meter = meter_find("gauge");
	u32 val = 0;

	KUNIT_ASSERT_NOT_NULL(test, meter);
	KUNIT_EXPECT_EQ(test, meter_read_wrong(meter, &val, gauge_unbind), 0);
	KUNIT_EXPECT_EQ(test, val, GAUGE_GONE);
	kobjtree_put(&meter->bound->tree);
}

static int glue_init(struct kunit *test)
{
	gauge_released = 0;
	gauge_device = platform_device_register_simple(DRIVER,
						       PLATFORM_DEVID_AUTO,
						       NULL, 0);
	return PTR_ERR_OR_ZERO(gauge_device);
}

static void glue_exit(struct kunit *test)
{
	if (!IS_ERR(gauge_device))
		platform_device_unregister(gauge_device);
	KUNIT_EXPECT_EQ(test, gauge_released, 1);
}

static int glue_suite_init(struct kunit_suite *suite)
{
	return platform_driver_register(&gauge_driver);
}

static void glue_suite_exit(struct kunit_suite *suite)
{
	platform_driver_unregister(&gauge_driver);
}

static struct kunit_case glue_cases[] = {
	KUNIT_CASE(glue_reads_while_bound),
	KUNIT_CASE(glue_refuses_after_unbind),
	KUNIT_CASE(glue_refuses_to_register_when_marked),
	KUNIT_CASE(glue_without_a_reference_dangles),
	KUNIT_CASE(glue_without_a_section_reads_what_is_gone),
	{}
};

static struct kunit_suite glue_suite = {
	.name = "kobjtree_glue",
	.suite_init = glue_suite_init,
	.suite_exit = glue_suite_exit,
	.init = glue_init,
	.exit = glue_exit,
	.test_cases = glue_cases,
};

kunit_test_suite(glue_suite);

MODULE_DESCRIPTION("KUnit tests of the glue that the documentation shows");
MODULE_LICENSE("GPL");
