// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding: what unbind, and a probe that fails, do to an object and its gate.
 *
 *   aN   what devres undoes, N in the order in which probe asked for it
 *   q    the gate was quiesced
 *   r    the object was released
 */
#include <kunit/test.h>
#include <linux/kobjtree_bind.h>
#include <linux/kobjtree_device.h>
#include <linux/platform_device.h>

#include "helpers.h"

#define DRIVER	"kobjtree_bind_kunit"

struct thing {
	struct kobjtree_bound bound;
	struct kobjtree_watcher watcher;
	struct kobjtree_device child;
	struct test_log *log;
};

/* The test that runs, what its probe does, and what that left. */
static struct {
	struct kunit *test;
	int (*probe)(struct platform_device *pdev);
	void (*remove)(struct thing *thing);
	struct thing *thing;
	int probed;
	int bound;
} now;

static void thing_release(struct kobjtree *obj)
{
	struct thing *thing = container_of(obj, struct thing, bound.tree);

	log_event(thing->log, 'r', 0);
	atomic_dec(&thing->log->live);
}

DEFINE_KOBJTREE_TYPE(thing_type, struct thing, bound.tree,
		     .release = thing_release);

static void thing_quiesce(struct kobjtree_watcher *watcher)
{
	struct thing *thing = container_of(watcher, struct thing, watcher);

	KUNIT_EXPECT_NOT_NULL(now.test, thing->bound.dev);
	log_event(thing->log, 'q', 0);
}

/* === The device and its driver === */

static int thing_probe(struct platform_device *pdev)
{
	now.probed = now.probe(pdev);
	return now.probed;
}

static void thing_remove(struct platform_device *pdev)
{
	if (now.remove)
		now.remove(now.thing);
}

static struct platform_driver thing_driver = {
	.probe = thing_probe,
	.remove = thing_remove,
	.driver = {
		.name = DRIVER,
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/* Return: the device, after @probe. */
static struct platform_device *device_add_probed(struct kunit *test,
						 int (*probe)(struct platform_device *))
{
	struct platform_device *pdev;

	now.test = test;
	now.probe = probe;
	now.remove = NULL;
	now.thing = NULL;
	now.bound = 0;
	now.probed = -EPROBE_DEFER;
	pdev = platform_device_register_simple(DRIVER, PLATFORM_DEVID_AUTO,
					       NULL, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pdev));
	return pdev;
}

static void unbind(struct platform_device *pdev)
{
	device_release_driver(&pdev->dev);
}

static void undo(void *data)
{
	log_event(now.test->priv, 'a', (long)data);
}

/* What devres undoes as @id. */
static void ask_devres(struct device *dev, long id)
{
	KUNIT_EXPECT_EQ(now.test, devm_add_action(dev, undo, (void *)id), 0);
}

static struct thing *thing_alloc(struct device *dev)
{
	struct thing *thing = kobjtree_alloc_bound(dev, struct thing, bound,
						   &thing_type);

	if (IS_ERR(thing))
		return thing;
	thing->log = now.test->priv;
	thing->watcher.quiesce = thing_quiesce;
	atomic_inc(&thing->log->live);
	now.thing = thing;
	return thing;
}

/* === Probes === */

static int probe_alloc(struct platform_device *pdev)
{
	struct thing *thing = thing_alloc(&pdev->dev);

	if (IS_ERR(thing))
		return PTR_ERR(thing);
	ask_devres(&pdev->dev, 1);
	return 0;
}

static int probe_publish(struct platform_device *pdev)
{
	int ret = probe_alloc(pdev);

	if (ret)
		return ret;
	KUNIT_EXPECT_EQ(now.test, kobjtree_watch(&now.thing->bound.gate,
						 &now.thing->watcher), 0);
	return kobjtree_publish(&now.thing->bound);
}

static int probe_publish_twice(struct platform_device *pdev)
{
	int ret = probe_publish(pdev);

	if (ret)
		return ret;
	ask_devres(&pdev->dev, 2);
	return kobjtree_publish(&now.thing->bound);
}

static int probe_publish_and_go_on(struct platform_device *pdev)
{
	int ret = probe_publish(pdev);

	ask_devres(&pdev->dev, 2);
	return ret;
}

static int probe_publish_and_fail(struct platform_device *pdev)
{
	int ret = probe_publish(pdev);

	return ret ?: -EIO;
}

static int probe_watch_and_fail(struct platform_device *pdev)
{
	int ret = probe_alloc(pdev);

	ret = ret ?: kobjtree_bound_watch(&now.thing->bound,
					  &now.thing->watcher);
	ask_devres(&pdev->dev, 2);
	return ret ?: -EIO;
}

/* === Unbind === */

static void unbind_puts_last(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_alloc);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&now.thing->bound.tree.ref), 1);
	KUNIT_EXPECT_PTR_EQ(test, now.thing->bound.dev, &pdev->dev);
	unbind(pdev);
	expect_log(test, test->priv, "a1 r0");
	platform_device_unregister(pdev);
}

