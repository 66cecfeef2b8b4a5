// SPDX-License-Identifier: GPL-2.0-only
/*
 * Character devices: minors, device nodes, and what keeps the driver's object
 * for an open file.
 *
 * Invariant: a file has a reference to the driver's object from its open to its
 * release, and its f_op, which is a part of the device, leads to it. In between,
 * nobody looks at the file's inode: one device may have several, and that of a
 * misc device does not know it.
 *
 *   registered -> node gone (wake) -> last file closed -> minor free
 */
#include <linux/idr.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "chrdev.h"

#define KOBJTREE_CHRDEV_MAGIC	0x6b6f626a	/* "kobj" */

static dev_t kobjtree_chrdev_devt;
static DEFINE_IDA(kobjtree_chrdev_minors);

static struct class *kobjtree_chrdev_class;

/* === One mapping for all files of a device, whatever inodes it has === */

static int kobjtree_chrdev_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, KOBJTREE_CHRDEV_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: its mount does not pin this module. */
static struct file_system_type kobjtree_chrdev_fs = {
	.name = "kobjtree",
	.init_fs_context = kobjtree_chrdev_init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *kobjtree_chrdev_mnt;

static void kobjtree_chrdev_put_inode(void *data)
{
	iput(data);
}

/* It goes with the last reference to the driver's object. */
static int kobjtree_chrdev_get_inode(struct kobjtree_chrdev *chr)
{
	struct inode *inode = alloc_anon_inode(kobjtree_chrdev_mnt->mnt_sb);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	chr->inode = inode;
	return kobjtree_add_action_or_reset(&chr->bound->tree,
					    kobjtree_chrdev_put_inode, inode);
}

/* === Open files === */

/* Of a file that is closed, or was never open. */
static const struct file_operations kobjtree_chrdev_closed_fops = {
	.owner = THIS_MODULE,
};

/*
 * The VFS puts the module of f_op after the release, or the failed open. By then
 * the device may be gone, and with it its file operations.
 */
static void kobjtree_chrdev_detach(struct file *file)
{
	const struct file_operations *closed = &kobjtree_chrdev_closed_fops;
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	replace_fops(file, fops_get(closed));
	kobjtree_put(&chr->bound->tree);
}

static int kobjtree_chrdev_open_gated(struct kobjtree_chrdev *chr,
				      struct inode *inode, struct file *file)
{
	if (!chr->ops->llseek)
		stream_open(inode, file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	return chr->ops->open ? chr->ops->open(file) : 0;
}

/* The device is there: its cdev is held, or the misc core's mutex. */
static int kobjtree_chrdev_open(struct inode *inode, struct file *file)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);
	const struct file_operations *raw = chr->ops->raw;
	int ret = 0;

	kobjtree_get(&chr->bound->tree);
	/* The driver's, from here on. */
	file->private_data = NULL;
	if (chr->inode)
		file->f_mapping = chr->inode->i_mapping;
	if (!raw)
		ret = kobjtree_chrdev_open_gated(chr, inode, file);
	else if (raw->open)
		ret = raw->open(inode, file);
	if (ret)
		kobjtree_chrdev_detach(file);
	return ret;
}

static void kobjtree_chrdev_stop(struct file *file)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	/* Without a section, the removal has stopped the hardware. */
	if (section)
		chr->ops->stop(file);
}

static int kobjtree_chrdev_release(struct inode *inode, struct file *file)
{
	const struct kobjtree_chrdev_ops *ops = kobjtree_chrdev_of(file)->ops;

	if (ops->raw && ops->raw->release)
		ops->raw->release(inode, file);
	if (ops->stop)
		kobjtree_chrdev_stop(file);
	if (ops->release)
		ops->release(file);
	kobjtree_chrdev_detach(file);
	return 0;
}

/* === Registration === */

/* What both flavours do first. */
static int kobjtree_chrdev_prepare(struct kobjtree_chrdev *chr,
				   struct kobjtree_bound *bound,
				   const struct kobjtree_chrdev_ops *ops,
				   struct module *owner)
{
	int ret = kobjtree_publish(bound);

