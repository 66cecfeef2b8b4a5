// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foreign counts: the object's first reference belongs to the count of a
 * struct device or of a kref, and goes when that has come to zero.
 *
 * Where CONFIG_DEBUG_KOBJECT_RELEASE delays the release of devices, a device's
 * end is waited for; that of an object never is.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kobjtree.h>
#include <linux/kobjtree_device.h>
#include <linux/kref.h>
#include <linux/sched.h>

#include "helpers.h"

#define DELAY	(30 * HZ)

/* === A device === */

struct foreign {
	struct kobjtree_device kdev;
	struct test_log *log;
	int id;
};

static struct foreign *to_foreign(struct kobjtree *obj)
{
	return container_of(obj, struct foreign, kdev.tree);
}

static void foreign_release(struct kobjtree *obj)
{
	struct foreign *foreign = to_foreign(obj);

	log_event(foreign->log, 'r', foreign->id);
}

static void foreign_free(struct kobjtree *obj)
{
	struct foreign *foreign = to_foreign(obj);

	log_event(foreign->log, 'f', foreign->id);
	atomic_dec(&foreign->log->live);
	kfree(foreign);
}

DEFINE_KOBJTREE_TYPE(foreign_type, struct foreign, kdev.tree,
		     .release = foreign_release, .free = foreign_free);

/* Event d: the last act of the device's count before its release. */
static void foreign_dev_gone(void *data)
{
	struct foreign *foreign = data;

	log_event(foreign->log, 'd', foreign->id);
}

static struct foreign *foreign_new(struct kunit *test, int id)
{
	struct foreign *foreign = kzalloc(sizeof(*foreign), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, foreign);
	foreign->log = test->priv;
	foreign->id = id;
	atomic_inc(&foreign->log->live);
	kobjtree_device_init(&foreign->kdev, &foreign_type);
	KUNIT_ASSERT_EQ(test, devm_add_action(&foreign->kdev.dev,
					      foreign_dev_gone, foreign), 0);
	return foreign;
}

static int foreign_add(struct foreign *foreign)
{
	int ret = dev_set_name(&foreign->kdev.dev, "kobjtree-foreign");

	return ret ?: device_add(&foreign->kdev.dev);
}

static void complete_it(void *data)
{
	complete(data);
}

/* Drop the device's last reference; an action of its object completes @done. */
static void put_device_wait(struct kunit *test, struct foreign *foreign,
			    struct completion *done)
{
	put_device(&foreign->kdev.dev);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(done, DELAY), 0UL);
	kobjtree_owner_barrier();
}

/* === Order === */

/* The count of the device keeps the object, whoever else comes and goes. */
static void foreign_device_keeps_its_object(struct kunit *test)
{
	struct foreign *foreign = foreign_new(test, 1);
	DECLARE_COMPLETION_ONSTACK(done);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&foreign->kdev.tree,
						  complete_it, &done), 0);
	kobjtree_get(&foreign->kdev.tree);
	kobjtree_put(&foreign->kdev.tree);
	get_device(&foreign->kdev.dev);
	put_device(&foreign->kdev.dev);
	expect_log(test, test->priv, "");
	KUNIT_EXPECT_EQ(test, kref_read(&foreign->kdev.tree.ref), 1);
	put_device_wait(test, foreign, &done);
	expect_log(test, test->priv, "d1 r1 f1");
}

/* A struct device that is gone, in memory that a holder still has. */
static void foreign_object_outlives_its_device(struct kunit *test)
{
	struct foreign *foreign = foreign_new(test, 1);
	struct test_node *holder = node_new(test, 2);
	DECLARE_COMPLETION_ONSTACK(done);
	unsigned long end;

	/* newest first: done is completed before event d */
	KUNIT_ASSERT_EQ(test, devm_add_action(&foreign->kdev.dev, complete_it,
					      &done), 0);
	kobjtree_hold(&holder->tree, &foreign->kdev.tree);
	put_device(&foreign->kdev.dev);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&done, DELAY), 0UL);
	for (end = jiffies + DELAY; time_before(jiffies, end);) {
		if (kref_read(&foreign->kdev.tree.ref) == 1)
			break;
		schedule_timeout_uninterruptible(1);
	}
	expect_log(test, test->priv, "d1");

	node_put(holder);
	expect_log(test, test->priv, "r2 r1 f1 f2");
}

/* 1 -> 2: what the object holds is there until the device has gone. */
static void foreign_object_holds_until_its_device_is_gone(struct kunit *test)
{
	struct foreign *foreign = foreign_new(test, 1);
	struct test_node *held = node_new(test, 2);
	DECLARE_COMPLETION_ONSTACK(done);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&held->tree, complete_it,
						  &done), 0);
	kobjtree_hold_give(&foreign->kdev.tree, &held->tree);
	put_device_wait(test, foreign, &done);
	expect_log(test, test->priv, "d1 r1 r2 f2 f1");
}

/* === One error path === */

static void foreign_failed_device_add_ends_with_put_device(struct kunit *test)
{
	struct foreign *foreign = foreign_new(test, 1);
	DECLARE_COMPLETION_ONSTACK(done);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&foreign->kdev.tree,
						  complete_it, &done), 0);

	/* it has no name */
	KUNIT_EXPECT_EQ(test, device_add(&foreign->kdev.dev), -EINVAL);
	KUNIT_EXPECT_EQ(test, kref_read(&foreign->kdev.tree.ref), 1);
	expect_log(test, test->priv, "");
	put_device_wait(test, foreign, &done);
	expect_log(test, test->priv, "d1 r1 f1");
}

