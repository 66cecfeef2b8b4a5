/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Character devices whose open files may outlive the hardware.
 *
 * A driver embeds a struct kobjtree_chrdev and writes its operations in terms of
 * kernel memory; each one runs in a section of the gate. It needs no release
 * callback, no reference count and no remove().
 *
 * An open file holds the object: file -> cdev -> device -> driver's struct. It
 * pins the driver's module, too.
 */
#ifndef _LINUX_KOBJTREE_CHRDEV_H
#define _LINUX_KOBJTREE_CHRDEV_H

#include <linux/cdev.h>
#include <linux/compiler_attributes.h>
#include <linux/container_of.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/kobjtree_bind.h>
#include <linux/kobjtree_device.h>
#include <linux/poll.h>
#include <linux/types.h>

struct iov_iter;

/**
 * struct kobjtree_chrdev_ops - what a character device can do
 * @open: a file was opened. Its ->private_data is the driver's.
 * @read: put data into the iterator, which is over kernel memory of at most a
 *	page: one call for each read of user space, which takes what it gets.
 * @write: take data out of the iterator, likewise
 * @poll: as in &struct file_operations; without it, always ready
 * @ioctl: the argument of user space in kernel memory, which is zeroed, copied
 *	in for _IOC_WRITE, and copied out for _IOC_READ unless an error is
 *	returned; for _IOC_NONE the argument itself
 * @stop: the hardware's half of close: undo what the file does to the hardware
 * @release: the memory's half of close. The hardware may be gone.
 *
 * All but @release run in a section: the hardware is there until they return,
 * and they are not called once it is gone, @stop neither. To sleep, they use
 * kobjtree_wait_event(). They do not touch user memory. Each may be NULL.
 */
struct kobjtree_chrdev_ops {
	int (*open)(struct file *file);
	ssize_t (*read)(struct file *file, struct iov_iter *to);
	ssize_t (*write)(struct file *file, struct iov_iter *from);
	__poll_t (*poll)(struct file *file, struct poll_table_struct *wait);
	long (*ioctl)(struct file *file, unsigned int cmd, void *arg);
	void (*stop)(struct file *file);
	void (*release)(struct file *file);
};

/**
 * struct kobjtree_chrdev - a character device, embedded in the driver's struct
 * @kdev: the device of its class, whose object holds the driver's
 * @cdev: the character device, which holds @kdev
 * @bound: the driver's object
 * @ops: its operations
 * @watcher: takes the device node away
 *
 * No member is for drivers.
 */
struct kobjtree_chrdev {
	struct kobjtree_device kdev;
	struct cdev cdev;
	struct kobjtree_bound *bound;
	const struct kobjtree_chrdev_ops *ops;
	struct kobjtree_watcher watcher;
};

__printf(5, 6) __must_check
int __kobjtree_chrdev_register(struct kobjtree_chrdev *chr,
			       struct kobjtree_bound *bound,
			       const struct kobjtree_chrdev_ops *ops,
			       struct module *owner, const char *fmt, ...);

/**
 * kobjtree_chrdev_register() - publish a character device
 * @chr: the device, in the zeroed memory of @bound's container
 * @bound: the driver's object
 * @ops: the operations
 * @...: the name of the device node, as for printf()
 *
 * The last step of probe: it can be opened before this returns. There is no
 * unregister: the removal of @bound takes the node away.
 *
 * Context: process context, may sleep; while the device is being bound or is
 * bound.
 * Return: 0, or an error, after which there is nothing to undo.
 */
#define kobjtree_chrdev_register(chr, bound, ops, ...)			\
	__kobjtree_chrdev_register(chr, bound, ops, THIS_MODULE, __VA_ARGS__)

/**
 * kobjtree_chrdev_of() - the character device of an open file
 * @file: the file
 *
 * Context: any.
 * Return: the device, valid until the file's release has returned.
 */
static inline struct kobjtree_chrdev *kobjtree_chrdev_of(const struct file *file)
{
	return container_of(file_inode(file)->i_cdev, struct kobjtree_chrdev,
			    cdev);
}

/**
 * kobjtree_chrdev_data() - the driver's struct of an open file
 * @file: the file
 * @type: the struct, as ``struct cam``
 * @member: the &struct kobjtree_chrdev in it
 *
 * Context: any.
 * Return: the struct, valid until the file's release has returned.
 */
#define kobjtree_chrdev_data(file, type, member) \
	container_of(kobjtree_chrdev_of(file), type, member)

#endif /* _LINUX_KOBJTREE_CHRDEV_H */