	if (ret)
		return ret;
	chr->bound = bound;
	chr->ops = ops;
	kobjtree_chrdev_set_fops(chr);
	chr->fops.owner = owner;
	chr->fops.open = kobjtree_chrdev_open;
	chr->fops.release = kobjtree_chrdev_release;
	return ops->fault || ops->raw ? kobjtree_chrdev_get_inode(chr) : 0;
}

/* No section runs any more, and none will. */
static void kobjtree_chrdev_quiesce(struct kobjtree_chrdev *chr)
{
	if (chr->inode)
		unmap_mapping_range(chr->inode->i_mapping, 0, 0, 1);
	kobjtree_chrdev_kill_fasync(chr, POLL_HUP);
}

static struct kobjtree_chrdev *
kobjtree_chrdev_watched(struct kobjtree_watcher *watcher)
{
	return container_of(watcher, struct kobjtree_chrdev, watcher);
}

static int kobjtree_chrdev_watch(struct kobjtree_chrdev *chr,
				 void (*wake)(struct kobjtree_watcher *watcher),
				 void (*quiesce)(struct kobjtree_watcher *watcher))
{
	chr->watcher.wake = wake;
	chr->watcher.quiesce = quiesce;
	return kobjtree_watch(&chr->bound->gate, &chr->watcher);
}

/* === With a cdev === */

/* The last file is closed, and its minor means nothing any more. */
static void kobjtree_chrdev_free_minor(struct kobjtree *obj)
{
	struct kobjtree_chrdev *chr = container_of(obj, struct kobjtree_chrdev,
						   kdev.tree);

	ida_free(&kobjtree_chrdev_minors, MINOR(chr->kdev.dev.devt));
}

DEFINE_KOBJTREE_TYPE(kobjtree_chrdev_type, struct kobjtree_chrdev, kdev.tree,
		     .release = kobjtree_chrdev_free_minor);

static void kobjtree_chrdev_cdev_wake(struct kobjtree_watcher *watcher)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_watched(watcher);

	cdev_device_del(&chr->cdev, &chr->kdev.dev);
}

static void kobjtree_chrdev_cdev_quiesce(struct kobjtree_watcher *watcher)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_watched(watcher);

	kobjtree_chrdev_quiesce(chr);
	put_device(&chr->kdev.dev);
}

/* From here on put_device() undoes everything. */
static int kobjtree_chrdev_init(struct kobjtree_chrdev *chr)
{
	struct device *dev = &chr->kdev.dev;
	int minor;

	minor = ida_alloc_max(&kobjtree_chrdev_minors, MINORMASK, GFP_KERNEL);
	if (minor < 0)
		return minor;
	kobjtree_device_init_member(&chr->kdev, &kobjtree_chrdev_type,
				    &chr->bound->tree);
	dev->class = kobjtree_chrdev_class;
	dev->parent = chr->bound->dev;
	dev->devt = MKDEV(MAJOR(kobjtree_chrdev_devt), minor);
	return 0;
}

static int kobjtree_chrdev_add(struct kobjtree_chrdev *chr)
{
	int ret;

	ret = cdev_device_add(&chr->cdev, &chr->kdev.dev);
	if (ret)
		return ret;
	ret = kobjtree_chrdev_watch(chr, kobjtree_chrdev_cdev_wake,
				    kobjtree_chrdev_cdev_quiesce);
	if (ret)
		cdev_device_del(&chr->cdev, &chr->kdev.dev);
	return ret;
}

/* The macro kobjtree_chrdev_register() has the documentation. */
int __kobjtree_chrdev_register(struct kobjtree_chrdev *chr,
			       struct kobjtree_bound *bound,
			       const struct kobjtree_chrdev_ops *ops,
			       struct module *owner, const char *fmt, ...)
{
	struct va_format name = { .fmt = fmt };
	va_list args;
	int ret;