static void unbind_unplugs_first(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_publish);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	KUNIT_EXPECT_EQ(test, now.thing->bound.gate.state, KOBJTREE_GATE_LIVE);
	unbind(pdev);
	expect_log(test, test->priv, "q0 a1 r0");
	platform_device_unregister(pdev);
}

/* The last publication counts: what came before it is there until the end. */
static void each_publication_is_the_newest(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test,
							 probe_publish_twice);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	unbind(pdev);
	expect_log(test, test->priv, "q0 a2 a1 r0");
	platform_device_unregister(pdev);
}

/* What probe asks for after that is its own affair: publish last. */
static void later_requests_go_before(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test,
							 probe_publish_and_go_on);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	unbind(pdev);
	expect_log(test, test->priv, "a2 q0 a1 r0");
	platform_device_unregister(pdev);
}

static void a_reference_outlives_the_binding(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_publish);
	struct thing *thing = now.thing;

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	kobjtree_get(&thing->bound.tree);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&thing->bound.gate), 0);
	kobjtree_exit(&thing->bound.gate);
	unbind(pdev);
	expect_log(test, test->priv, "q0 a1");
	platform_device_unregister(pdev);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&thing->bound.gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, thing->bound.gate.state, KOBJTREE_GATE_QUIET);
	KUNIT_EXPECT_NULL(test, thing->bound.dev);
	kobjtree_put(&thing->bound.tree);
	expect_log(test, test->priv, "r0");
}

static void remove_unplugs(struct thing *thing)
{
	kobjtree_unplug(&thing->bound.gate);
	log_event(thing->log, 'm', 0);
}

static void remove_may_unplug(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_publish);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	now.remove = remove_unplugs;
	unbind(pdev);
	expect_log(test, test->priv, "q0 m0 a1 r0");
	platform_device_unregister(pdev);
}

static void publish_fails_after_unplug(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_alloc);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	kobjtree_unplug(&now.thing->bound.gate);
	KUNIT_EXPECT_EQ(test, kobjtree_publish(&now.thing->bound), -ENODEV);
	KUNIT_EXPECT_EQ(test, kobjtree_bound_watch(&now.thing->bound,
						   &now.thing->watcher), -ENODEV);
	unbind(pdev);
	expect_log(test, test->priv, "a1 r0");
	platform_device_unregister(pdev);
}

static void a_binding_follows_another(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_publish);
	struct thing *old = now.thing;

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	kobjtree_get(&old->bound.tree);
	unbind(pdev);
	expect_log(test, test->priv, "q0 a1");
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	KUNIT_ASSERT_EQ(test, now.probed, 0);
	KUNIT_EXPECT_PTR_NE(test, now.thing, old);
	KUNIT_EXPECT_EQ(test, now.thing->bound.gate.state, KOBJTREE_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, old->bound.gate.state, KOBJTREE_GATE_QUIET);
	kobjtree_put(&old->bound.tree);
	expect_log(test, test->priv, "r0");
	platform_device_unregister(pdev);
	expect_log(test, test->priv, "q0 a1 r0");
}

/* === Lookups === */

static void weak_lookup_fails_from_mark_on(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_alloc);
	struct kobjtree_bound *bound = &now.thing->bound;
	struct kobjtree_weak weak = { };

	KUNIT_EXPECT_NULL(test, kobjtree_weak_enter(&weak));
	KUNIT_ASSERT_EQ(test, now.probed, 0);
	kobjtree_get(&bound->tree);
	kobjtree_weak_set(&weak, &bound->tree);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_enter(&weak));
	KUNIT_EXPECT_EQ(test, kobjtree_gate_live(&bound->gate), 0);
	KUNIT_ASSERT_PTR_EQ(test, kobjtree_weak_enter(&weak), bound);
	KUNIT_EXPECT_EQ(test, kref_read(&bound->tree.ref), 3);
	kobjtree_exit(&bound->gate);
	kobjtree_put(&bound->tree);

	kobjtree_mark(&bound->gate);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_enter(&weak));
	KUNIT_EXPECT_EQ(test, kref_read(&bound->tree.ref), 2);
	unbind(pdev);
	expect_log(test, test->priv, "a1");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_enter(&weak));
	/* The object itself is still found. */
	KUNIT_EXPECT_PTR_EQ(test, kobjtree_weak_get(&weak), &bound->tree);
	kobjtree_put(&bound->tree);
	kobjtree_put(&bound->tree);
	expect_log(test, test->priv, "r0");
	KUNIT_EXPECT_NULL(test, kobjtree_weak_enter(&weak));
	platform_device_unregister(pdev);
}

