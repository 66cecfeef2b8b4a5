// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding and the rest of the driver core: what else happens around an unbind,
 * and who else unbinds.
 *
 *   qN   the gate of part N was quiesced
 *   aN   devres took the registers of part N away
 *   rN   part N was released
 *   yN   something found the hardware of part N
 *   nN   something was refused it
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/component.h>
#include <linux/jiffies.h>
#include <linux/kobjtree_bind.h>
#include <linux/kthread.h>
#include <linux/platform_device.h>
#include <linux/workqueue.h>

#include "helpers.h"

#define DRIVER	"kobjtree_bind_core"

/* Long enough for what should not happen to happen; never a wait for what is to. */
#define A_WHILE_MS	60

struct part {
	struct kobjtree_bound bound;
	struct kobjtree_watcher watcher;
	struct kobjtree_edge edge;
	struct work_struct work;
	struct test_log *log;
	int id;
	bool regs;
};

/* What the driver of a device does; the device's platform data. */
struct part_spec {
	int id;
	int (*probe)(struct part *part);
	void (*remove)(struct part *part);
	void (*shutdown)(struct part *part);
};

static struct {
	struct kunit *test;
	struct part *part[4];	/* by number; the last that was probed */
	int probed;
	struct completion reached;
	struct completion go;
} now;

static void part_release(struct kobjtree *obj)
{
	struct part *part = container_of(obj, struct part, bound.tree);

	log_event(part->log, 'r', part->id);
	atomic_dec(&part->log->live);
}

DEFINE_KOBJTREE_TYPE(part_type, struct part, bound.tree,
		     .release = part_release);

static void part_quiesce(struct kobjtree_watcher *watcher)
{
	struct part *part = container_of(watcher, struct part, watcher);

	KUNIT_EXPECT_TRUE(now.test, part->regs);
	log_event(part->log, 'q', part->id);
}

static void part_unmap(void *data)
{
	struct part *part = data;

	part->regs = false;
	log_event(part->log, 'a', part->id);
}

/* An operation, as of a file or of another driver. */
static int part_use(struct part *part)
{
	CLASS(kobjtree_section, section)(&part->bound.gate);

	if (section)
		KUNIT_EXPECT_TRUE(now.test, part->regs);
	log_event(part->log, section ? 'y' : 'n', part->id);
	return section ? 0 : -ENODEV;
}

/* === The driver === */

static struct part *part_alloc(struct device *dev, int id)
{
	struct part *part = kobjtree_alloc_bound(dev, struct part, bound,
						 &part_type);

	if (IS_ERR(part))
		return part;
	part->log = now.test->priv;
	part->id = id;
	part->watcher.quiesce = part_quiesce;
	atomic_inc(&part->log->live);
	now.part[id] = part;
	part->regs = true;
	KUNIT_EXPECT_EQ(now.test, devm_add_action(dev, part_unmap, part), 0);
	return part;
}

static int part_publish(struct part *part)
{
	int ret = kobjtree_watch(&part->bound.gate, &part->watcher);

	return ret ?: kobjtree_publish(&part->bound);
}

static int core_probe(struct platform_device *pdev)
{
	const struct part_spec *spec = dev_get_platdata(&pdev->dev);
	struct part *part = part_alloc(&pdev->dev, spec->id);

	now.probed = PTR_ERR_OR_ZERO(part);
	if (!now.probed)
		now.probed = spec->probe(part);
	platform_set_drvdata(pdev, part);
	return now.probed;
}

static void core_remove(struct platform_device *pdev)
{
	const struct part_spec *spec = dev_get_platdata(&pdev->dev);

	if (spec->remove)
		spec->remove(platform_get_drvdata(pdev));
}

static void core_shutdown(struct platform_device *pdev)
{
	const struct part_spec *spec = dev_get_platdata(&pdev->dev);

	if (spec->shutdown)
		spec->shutdown(platform_get_drvdata(pdev));
}