	ret = kobjtree_chrdev_prepare(chr, bound, ops, owner);
	ret = ret ?: kobjtree_chrdev_init(chr);
	if (ret)
		return ret;
	cdev_init(&chr->cdev, &chr->fops);
	chr->cdev.owner = owner;

	va_start(args, fmt);
	name.va = &args;
	ret = dev_set_name(&chr->kdev.dev, "%pV", &name);
	va_end(args);
	ret = ret ?: kobjtree_chrdev_add(chr);
	if (ret)
		put_device(&chr->kdev.dev);
	return ret;
}
EXPORT_SYMBOL_GPL(__kobjtree_chrdev_register);

/* === With the misc core === */

static void kobjtree_chrdev_misc_wake(struct kobjtree_watcher *watcher)
{
	misc_deregister(&kobjtree_chrdev_watched(watcher)->misc);
}

static void kobjtree_chrdev_misc_quiesce(struct kobjtree_watcher *watcher)
{
	kobjtree_chrdev_quiesce(kobjtree_chrdev_watched(watcher));
}

static int kobjtree_chrdev_misc_add(struct kobjtree_chrdev *chr)
{
	int ret;

	ret = misc_register(&chr->misc);
	if (ret)
		return ret;
	ret = kobjtree_chrdev_watch(chr, kobjtree_chrdev_misc_wake,
				    kobjtree_chrdev_misc_quiesce);
	if (ret)
		misc_deregister(&chr->misc);
	return ret;
}

/* The macro kobjtree_chrdev_register_misc() has the documentation. */
int __kobjtree_chrdev_register_misc(struct kobjtree_chrdev *chr,
				    struct kobjtree_bound *bound,
				    const struct kobjtree_chrdev_ops *ops,
				    struct module *owner, int minor,
				    const char *fmt, ...)
{
	va_list args;
	char *name;
	int ret;

	ret = kobjtree_chrdev_prepare(chr, bound, ops, owner);
	if (ret)
		return ret;
	va_start(args, fmt);
	name = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!name)
		return -ENOMEM;
	/* The misc core has no copy of it. */
	chr->misc.name = kobjtree_kstrdup(&bound->tree, name, GFP_KERNEL);
	kfree(name);
	if (!chr->misc.name)
		return -ENOMEM;
	chr->misc.minor = minor;
	chr->misc.fops = &chr->fops;
	chr->misc.parent = bound->dev;
	return kobjtree_chrdev_misc_add(chr);
}
EXPORT_SYMBOL_GPL(__kobjtree_chrdev_register_misc);

/* === Init and exit === */

static int __init kobjtree_chrdev_module_init(void)
{
	int ret;

	kobjtree_chrdev_mnt = kern_mount(&kobjtree_chrdev_fs);
	if (IS_ERR(kobjtree_chrdev_mnt))
		return PTR_ERR(kobjtree_chrdev_mnt);
	ret = alloc_chrdev_region(&kobjtree_chrdev_devt, 0, MINORMASK + 1,
				  "kobjtree");
	if (ret)
		goto err_unmount;
	/* Not a static one: it may be used until after the module is gone. */
	kobjtree_chrdev_class = class_create("kobjtree");
	if (IS_ERR(kobjtree_chrdev_class)) {
		ret = PTR_ERR(kobjtree_chrdev_class);
		goto err_unregister_region;
	}
	return 0;

err_unregister_region:
	unregister_chrdev_region(kobjtree_chrdev_devt, MINORMASK + 1);
err_unmount:
	kern_unmount(kobjtree_chrdev_mnt);
	return ret;
}
module_init(kobjtree_chrdev_module_init);

static void __exit kobjtree_chrdev_module_exit(void)
{
	kobjtree_owner_barrier();
	class_destroy(kobjtree_chrdev_class);
	unregister_chrdev_region(kobjtree_chrdev_devt, MINORMASK + 1);
	kern_unmount(kobjtree_chrdev_mnt);
}
module_exit(kobjtree_chrdev_module_exit);

MODULE_DESCRIPTION("Character devices whose files may outlive the hardware");
MODULE_LICENSE("GPL");