/* An open file that has the device, when the driver has removed it. */
static void foreign_device_reference_keeps_the_object(struct kunit *test)
{
	struct foreign *foreign = foreign_new(test, 1);
	DECLARE_COMPLETION_ONSTACK(done);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&foreign->kdev.tree,
						  complete_it, &done), 0);
	KUNIT_ASSERT_EQ(test, foreign_add(foreign), 0);
	get_device(&foreign->kdev.dev);
	device_unregister(&foreign->kdev.dev);

	/* device_del() drops devres, as an unbind does */
	expect_log(test, test->priv, "d1");
	KUNIT_EXPECT_EQ(test, kref_read(&foreign->kdev.tree.ref), 1);
	KUNIT_EXPECT_STREQ(test, dev_name(&foreign->kdev.dev),
			   "kobjtree-foreign");
	put_device_wait(test, foreign, &done);
	expect_log(test, test->priv, "r1 f1");
}

DEFINE_KOBJTREE_TYPE(foreign_bare_type, struct kobjtree_device, tree);

static void foreign_device_needs_no_callback(struct kunit *test)
{
	struct kobjtree_device *kdev = kzalloc(sizeof(*kdev), GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(done);

	KUNIT_ASSERT_NOT_NULL(test, kdev);
	kobjtree_device_init(kdev, &foreign_bare_type);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&kdev->tree, complete_it,
						  &done), 0);
	put_device(&kdev->dev);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&done, DELAY), 0UL);
	kobjtree_owner_barrier();
}

/* === A kref === */

struct counted {
	struct kref ref;
	struct test_node node;
};

static void counted_free(struct kobjtree *obj)
{
	struct counted *counted = container_of(obj, struct counted, node.tree);

	log_event(counted->node.log, 'f', counted->node.id);
	atomic_dec(&counted->node.log->live);
	kfree(counted);
}

DEFINE_KOBJTREE_TYPE(counted_type, struct counted, node.tree,
		     .release = node_release, .free = counted_free);

static void counted_last_put(struct kref *ref)
{
	struct counted *counted = container_of(ref, struct counted, ref);

	log_event(counted->node.log, 'k', counted->node.id);
	node_put(&counted->node);
}

static struct counted *counted_new(struct kunit *test, int id)
{
	struct counted *counted = kzalloc(sizeof(*counted), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, counted);
	kref_init(&counted->ref);
	counted->node.log = test->priv;
	counted->node.id = id;
	atomic_inc(&counted->node.log->live);
	kobjtree_init(&counted->node.tree, &counted_type);
	return counted;
}

static void foreign_kref_goes_before_its_object(struct kunit *test)
{
	struct counted *counted = counted_new(test, 1);

	node_child(test, &counted->node, 0, 2);
	kref_get(&counted->ref);
	kref_put(&counted->ref, counted_last_put);
	expect_log(test, test->priv, "");
	kref_put(&counted->ref, counted_last_put);
	expect_log(test, test->priv, "k1 r1 r2 f2 f1");
}

static void foreign_object_outlives_its_kref(struct kunit *test)
{
	struct counted *counted = counted_new(test, 1);
	struct test_node *holder = node_new(test, 2);

	kobjtree_hold(&holder->tree, &counted->node.tree);
	kref_put(&counted->ref, counted_last_put);
	expect_log(test, test->priv, "k1");
	node_put(holder);
	expect_log(test, test->priv, "r2 r1 f1 f2");
}

static void counted_put(void *data)
{
	struct counted *counted = data;

	kref_put(&counted->ref, counted_last_put);
}

/* An object that has a reference to a foreign thing drops it in an action. */
static void foreign_kref_is_held_by_an_action(struct kunit *test)
{
	struct counted *counted = counted_new(test, 1);
	struct test_node *user = node_new(test, 2);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&user->tree, counted_put,
						  counted), 0);
	node_action(test, user, 9);
	node_put(user);
	expect_log(test, test->priv, "r2 a9 k1 r1 f1 f2");
}

static struct kunit_case foreign_cases[] = {
	KUNIT_CASE(foreign_device_keeps_its_object),
	KUNIT_CASE(foreign_object_outlives_its_device),
	KUNIT_CASE(foreign_object_holds_until_its_device_is_gone),
	KUNIT_CASE(foreign_failed_device_add_ends_with_put_device),
	KUNIT_CASE(foreign_device_reference_keeps_the_object),
	KUNIT_CASE(foreign_device_needs_no_callback),
	KUNIT_CASE(foreign_kref_goes_before_its_object),
	KUNIT_CASE(foreign_object_outlives_its_kref),
	KUNIT_CASE(foreign_kref_is_held_by_an_action),
	{}
};

static struct kunit_suite foreign_suite = {
	.name = "kobjtree_foreign",
	.init = test_init,
	.exit = test_exit,
	.test_cases = foreign_cases,
};

kunit_test_suite(foreign_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree objects with a foreign count");
MODULE_LICENSE("GPL");