/* === Probes that fail === */

static void failed_probe_unplugs_first(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test,
							 probe_publish_and_fail);

	KUNIT_EXPECT_EQ(test, now.probed, -EIO);
	expect_log(test, test->priv, "q0 a1 r0");
	platform_device_unregister(pdev);
}

/* Never published; quiesce still finds what was there when it was asked for. */
static void unpublished_probe_quiesces(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test,
							 probe_watch_and_fail);

	KUNIT_EXPECT_EQ(test, now.probed, -EIO);
	expect_log(test, test->priv, "a2 q0 a1 r0");
	platform_device_unregister(pdev);
}

/* The binding failed, not the object. */
static void unbound_release(struct kobjtree *obj)
{
	log_event(now.test->priv, 'u', 0);
}

DEFINE_KOBJTREE_TYPE(unbound_type, struct thing, bound.tree,
		     .release = unbound_release);

/* Return: whether nothing was left to fail, with the object in now.thing. */
static bool alloc_with_failure(struct device *dev, unsigned int n,
			       bool *object_failed, bool *binding_failed)
{
	struct thing *thing;
	unsigned int left;
	const char *log;

	fail_nth(n);
	thing = kobjtree_alloc_bound(dev, struct thing, bound, &unbound_type);
	left = fail_none();
	log = log_take(now.test->priv);
	if (!IS_ERR(thing)) {
		KUNIT_EXPECT_STREQ(now.test, log, "");
		now.thing = thing;
		now.bound++;
		/* A debugging aid may fail where the object does not. */
		return left;
	}
	KUNIT_EXPECT_EQ(now.test, PTR_ERR(thing), -ENOMEM);
	KUNIT_EXPECT_EQ(now.test, left, 0);
	*object_failed |= !strcmp(log, "");
	*binding_failed |= !strcmp(log, "u0");
	return false;
}

#define WITHOUT_MEMORY_ROUNDS	50

static int probe_without_memory(struct platform_device *pdev)
{
	bool object_failed = false, binding_failed = false;
	unsigned int n, round;
	int ret;

	/*
	 * Both must have failed in the end; in one round, the allocator's own
	 * need may come in between and take the place of either.
	 */
	for (round = 0; round < WITHOUT_MEMORY_ROUNDS; round++) {
		for (n = 1; !alloc_with_failure(&pdev->dev, n, &object_failed,
						&binding_failed); n++)
			;
		if (object_failed && binding_failed)
			break;
	}
	KUNIT_EXPECT_TRUE(now.test, object_failed);
	KUNIT_EXPECT_TRUE(now.test, binding_failed);
	fail_nth(1);
	ret = kobjtree_publish(&now.thing->bound);
	KUNIT_EXPECT_EQ(now.test, fail_none(), 0);
	KUNIT_EXPECT_EQ(now.test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(now.test, now.thing->bound.gate.state,
			KOBJTREE_GATE_INIT);
	return 0;
}

/* No object is left by it: kmemleak and the module's barrier see. */
static void failed_allocation_leaves_nothing(struct kunit *test)
{
	struct platform_device *pdev;

	fail_setup(test);
	pdev = device_add_probed(test, probe_without_memory);
	KUNIT_EXPECT_EQ(test, now.probed, 0);
	platform_device_unregister(pdev);
	/* "u0" and a space for each, but the last */
	KUNIT_EXPECT_EQ(test, strlen(log_take(test->priv)), 3 * now.bound - 1);
}

static int probe_watch_without_memory(struct platform_device *pdev)
{
	int ret = probe_alloc(pdev);

	if (ret)
		return ret;
	fail_nth(1);
	ret = kobjtree_bound_watch(&now.thing->bound, &now.thing->watcher);
	KUNIT_EXPECT_EQ(now.test, fail_none(), 0);
	KUNIT_EXPECT_EQ(now.test, ret, -ENOMEM);
	KUNIT_EXPECT_FALSE(now.test, kobjtree_marked(&now.thing->bound.gate));
	return kobjtree_publish(&now.thing->bound);
}

/* A driver may do without what it could not watch for. */
static void failed_watch_changes_nothing(struct kunit *test)
{
	struct platform_device *pdev;

	fail_setup(test);
	pdev = device_add_probed(test, probe_watch_without_memory);
	KUNIT_ASSERT_EQ(test, now.probed, 0);
	unbind(pdev);
	expect_log(test, test->priv, "a1 r0");
	platform_device_unregister(pdev);
}

/* === Several devices === */

static int probe_second(struct platform_device *pdev)
{
	int ret = kobjtree_bind(&now.thing->bound, &pdev->dev);

	ask_devres(&pdev->dev, 2);
	return ret;
}

static void two_devices(struct kunit *test, bool second_first)
{
	struct platform_device *first = device_add_probed(test, probe_publish);
	struct thing *thing = now.thing;
	struct platform_device *second;

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	now.probe = probe_second;
	second = platform_device_register_simple(DRIVER, PLATFORM_DEVID_AUTO,
						 NULL, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(second));
	KUNIT_ASSERT_EQ(test, now.probed, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&thing->bound.tree.ref), 2);
	unbind(second_first ? second : first);
	KUNIT_EXPECT_EQ(test, kobjtree_enter(&thing->bound.gate), -ENODEV);
	expect_log(test, test->priv, second_first ? "a2 q0" : "q0 a1");
	unbind(second_first ? first : second);
	expect_log(test, test->priv, second_first ? "a1 r0" : "a2 r0");
	platform_device_unregister(second);
	platform_device_unregister(first);
}