static struct platform_driver core_driver = {
	.probe = core_probe,
	.remove = core_remove,
	.shutdown = core_shutdown,
	.driver = {
		.name = DRIVER,
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/* Return: a device that was probed, with whatever result. */
static struct platform_device *device_new(struct kunit *test,
					  const struct part_spec *spec)
{
	struct platform_device *pdev;

	now.test = test;
	now.probed = -EPROBE_DEFER;
	pdev = platform_device_register_data(NULL, DRIVER, PLATFORM_DEVID_AUTO,
					     spec, sizeof(*spec));
	KUNIT_ASSERT_FALSE(test, IS_ERR(pdev));
	return pdev;
}

static struct platform_device *device_new_bound(struct kunit *test,
						const struct part_spec *spec)
{
	struct platform_device *pdev = device_new(test, spec);

	KUNIT_ASSERT_EQ(test, now.probed, 0);
	return pdev;
}

static void unbind(struct platform_device *pdev)
{
	device_release_driver(&pdev->dev);
}

static const struct part_spec part_one = { .id = 1, .probe = part_publish };

/* === Work and interrupts that come late === */

static void part_work(struct work_struct *work)
{
	part_use(container_of(work, struct part, work));
}

/* As an interrupt that comes when devres is here. */
static void work_comes(void *data)
{
	struct part *part = data;

	schedule_work(&part->work);
	flush_work(&part->work);
}

static int probe_work(struct part *part)
{
	struct device *dev = part->bound.dev;
	int ret;

	INIT_WORK(&part->work, part_work);
	KUNIT_EXPECT_EQ(now.test, devm_add_action(dev, work_comes, part), 0);
	ret = part_publish(part);
	KUNIT_EXPECT_EQ(now.test, devm_add_action(dev, work_comes, part), 0);
	return ret;
}

/*
 * remove() has returned and nothing is undone yet: the hardware is there. Then
 * the gate closes, and work that comes while devres goes on is refused.
 */
static void s10_work_after_remove(struct kunit *test)
{
	static const struct part_spec spec = { .id = 1, .probe = probe_work };
	struct platform_device *pdev = device_new_bound(test, &spec);

	unbind(pdev);
	expect_log(test, test->priv, "y1 q1 n1 a1 r1");
	platform_device_unregister(pdev);
}

static void late_work(struct work_struct *work)
{
	struct part *part = container_of(work, struct part, work);

	complete(&now.reached);
	wait_for_completion(&now.go);
	part_use(part);
	kobjtree_put(&part->bound.tree);
}

static void remove_leaves_work(struct part *part)
{
	INIT_WORK(&part->work, late_work);
	kobjtree_get(&part->bound.tree);
	schedule_work(&part->work);
	wait_for_completion(&now.reached);
}

/* Nobody cancels it: it has a reference, and its section is refused. */
static void s10_work_after_unbind(struct kunit *test)
{
	static const struct part_spec spec = {
		.id = 1, .probe = part_publish, .remove = remove_leaves_work,
	};
	struct platform_device *pdev = device_new_bound(test, &spec);
	struct part *part = now.part[1];

	init_completion(&now.reached);
	init_completion(&now.go);
	kobjtree_get(&part->bound.tree);
	unbind(pdev);
	expect_log(test, test->priv, "q1 a1");
	platform_device_unregister(pdev);
	complete(&now.go);
	flush_work(&part->work);
	expect_log(test, test->priv, "n1");
	kobjtree_put(&part->bound.tree);
	expect_log(test, test->priv, "r1");
}

/* === Threads === */

struct actor {
	void (*fn)(struct actor *thread);
	struct platform_device *pdev;
	struct part *part;
	struct completion entered;
	struct completion leave;
	struct completion done;
	struct task_struct *task;
};

static int actor_main(void *data)
{
	struct actor *thread = data;

	thread->fn(thread);
	complete(&thread->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static struct actor *core_start(struct kunit *test,
				struct platform_device *pdev,
				void (*fn)(struct actor *thread))
{
	struct actor *thread = kunit_kzalloc(test, sizeof(*thread),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, thread);
	thread->fn = fn;
	thread->pdev = pdev;
	thread->part = now.part[1];
	init_completion(&thread->entered);
	init_completion(&thread->leave);
	init_completion(&thread->done);
	thread->task = kthread_run(actor_main, thread, "bind_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread->task));
	return thread;
}

static void core_join(struct actor *thread)
{
	wait_for_completion(&thread->done);
	kthread_stop(thread->task);
}

static void core_section(struct actor *thread)
{
	CLASS(kobjtree_section, section)(&thread->part->bound.gate);

	KUNIT_EXPECT_NOT_NULL(now.test, section);
	complete(&thread->entered);
	wait_for_completion(&thread->leave);
	KUNIT_EXPECT_TRUE(now.test, thread->part->regs);
	log_event(thread->part->log, 'y', thread->part->id);
}

static void core_unbind(struct actor *thread)
{
	unbind(thread->pdev);
}

static void core_unregister(struct actor *thread)
{
	platform_device_unregister(thread->pdev);
}

/* It has not ended, and does not for a while. */
#define EXPECT_BLOCKED(test, thread) \
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&(thread)->done, \
				msecs_to_jiffies(A_WHILE_MS)), 0)

/* === Two who unbind === */

static void two_unbind(struct kunit *test,
		       void (*second)(struct actor *thread))
{
	struct platform_device *pdev = device_new_bound(test, &part_one);
	struct actor *section, *a, *b;

	kobjtree_get(&now.part[1]->bound.tree);
	section = core_start(test, pdev, core_section);
	wait_for_completion(&section->entered);
	a = core_start(test, pdev, core_unbind);
	EXPECT_BLOCKED(test, a);
	b = core_start(test, pdev, second);
	EXPECT_BLOCKED(test, b);
	expect_log(test, test->priv, "");
	complete(&section->leave);
	core_join(section);
	core_join(a);
	core_join(b);
	expect_log(test, test->priv, "y1 q1 a1");
	kobjtree_put(&now.part[1]->bound.tree);
	expect_log(test, test->priv, "r1");
	if (second != core_unregister)
		platform_device_unregister(pdev);
}

static void two_unbinds_at_once(struct kunit *test)
{
	two_unbind(test, core_unbind);
}

static void unbind_and_physical_unplug_at_once(struct kunit *test)
{
	two_unbind(test, core_unregister);
}

/* === Probes that fail, with a user === */

static struct actor *early_bird;
static DECLARE_COMPLETION(early_bird_in);

static int probe_is_used_and_fails(struct part *part)
{
	KUNIT_EXPECT_EQ(now.test, part_publish(part), 0);
	early_bird = core_start(now.test, NULL, core_section);
	wait_for_completion(&early_bird->entered);
	complete(&early_bird_in);
	return -EIO;
}

static void core_register(struct actor *thread)
{
	static const struct part_spec spec = {
		.id = 1, .probe = probe_is_used_and_fails,
	};

	thread->pdev = device_new(now.test, &spec);
}

/* It was opened as it was published; the unwinding waits for that. */
static void s9_failed_probe_waits_for_its_users(struct kunit *test)
{
	struct kobjtree_gate *gate;
	struct actor *probe;

	now.test = test;
	reinit_completion(&early_bird_in);
	probe = core_start(test, NULL, core_register);
	wait_for_completion(&early_bird_in);
	gate = &now.part[1]->bound.gate;
	wait_event(gate->wait, kobjtree_marked(gate));
	EXPECT_BLOCKED(test, probe);
	expect_log(test, test->priv, "");
	complete(&early_bird->leave);
	core_join(early_bird);
	core_join(probe);
	KUNIT_EXPECT_EQ(test, now.probed, -EIO);
	expect_log(test, test->priv, "y1 q1 a1 r1");
	platform_device_unregister(probe->pdev);
}

/* === Again and again === */

#define BIND_ROUNDS	25

/* Each time with a file that stays open from the time before. */
static void probe_remove_probe(struct kunit *test)
{
	struct platform_device *pdev = device_new_bound(test, &part_one);
	const struct device_driver *drv = &core_driver.driver;
	struct part *old;
	int i;

	for (i = 0; i < BIND_ROUNDS; i++) {
		old = now.part[1];
		kobjtree_get(&old->bound.tree);
		unbind(pdev);
		expect_log(test, test->priv, "q1 a1");
		KUNIT_ASSERT_EQ(test, device_driver_attach(drv, &pdev->dev), 0);
		KUNIT_ASSERT_EQ(test, now.probed, 0);
		part_use(now.part[1]);
		part_use(old);
		expect_log(test, test->priv, "y1 n1");
		kobjtree_put(&old->bound.tree);
		expect_log(test, test->priv, "r1");
	}
	platform_device_unregister(pdev);
	expect_log(test, test->priv, "q1 a1 r1");
}

/* === Consumers and suppliers === */

static int probe_consumer(struct part *part)
{
	kobjtree_hold_edge(&part->bound.tree, &part->edge,
			   &now.part[1]->bound.tree);
	return part_publish(part);
}

static const struct part_spec consumer_spec = {
	.id = 2, .probe = probe_consumer,
};

/* The link unbinds the consumer first, and so it never sees the loss. */
static void s10_link_unbinds_the_consumer_first(struct kunit *test)
{
	struct platform_device *supplier = device_new_bound(test, &part_one);
	struct platform_device *consumer = device_new_bound(test, &consumer_spec);
	struct part *part = now.part[2];

	KUNIT_ASSERT_NOT_NULL(test, device_link_add(&consumer->dev,
						    &supplier->dev,
						    DL_FLAG_AUTOREMOVE_CONSUMER));
	kobjtree_get(&part->bound.tree);
	unbind(supplier);
	expect_log(test, test->priv, "q2 a2 q1 a1");
	KUNIT_EXPECT_NULL(test, consumer->dev.driver);
	kobjtree_put(&part->bound.tree);
	expect_log(test, test->priv, "r2 r1");
	platform_device_unregister(consumer);
	platform_device_unregister(supplier);
}

/* Without one it does; what it holds is there to say so. */
static void s10_consumer_sees_the_loss(struct kunit *test)
{
	struct platform_device *supplier = device_new_bound(test, &part_one);
	struct platform_device *consumer = device_new_bound(test, &consumer_spec);
	struct part *held = now.part[1];

	part_use(held);
	unbind(supplier);
	platform_device_unregister(supplier);
	expect_log(test, test->priv, "y1 q1 a1");
	KUNIT_EXPECT_EQ(test, part_use(now.part[2]), 0);
	KUNIT_EXPECT_EQ(test, part_use(held), -ENODEV);
	KUNIT_EXPECT_EQ(test, part_use(held), -ENODEV);
	expect_log(test, test->priv, "y2 n1 n1");
	platform_device_unregister(consumer);
	expect_log(test, test->priv, "q2 a2 r2 r1");
}

/* === Two objects of one device === */

static int probe_two(struct part *part)
{
	struct part *second = part_alloc(part->bound.dev, 2);

	if (IS_ERR(second))
		return PTR_ERR(second);
	return part_publish(part) ?: part_publish(second);
}

static void remove_marks_both(struct part *part)
{
	kobjtree_mark(&part->bound.gate);
	kobjtree_mark(&now.part[2]->bound.gate);
	part_use(part);
	part_use(now.part[2]);
}

static void two_objects_of_one_device(struct kunit *test)
{
	static const struct part_spec spec = {
		.id = 1, .probe = probe_two, .remove = remove_marks_both,
	};
	struct platform_device *pdev = device_new_bound(test, &spec);

	unbind(pdev);
	expect_log(test, test->priv, "n1 n2 q2 q1 a2 r2 a1 r1");
	platform_device_unregister(pdev);
}

/* === Components === */

static int whole_bind(struct device *dev)
{
	struct part *part = part_alloc(dev, 3);
	int ret;

	if (IS_ERR(part))
		return PTR_ERR(part);
	ret = component_bind_all(dev, part);
	return ret ?: part_publish(part);
}

/* By hand, as in a remove(): the gate first. */
static void whole_unbind(struct device *dev)
{
	kobjtree_unplug(&now.part[3]->bound.gate);
	component_unbind_all(dev, now.part[3]);
}

static const struct component_master_ops whole_ops = {
	.bind = whole_bind,
	.unbind = whole_unbind,
};

static void comp_gone(void *data)
{
	log_event(now.test->priv, 'c', 2);
}

static int comp_bind(struct device *dev, struct device *whole, void *data)
{
	KUNIT_EXPECT_PTR_EQ(now.test, data, (void *)now.part[3]);
	return devm_add_action(dev, comp_gone, NULL);
}

static const struct component_ops comp_ops = { .bind = comp_bind };

static int compare_dev(struct device *dev, void *data)
{
	return dev == data;
}

static int probe_comp(struct part *part)
{
	return component_add(part->bound.dev, &comp_ops);
}

static void remove_comp(struct part *part)
{
	component_del(part->bound.dev, &comp_ops);
}

static const struct part_spec comp_spec = {
	.id = 2, .probe = probe_comp, .remove = remove_comp,
};

static int probe_whole(struct part *part)
{
	struct component_match *match = NULL;
	struct device *dev = part->bound.dev;

	component_match_add(dev, &match, compare_dev, now.part[2]->bound.dev);
	return component_master_add_with_match(dev, &whole_ops, match);
}

static void remove_whole(struct part *part)
{
	component_master_del(part->bound.dev, &whole_ops);
}

static const struct part_spec whole_spec = {
	.id = 1, .probe = probe_whole, .remove = remove_whole,
};

/* 1: of the aggregate's driver, 2: of the component's, 3: of the aggregate */
static void component_takes_the_aggregate_down(struct kunit *test)
{
	struct platform_device *comp = device_new_bound(test, &comp_spec);
	struct platform_device *whole = device_new_bound(test, &whole_spec);
	struct part *part = now.part[3];

	KUNIT_EXPECT_EQ(test, part_use(part), 0);
	kobjtree_get(&part->bound.tree);
	unbind(comp);
	expect_log(test, test->priv, "y3 q3 c2 a3 a2 r2");
	KUNIT_EXPECT_EQ(test, part_use(part), -ENODEV);
	kobjtree_put(&part->bound.tree);
	expect_log(test, test->priv, "n3 r3");

	/* It comes back as another one. */
	KUNIT_ASSERT_EQ(test, device_attach(&comp->dev), 1);
	KUNIT_EXPECT_EQ(test, part_use(now.part[3]), 0);
	unbind(whole);
	expect_log(test, test->priv, "y3 q3 c2 a3 r3 a1 r1");
	platform_device_unregister(whole);
	platform_device_unregister(comp);
	expect_log(test, test->priv, "a2 r2");
}

/* === Shutdown === */

static void shutdown_marks(struct part *part)
{
	kobjtree_mark(&part->bound.gate);
}

static void shutdown_unplugs(struct part *part)
{
	kobjtree_unplug(&part->bound.gate);
}

static void at_shutdown(struct kunit *test, const struct part_spec *spec,
			const char *at_once, const char *at_unbind)
{
	struct platform_device *pdev = device_new_bound(test, spec);

	pdev->dev.bus->shutdown(&pdev->dev);
	KUNIT_EXPECT_EQ(test, part_use(now.part[1]), -ENODEV);
	expect_log(test, test->priv, at_once);
	unbind(pdev);
	expect_log(test, test->priv, at_unbind);
	platform_device_unregister(pdev);
}

/* It refuses and leaves the hardware as it is, or stops it, too. */
static void shutdown_may_mark_or_unplug(struct kunit *test)
{
	static const struct part_spec mark = {
		.id = 1, .probe = part_publish, .shutdown = shutdown_marks,
	};
	static const struct part_spec unplug = {
		.id = 1, .probe = part_publish, .shutdown = shutdown_unplugs,
	};

	at_shutdown(test, &mark, "n1", "q1 a1 r1");
	at_shutdown(test, &unplug, "q1 n1", "a1 r1");
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(s10_work_after_remove),
	KUNIT_CASE(s10_work_after_unbind),
	KUNIT_CASE(two_unbinds_at_once),
	KUNIT_CASE(unbind_and_physical_unplug_at_once),
	KUNIT_CASE(s9_failed_probe_waits_for_its_users),
	KUNIT_CASE(probe_remove_probe),
	KUNIT_CASE(s10_link_unbinds_the_consumer_first),
	KUNIT_CASE(s10_consumer_sees_the_loss),
	KUNIT_CASE(two_objects_of_one_device),
	KUNIT_CASE(component_takes_the_aggregate_down),
	KUNIT_CASE(shutdown_may_mark_or_unplug),
	{}
};

static int core_suite_init(struct kunit_suite *suite)
{
	return platform_driver_register(&core_driver);
}

static void core_suite_exit(struct kunit_suite *suite)
{
	platform_driver_unregister(&core_driver);
}

static struct kunit_suite core_suite = {
	.name = "kobjtree_bind_core",
	.suite_init = core_suite_init,
	.suite_exit = core_suite_exit,
	.init = test_init,
	.exit = test_exit,
	.test_cases = core_cases,
};

kunit_test_suite(core_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: binding and the driver core");
MODULE_LICENSE("GPL");