static void either_of_two_devices_unplugs(struct kunit *test)
{
	two_devices(test, false);
	two_devices(test, true);
}

/* === A device in the object's memory === */

static void child_goes(void *data)
{
	log_event(data, 'c', 0);
}

static int probe_child(struct platform_device *pdev)
{
	int ret = probe_publish(pdev);

	if (ret)
		return ret;
	kobjtree_device_init_member(&now.thing->child, NULL,
				    &now.thing->bound.tree);
	KUNIT_EXPECT_EQ(now.test, kobjtree_add_action(&now.thing->child.tree,
						      child_goes,
						      now.thing->log), 0);
	return 0;
}

static void child_device_holds_its_memory(struct kunit *test)
{
	struct platform_device *pdev = device_add_probed(test, probe_child);
	struct thing *thing = now.thing;

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	unbind(pdev);
	expect_log(test, test->priv, "q0 a1");
	KUNIT_EXPECT_EQ(test, kref_read(&thing->bound.tree.ref), 1);
	/* With CONFIG_DEBUG_KOBJECT_RELEASE it takes a while. */
	kobjtree_get(&thing->child.tree);
	put_device(&thing->child.dev);
	while (kref_read(&thing->child.tree.ref) > 1)
		schedule_timeout_uninterruptible(1);
	kobjtree_put(&thing->child.tree);
	expect_log(test, test->priv, "c0 r0");
	platform_device_unregister(pdev);
}

static struct kunit_case bind_cases[] = {
	KUNIT_CASE(unbind_puts_last),
	KUNIT_CASE(unbind_unplugs_first),
	KUNIT_CASE(each_publication_is_the_newest),
	KUNIT_CASE(later_requests_go_before),
	KUNIT_CASE(a_reference_outlives_the_binding),
	KUNIT_CASE(remove_may_unplug),
	KUNIT_CASE(publish_fails_after_unplug),
	KUNIT_CASE(a_binding_follows_another),
	KUNIT_CASE(weak_lookup_fails_from_mark_on),
	KUNIT_CASE(failed_probe_unplugs_first),
	KUNIT_CASE(unpublished_probe_quiesces),
	KUNIT_CASE(failed_allocation_leaves_nothing),
	KUNIT_CASE(failed_watch_changes_nothing),
	KUNIT_CASE(either_of_two_devices_unplugs),
	KUNIT_CASE(child_device_holds_its_memory),
	{}
};

static int bind_suite_init(struct kunit_suite *suite)
{
	return platform_driver_register(&thing_driver);
}

static void bind_suite_exit(struct kunit_suite *suite)
{
	platform_driver_unregister(&thing_driver);
}

static struct kunit_suite bind_suite = {
	.name = "kobjtree_bind",
	.suite_init = bind_suite_init,
	.suite_exit = bind_suite_exit,
	.init = test_init,
	.exit = test_exit,
	.test_cases = bind_cases,
};

kunit_test_suite(bind_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: binding to a device");
MODULE_LICENSE("GPL");
